"""Removing a session that holds nothing anybody could miss, or that nobody has used for a long time.

Call these under the claim lock, so that no claim meets the session while it goes. None raises OSError.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final, NamedTuple

from stui_supervisor.adapters.files.file_format import DamagedFile, Kind, NewerFormat, decode, file_name, peek
from stui_supervisor.adapters.files.links import directory_behind_link, is_link
from stui_supervisor.adapters.files.lock import LOCK_NAME, SessionLock
from stui_supervisor.adapters.files.private_files import read_regular, read_start
from stui_supervisor.adapters.sessions.pruning import cut_off
from stui_supervisor.adapters.sessions.reader import generations, look
from stui_supervisor.config import CONTEXT_FILE_MAX_BYTES, HEADER_MAX_BYTES

_IS_WINDOWS: Final = os.name == "nt"


def remove_if_empty(path: str) -> bool:
    """Remove the session, unless it is owned, has work or a snapshot, or holds anything that we cannot judge."""
    return _remove(path, _worthless_files)


def remove_if_outlived(path: str, saved_before: datetime) -> bool:
    """Remove the session, unless it is owned, was saved since, or holds a file that is not of this version."""
    return _remove(path, lambda path: _outlived_files(path, saved_before))


def remove_made_in_vain(path: str) -> None:
    """Remove the directory of a new session whose lock cannot be had; nobody else knows its name."""
    for remove, name in ((os.unlink, os.path.join(path, LOCK_NAME)), (os.rmdir, path)):
        with suppress(OSError):
            remove(name)


def _remove(path: str, removable_files: Callable[[str], list[str] | None]) -> bool:
    """True when the session is gone."""
    with suppress(OSError):
        is_linked = not _IS_WINDOWS and is_link(path)
        place = directory_behind_link(path) if is_linked else path  # found once: nothing is removed anywhere else
        if not os.path.isdir(place):  # a lock may make the directory of a session that is gone
            return False
        with SessionLock(os.path.join(place, LOCK_NAME)).held() as is_ours:
            removable = removable_files(place) if is_ours else None
            if removable is None:
                return False
            for name in removable:
                os.unlink(os.path.join(place, name))
            if not _IS_WINDOWS:
                _remove_rest(place, is_elsewhere=is_linked)
        if _IS_WINDOWS:  # which removes no open file
            _remove_rest(place)
        if is_linked:
            os.unlink(path)
        return True
    return False


def _remove_rest(path: str, *, is_elsewhere: bool = False) -> None:
    with suppress(FileNotFoundError):  # filelock removes it itself on Windows
        os.unlink(os.path.join(path, LOCK_NAME))
    try:
        os.rmdir(path)  # refuses when somebody put a file there meanwhile
    except OSError:
        if not is_elsewhere or os.listdir(path):
            raise
        # A directory elsewhere may be one that has to stay, as where a disk is mounted.


def _worthless_files(path: str) -> list[str] | None:
    """All files but the lock, the record last, so that a crash leaves a session; None when one is worth keeping."""
    ours = _our_files(path, Kind.CONTEXT, Kind.ENDPOINT)
    if ours is None:
        return None
    try:
        headers = [decode(read_regular(os.path.join(path, name), CONTEXT_FILE_MAX_BYTES))[0] for name in ours.saved]
    except (DamagedFile, NewerFormat):
        return None  # it may be work
    return None if any(header.live_sections for header in headers) else ours.all


def _outlived_files(path: str, saved_before: datetime) -> list[str] | None:
    """All files but the lock, as above; None when the session has been used, or by a later version."""
    ours = _our_files(path, Kind.SNAPSHOT, Kind.CONTEXT, Kind.ENDPOINT)
    if ours is None:
        return None
    try:
        seen = look(path, os.path.basename(path))
        for name in ours.saved:
            with suppress(DamagedFile):
                peek(read_start(os.path.join(path, name), HEADER_MAX_BYTES))
    except NewerFormat:
        return None
    candidate = seen.candidate if seen.newer is None and not seen.troubles else None
    return ours.all if candidate is not None and candidate.saved_at < saved_before else None


class _OurFiles(NamedTuple):
    """What this program put into a session's directory, the lock left out."""

    cut_off: list[str]
    saved: list[str]

    @property
    def all(self) -> list[str]:
        return [*self.cut_off, *self.saved]


def _our_files(path: str, *kinds: Kind) -> _OurFiles | None:
    """The files of these kinds, the oldest of each first; None when something else is there too."""
    names = os.listdir(path)
    found = generations(names)
    ours = _OurFiles(sorted(cut_off(names)), [file_name(kind, seq) for kind in kinds for seq in reversed(found[kind])])
    # Anything else is a snapshot that counts, or something that a person or a later version put there; so is a link.
    is_ours = set(names) <= {LOCK_NAME, *ours.all} and not any(is_link(os.path.join(path, name)) for name in names)
    return ours if is_ours else None
