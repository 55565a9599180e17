"""The profiles on disk: one file for all of them, read whole and changed under a lock.

``profiles.json`` is a file as generations.py describes it. Beside it are ``profiles.backup.json``, which is
what it was before the last change, ``profiles.lock``, and ``quarantine`` with damaged files. A change
is read, merged and written by one process at a time, and comes into its place by one rename; so a
reader needs no lock, except to set aside what is damaged and put the backup in its place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from stui_supervisor.adapters.generations import Damaged, Header, Kind, NewerFormat, decode, encode
from stui_supervisor.adapters.private_files import (
    TEMPORARY_SUFFIX,
    make_private_directory,
    read_regular,
    refuse_file_above,
    store_errors,
    write_whole,
)
from stui_supervisor.adapters.profile_bodies import StoredProfiles, decode_profiles, encode_profiles
from stui_supervisor.config import CLAIM_WAIT_S, PROFILES_MAX_BYTES, PROFILES_WAIT_S, RECENT_WAIT_S
from stui_supervisor.errors import StoreError
from stui_supervisor.profile import Profile
from stui_supervisor.record import StoreNotice


def _utc_now() -> datetime:
    return datetime.now(UTC)


class _Content(NamedTuple):
    """What one file holds; ``raw`` is all of it, empty where there is no file."""

    raw: bytes = b""
    seq: int = 0
    stored: StoredProfiles = StoredProfiles()


class _Found(NamedTuple):
    """The content to go by. ``blocked`` is why the file may not be written over."""

    content: _Content
    notices: tuple[StoreNotice, ...] = ()
    is_backup: bool = False
    blocked: str = ""


class ProfileFile:
    """The profiles in the file at ``path``; it and its directory are made by the first change.

    Every method raises StoreError, and nothing else, when the disk does not do its part or a later
    version has written the file.
    """

    def __init__(self, path: Path, utc: Callable[[], datetime] = _utc_now) -> None:
        self._root = os.fspath(path.parent)
        self._name = path.name
        self._backup_name = f"{path.stem}.backup{path.suffix}"
        self._lock_path = os.fspath(path.with_suffix(".lock"))
        self._utc = utc

    def read(self, name: str) -> tuple[Profile, tuple[StoreNotice, ...]]:
        """See ports.ProfileStore."""
        profiles, notices = self.read_all()
        return profiles.get(name, Profile(name=name)), notices

    def read_all(self) -> tuple[Mapping[str, Profile], tuple[StoreNotice, ...]]:
        """Every profile by its name, and what the user has to know of damaged files."""
        with self._errors("read the profiles"):
            try:
                return self._content(self._name).stored.profiles, ()
            except FileNotFoundError:
                if not os.path.lexists(self._path(self._backup_name)):
                    refuse_file_above(self._path(self._name))
                    return {}, ()
            except Damaged:
                pass
            with self._locked(CLAIM_WAIT_S, is_needed=False) as is_ours:
                found = self._find(is_ours=is_ours)
                return found.content.stored.profiles, found.notices

    def note_link(self, name: str, endpoint: str, stored_as: tuple[str, ...] = ()) -> None:
        """See ports.ProfileStore. A damaged file is left to the next read, which tells the user."""
        with self._errors("note a link"), suppress(FileNotFoundError):
            self._content(self._name)

        def linked(known: Profile | None) -> Profile:
            return (known or Profile(name=name)).linked_to(endpoint, stored_as)

        self.change(name, linked, wait_s=RECENT_WAIT_S)

    def change(
        self, name: str, change: Callable[[Profile | None], Profile | None], *, wait_s: float = PROFILES_WAIT_S
    ) -> tuple[Profile | None, tuple[StoreNotice, ...]]:
        """Put what ``change`` makes of the profile in its place, and return that; None is one that is not there.

        What ``change`` raises is raised, and then nothing changes.
        """
        with self._errors("change the profiles"):
            make_private_directory(self._root)
            with self._locked(wait_s, is_needed=True):
                found = self._find(is_ours=True)
                if found.blocked:
                    raise StoreError(found.blocked, hint=f"move {self._path(self._name)} away, then try again")
                return self._write(found, name, change), found.notices

    def _write(self, found: _Found, name: str, change: Callable[[Profile | None], Profile | None]) -> Profile | None:
        stored = found.content.stored
        profiles = dict(stored.profiles)
        changed = change(profiles.get(name))
        if changed == profiles.pop(name, None):
            return changed
        if changed is not None:
            profiles[name] = changed
        body = encode_profiles(stored._replace(profiles=profiles))
        header = Header(kind=Kind.PROFILES, seq=found.content.seq + 1, saved_at=self._utc(), profile="")
        parts = encode(header, body), body
        if sum(map(len, parts)) > PROFILES_MAX_BYTES:
            raise StoreError(f"the profiles would exceed {PROFILES_MAX_BYTES:,} bytes", hint="forget some of them")
        if found.content.raw and not found.is_backup:
            self._make_room_for_backup()
            write_whole(self._root, self._backup_name, (found.content.raw,))
        write_whole(self._root, self._name, parts)
        self._sweep()
        return changed

    def _find(self, *, is_ours: bool) -> _Found:
        """The file, or where it is damaged or missing its backup; with the lock the damaged are set aside."""
        found, told = None, list[str]()
        for name in (self._name, self._backup_name):
            try:
                found = self._content(name)
            except FileNotFoundError:
                continue
            except Damaged as error:
                told.append(self._refuse(name, error, is_ours=is_ours))
                continue
            if name == self._name:
                return _Found(found)
            break
        if found is not None and not told:
            told = [f"{self._name} is missing"]
        used = "the profiles begin anew" if found is None else "the backup of before the last change is used"
        notices = tuple(_notice(f"{text}, and {used}") for text in told)
        is_blocked = os.path.lexists(self._path(self._name))
        if found is not None and is_ours and not is_blocked:
            with suppress(OSError):  # the next change puts it there
                write_whole(self._root, self._name, (found.raw,))
        return _Found(found or _Content(), notices, is_backup=True, blocked=told[0] if is_blocked else "")

    def _refuse(self, name: str, damage: Damaged, *, is_ours: bool) -> str:
        """Set a damaged file aside if that is ours to do; what was wrong and what became of it."""
        from stui_supervisor.adapters.quarantine import keep  # noqa: PLC0415 - a start needs it only for damage

        what = f"{name} cannot be used: {damage}"
        if damage.claims_newer or not is_ours:
            return f"{what}. It stays where it is"
        try:
            return f"{what}. It is kept as {keep(self._root, name, self._utc())}"
        except OSError as error:
            return f"{what}. It could not be set aside ({error.strerror})"

    def _content(self, name: str) -> _Content:
        """Raises Damaged, NewerFormat or OSError."""
        raw = read_regular(self._path(name), PROFILES_MAX_BYTES)
        header, body = decode(raw)
        if header.kind is not Kind.PROFILES:
            raise Damaged("it was written under another name")
        return _Content(raw, header.seq, decode_profiles(body))

    def _make_room_for_backup(self) -> None:
        """A rename goes over anything but a directory."""
        if os.path.isdir(self._path(self._backup_name)):
            from stui_supervisor.adapters.quarantine import keep  # noqa: PLC0415 - as above

            keep(self._root, self._backup_name, self._utc())

    def _sweep(self) -> None:
        """Drop temporaries of a change that was cut off; with the lock none is in use."""
        with suppress(OSError):
            for name in os.listdir(self._root):
                if name.startswith((f".{self._name}.", f".{self._backup_name}.")) and name.endswith(TEMPORARY_SUFFIX):
                    os.unlink(self._path(name))

    @contextmanager
    def _locked(self, wait_s: float, *, is_needed: bool) -> Iterator[bool]:
        """Gives True when no other process can be in here too; if that is needed, it always is."""
        from stui_supervisor.adapters.session_lock import LockReplaced, SessionLock  # noqa: PLC0415 - as above

        lock, is_ours = SessionLock(self._lock_path), False
        try:
            is_ours = lock.take(wait_s=wait_s)
        except OSError as error:
            if is_needed and isinstance(error, LockReplaced):
                what = f"what is at {self._lock_path} is not a file"
                raise StoreError(what, hint="remove it, then try again") from error
            if is_needed:
                raise
        if is_needed and not is_ours:
            raise StoreError("another process holds the profiles", hint="try again in a moment")
        try:
            yield is_ours
        finally:
            lock.give_back()

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        with store_errors(doing, self._root):
            try:
                yield
            except Damaged as error:
                raise StoreError(f"cannot {doing}: {error}", hint="the next start mends it") from error
            except NewerFormat as error:
                raise StoreError(
                    f"the profiles were written by a later version ({error}) and are left as they are",
                    hint="use that version again, or name another directory with home or STUI_SUPERVISOR_HOME",
                ) from error

    def _path(self, name: str) -> str:
        return os.path.join(self._root, name)


def _notice(message: str) -> StoreNotice:
    return StoreNotice(
        code="damaged_file", message=message, hint="see that your profiles are as you want them, and check the disk"
    )
