"""What a person decides about profiles that cannot be read any more: ``profiles confirm``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from stui_supervisor.adapters.files.file_format import DamagedFile, NewerFormat
from stui_supervisor.adapters.files.private_files import read_regular
from stui_supervisor.adapters.files.quarantine import keep, keep_copy
from stui_supervisor.adapters.profiles.codec import salvage_profiles
from stui_supervisor.adapters.profiles.store import Content, FileProfileStore
from stui_supervisor.config import PROFILES_MAX_BYTES, PROFILES_WAIT_S
from stui_supervisor.profile import Profile

NOWHERE: Final = ""


class Decision(NamedTuple):
    """One profile as it holds from now on, and the file it was read from; NOWHERE: nothing is settled for it."""

    profile: Profile
    source: str


def confirm(file: FileProfileStore, name: str | None) -> list[Decision]:
    """Write the profiles anew from what can be read, and keep what was there under quarantine; the profiles decided on.

    With a ``name`` only that one is decided on: others that cannot be read stay unknown. Nothing is done where nothing
    is in doubt. Raises StoreError, and changes nothing, for a file of a later version, one that cannot be reached, and
    a link that leads elsewhere.
    """
    with file.errors("confirm the profiles"):
        if not _is_in_doubt(file.look(), name):
            return []
        with file.locked(PROFILES_WAIT_S):
            content = file.look()
            decided = _decided(file, content, name) if _is_in_doubt(content, name) else []
            if decided or name is None:
                profiles = dict(content.stored.profiles) | {one.profile.name: one.profile for one in decided}
                file.place(file.name)  # a link that leads elsewhere is refused before anything is kept
                stored = content.stored._replace(profiles=profiles, is_complete=name is None)
                if content.seq:
                    file.write(content, stored)
                else:
                    with _set_aside(file, content):
                        file.write(content, stored)
            return decided


def _is_in_doubt(content: Content, name: str | None) -> bool:
    """True unless ``name`` is known already, and no other is lost with the file it stands in."""
    return bool(content.doubt) and (not content.seq or name not in content.stored.profiles)


def _decided(file: FileProfileStore, content: Content, name: str | None) -> list[Decision]:
    known = content.stored.profiles
    found = {} if content.seq else {one: Decision(profile, file.name) for one, profile in known.items()}
    for trace in _latest_traces(file):
        for one, profile in _readable(file, trace).items():
            if one not in known:
                found.setdefault(one, Decision(profile, trace))
    if name is None:
        return list(found.values())
    return [found.get(name, Decision(Profile(name=name), NOWHERE))]


def _latest_traces(file: FileProfileStore) -> list[str]:
    """The backup, and of the copies in quarantine the latest of each file."""
    latest: dict[str, str] = {}
    for trace in file.traces():
        latest.setdefault(os.path.basename(trace).partition("-")[2], trace)
    return list(latest.values())


def _readable(file: FileProfileStore, name: str) -> dict[str, Profile]:
    with suppress(DamagedFile, NewerFormat, OSError):
        raw = read_regular(file.path(name), PROFILES_MAX_BYTES)
        try:
            return dict(file.whole(raw).stored.profiles)
        except DamagedFile:
            return salvage_profiles(raw)
    return {}


@contextmanager
def _set_aside(file: FileProfileStore, content: Content) -> Iterator[None]:
    """Keep what was there; a link stays, and what it leads to is written over after a copy of it is kept.

    When the new one cannot be written, what was there is there again.
    """
    with suppress(FileNotFoundError, DamagedFile):
        backup = read_regular(file.path(file.backup_name), PROFILES_MAX_BYTES)
        keep_copy(file.root, file.backup_name, backup, file.utc())
    path, kept = file.path(file.name), None
    with suppress(FileNotFoundError):
        if content.raw:  # what was there stays until the new one takes its place, also when this process is killed
            keep_copy(file.root, file.name, content.raw, file.utc())
        else:
            kept = keep(file.root, file.name, file.utc())
    try:
        yield
    except BaseException:
        if kept is not None:
            with suppress(OSError):
                os.replace(kept, path)
        raise
