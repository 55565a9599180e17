"""The profiles on disk: one file for all of them, read whole and changed under a lock.

``profiles.json`` is a file as files/file_format.py describes it. Beside it are ``profiles.backup.json``, which is
what it was before the last change, ``profiles.lock``, and ``quarantine`` with what a person has given up. A change
is read, merged and written by one process at a time, and comes into its place by one rename; so a
reader needs no lock.

What protects the user stands in here. So a file that cannot be read, or not wholly, is never taken for one
that settles nothing: it stays where and as it is until it can be read, or until a person decides
(repair.py). Of a damaged file a profile is known whose own checksum is right.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from stui_supervisor.adapters.files.file_format import (
    DamagedFile,
    Header,
    Kind,
    NewerFormat,
    decode,
    encode,
    is_of_ours,
)
from stui_supervisor.adapters.files.links import UnsafeLink, behind_link, is_link
from stui_supervisor.adapters.files.notices import salvaged_notice
from stui_supervisor.adapters.files.private_files import (
    TEMPORARY_SUFFIX,
    make_private_directory,
    read_regular,
    read_start,
    refuse_file_above,
    store_errors,
    write_whole,
)
from stui_supervisor.adapters.profiles.codec import (
    MINOR,
    StoredProfiles,
    decode_profiles,
    encode_profiles,
    salvage_profiles,
)
from stui_supervisor.config import HEADER_MAX_BYTES, PROFILES_MAX_BYTES, PROFILES_WAIT_S, RECENT_WAIT_S
from stui_supervisor.errors import StoreError
from stui_supervisor.profile import Profile
from stui_supervisor.session.records import Notice

CONFIRM: Final = "stui-supervisor profiles confirm"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Content(NamedTuple):
    """What is known of the profiles.

    ``raw`` is the file, empty where there is none to be read; ``seq`` is 0 unless it is whole. ``doubt`` is why a
    profile that is not among the known ones may be settled all the same; "" where it certainly is not.
    """

    raw: bytes = b""
    seq: int = 0
    stored: StoredProfiles = StoredProfiles()
    doubt: str = ""


class FileProfileStore:
    """The profiles in the file at ``path``; it and its directory are made by the first change.

    ``confirm`` is the command by which a person decides. Every method raises StoreError, and nothing else, when the
    disk does not do its part, a later version has written the file, or what is asked for is not known.
    """

    def __init__(self, path: Path, utc: Callable[[], datetime] = _utc_now, *, confirm: str = CONFIRM) -> None:
        self.root = os.fspath(path.parent)
        self.name = path.name
        self.backup_name = f"{path.stem}.backup{path.suffix}"
        self.utc = utc
        self._confirm = confirm
        self._lock_path = os.fspath(path.with_suffix(".lock"))
        self._was_there = False

    def read(self, name: str) -> tuple[Profile, tuple[Notice, ...]]:
        """See ports.ProfileStore."""
        with self.errors("read the profiles"):
            content = self.look()
            profile = self._known(content, name) or Profile(name=name)
            is_salvaged = content.doubt and not content.seq
            return profile, (salvaged_notice(content.doubt, name, self._confirm),) if is_salvaged else ()

    def read_all(self) -> tuple[Mapping[str, Profile], StoreError | None]:
        """Every profile that is known by its name, and why there may be others."""
        with self.errors("read the profiles"):
            content = self.look()
            return content.stored.profiles, self._unknown(content) if content.doubt else None

    def signature(self) -> object:
        """Something that differs once the file has changed; never raises."""
        try:
            status = os.stat(self.path(self.name))
        except OSError as error:
            return error.errno
        return status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode

    def note_link(self, name: str, endpoint: str | None, *, wanted: bool, stored_as: tuple[str, ...] = ()) -> None:
        """See ports.ProfileStore."""

        def noted(known: Profile | None) -> Profile:
            profile = (known or Profile(name=name)).wishing(wanted=wanted)
            return profile if endpoint is None else profile.linked_to(endpoint, stored_as)

        self.change(name, noted, wait_s=RECENT_WAIT_S)

    def change(
        self, name: str, change: Callable[[Profile | None], Profile | None], *, wait_s: float = PROFILES_WAIT_S
    ) -> Profile | None:
        """Put what ``change`` makes of the profile in its place, and return that; None is one that is not there.

        What ``change`` raises is raised, and then nothing changes.
        """
        with self.errors("change the profiles"):
            if self._was_there:
                self.look()  # a home whose disk is gone is not made anew
            make_private_directory(self.root)
            with self.locked(wait_s):
                content = self.look()
                if content.doubt and not content.seq:
                    raise self._unknown(content, name)  # a new file would lose what cannot be read now
                before = self._known(content, name)
                changed = change(before)
                if changed != before:
                    others = {key: profile for key, profile in content.stored.profiles.items() if key != name}
                    kept = others if changed is None else {**others, name: changed}
                    self.write(content, content.stored._replace(profiles=kept))
                return changed

    def look(self) -> Content:
        """What is there. Raises NewerFormat or OSError, and StoreError for a file that is there no more."""
        try:
            raw = read_regular(self.path(self.name), PROFILES_MAX_BYTES)
            self._was_there = True
        except FileNotFoundError:
            refuse_file_above(self.path(self.name))
            trace = next(iter(self.traces()), None)
            if trace is None and self._was_there:  # no command takes it away: perhaps its disk is gone
                hint = "put it back; what it has settled holds until this program is started again"
                raise StoreError(f"{self.name} was there and is gone", hint=hint) from None
            return Content(doubt="" if trace is None else f"{self.name} is missing, and there is {trace}")
        except DamagedFile as error:
            return Content(doubt=f"{self.name} is damaged ({error})")
        try:
            content = self.whole(raw)
        except DamagedFile as error:
            return Content(raw, 0, StoredProfiles(salvage_profiles(raw)), f"{self.name} is damaged ({error})")
        if content.stored.is_complete:
            return content
        return content._replace(doubt=f"{self.name} was damaged, and other profiles in it could not be read any more")

    @staticmethod
    def whole(raw: bytes) -> Content:
        """A file that is as it was written. Raises DamagedFile or NewerFormat."""
        header, body = decode(raw)
        if header.kind is not Kind.PROFILES:
            raise DamagedFile("it was written under another name")
        return Content(raw, header.seq, decode_profiles(body))

    def traces(self) -> Iterator[str]:
        """What shows that there was a file: its backup, then copies in quarantine, the latest first; below ``root``."""
        from stui_supervisor.adapters.files.quarantine import DIRECTORY_NAME  # noqa: PLC0415 - a start needs it only here

        with suppress(FileNotFoundError):  # any other answer is none
            os.lstat(self.path(self.backup_name))
            yield self.backup_name
        with suppress(FileNotFoundError, NotADirectoryError):
            for name in sorted(os.listdir(self.path(DIRECTORY_NAME)), reverse=True):
                if name.endswith((f"-{self.name}", f"-{self.backup_name}")):
                    yield os.path.join(DIRECTORY_NAME, name)

    def write(self, before: Content, stored: StoredProfiles) -> None:
        """Put these profiles in the place of the file, and a backup of what it was beside it. Needs the lock."""
        body = encode_profiles(stored)
        header = Header(kind=Kind.PROFILES, seq=before.seq + 1, saved_at=self.utc(), profile="", minor=MINOR)
        parts = encode(header, body), body
        if sum(map(len, parts)) > PROFILES_MAX_BYTES:
            raise StoreError(f"the profiles would exceed {PROFILES_MAX_BYTES:,} bytes", hint="forget some of them")
        if before.seq:
            self._make_room_for_backup()
            self._put(self.backup_name, (before.raw,))
        self._put(self.name, parts)
        self._sweep()

    def place(self, name: str) -> str:
        """Where a file is written: behind a link in its place that leads to such a file. May raise UnsafeLink."""
        path = self.path(name)
        if not is_link(path):
            return path
        path = behind_link(path)
        if not is_of_ours(read_start(path, HEADER_MAX_BYTES)):
            raise UnsafeLink("leads to a file that is none of ours")
        return path

    def _put(self, name: str, parts: tuple[bytes, ...]) -> None:
        directory, name = os.path.split(self.place(name))
        write_whole(directory, name, parts)

    def _known(self, content: Content, name: str) -> Profile | None:
        """The profile, None where it is certain that there is none."""
        profile = content.stored.profiles.get(name)
        if profile is None and content.doubt:
            raise self._unknown(content, name)
        return profile

    def _unknown(self, content: Content, name: str | None = None) -> StoreError:
        way = self._confirm if name is None else f"{self._confirm} {name}"
        return StoreError(content.doubt, hint=f"put it back as it was, or decide what holds from now on with: {way}")

    def _make_room_for_backup(self) -> None:
        """Move a directory out of the place of the backup: a rename replaces anything else."""
        path = self.path(self.backup_name)
        if os.path.isdir(path) and not is_link(path):
            from stui_supervisor.adapters.files.quarantine import keep  # noqa: PLC0415 - as above

            keep(self.root, self.backup_name, self.utc())

    def _sweep(self) -> None:
        """Drop temporaries of a change that was cut off; with the lock none is in use."""
        with suppress(OSError):
            for name in os.listdir(self.root):
                if name.startswith((f".{self.name}.", f".{self.backup_name}.")) and name.endswith(TEMPORARY_SUFFIX):
                    os.unlink(self.path(name))

    @contextmanager
    def locked(self, wait_s: float) -> Iterator[None]:
        """Keep every other process out; raises StoreError when one stays in for so long."""
        from stui_supervisor.adapters.files.lock import LockReplaced, SessionLock  # noqa: PLC0415 - as above

        try:
            with SessionLock(self._lock_path).held(wait_s=wait_s) as is_ours:
                if not is_ours:
                    raise StoreError("another process holds the profiles", hint="try again in a moment")
                yield
        except LockReplaced as error:
            what = f"what is at {self._lock_path} is not a file"
            raise StoreError(what, hint="remove it, then try again") from error

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turn what the disk and a later version's file raise into a StoreError that says what to do."""
        with store_errors(doing, self.root):
            try:
                yield
            except NewerFormat as error:
                raise StoreError(
                    f"the profiles were written by a later version ({error}) and are left as they are",
                    hint="use that version again, or name another directory with home or STUI_SUPERVISOR_HOME",
                ) from error

    def path(self, name: str) -> str:
        """Where a file beside the profiles is."""
        return os.path.join(self.root, name)
