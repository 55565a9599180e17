"""One session that this process owns: it alone writes there while it holds the lock.

Where the disk is read-only the lock may not be had. Then the session is only borrowed: read, and owned
by the first save that can take the lock and finds every file as it was read.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

from stui_supervisor.adapters.generations import Header, Kind, encode, file_name
from stui_supervisor.adapters.private_files import make_private_directory, write_whole
from stui_supervisor.adapters.session_bodies import StoredContext, encode_context, encode_record
from stui_supervisor.adapters.session_directory import Refused, generations, newest_context, newest_record
from stui_supervisor.adapters.session_lock import SessionLock
from stui_supervisor.adapters.tidying import Tidying
from stui_supervisor.config import CONTEXT_FILE_MAX_BYTES, RECORD_MAX_BYTES
from stui_supervisor.context import Section
from stui_supervisor.record import SessionRecord

LOCK_NAME: Final = "lock"

_TAKEN: Final = "another process owns the session now"


class OwnedSession:
    """The files of a session: read once after ``take``, then only written.

    ``record`` and ``context`` are what is stored, or was when the directory vanished. ``read_only`` is
    why it had to be borrowed. Every method may raise OSError.
    """

    def __init__(self, path: str, profile: str) -> None:
        self.path = path
        self.record = SessionRecord(profile=profile)
        self.context = StoredContext()
        self._lock = SessionLock(os.path.join(path, LOCK_NAME))
        self._next_seq = dict.fromkeys(Kind, 1)
        self._tidying = Tidying(path)
        self.read_only: OSError | None = None
        self._as_read: dict[Kind, list[int]] = {}

    def take(self) -> bool:
        """Own the session; False when another process does."""
        return self._lock.take()

    def borrow(self, why: OSError) -> bool:
        """Go on without owning it, until the first save that can; False when a living process owns it."""
        if self._lock.is_held():
            return False
        self.read_only = why
        return True

    def release(self) -> None:
        """Let another process own it."""
        self._lock.give_back()

    def load(self) -> list[Refused]:
        """Read what is stored; the result is what could not be used. Raises NewerFormat, and then owns nothing."""
        found = self._as_read = generations(os.listdir(self.path))
        record = newest_record(self.path, found[Kind.ENDPOINT])
        context = newest_context(self.path, found[Kind.CONTEXT])
        self._next_seq = {kind: seqs[0] + 1 if seqs else 1 for kind, seqs in found.items()}
        refused = [*record.refused, *context.refused]
        # What looks like a later version's file is never rotated away.
        self._tidying.spared |= {file.name for file in refused if not file.is_movable}
        if record.value is not None:
            self.record = record.value
        if context.value is not None:
            self.context = context.value
        return refused

    def save_record(self, record: SessionRecord, at: datetime) -> None:
        """Write the next generation. Raises ValueError when the record cannot be a page of JSON."""
        header = self._header(Kind.ENDPOINT, at, record.profile)
        parts = _file(header, encode_record(record))
        # The status is a courtesy to other processes, the rest is needed. Its longest part may be in any script.
        for status in ({**record.status, "last_error": None}, {}):
            if _size(parts) > RECORD_MAX_BYTES:
                parts = _file(header, encode_record(replace(record, status=status)))
        if _size(parts) > RECORD_MAX_BYTES:
            raise ValueError(f"the record has {_size(parts):,} bytes, and {RECORD_MAX_BYTES:,} are allowed")
        self.record = record
        self._write(header, parts)

    def save_context(self, sections: Mapping[str, Section], at: datetime) -> int:
        """Write the next generation and return its size. Raises ValueError when it could not be read again."""
        stored = replace(self.context, sections=dict(sections))
        header, parts = self._context_file(Kind.CONTEXT, stored, at)
        self.context = stored
        self._write(header, parts)
        return _size(parts)

    def save_snapshot(self, sections: Mapping[str, Section], at: datetime) -> None:
        """Write a copy beside the context. Raises ValueError when it could not be read again."""
        self._write(*self._context_file(Kind.SNAPSHOT, StoredContext(sections), at))

    def _context_file(self, kind: Kind, stored: StoredContext, at: datetime) -> tuple[Header, tuple[bytes, ...]]:
        live = sum(section.value is not None for section in stored.sections.values())
        header = self._header(kind, at, self.record.profile, live)
        parts = _file(header, encode_context(stored))
        if _size(parts) > CONTEXT_FILE_MAX_BYTES:
            raise ValueError(f"the {kind} has {_size(parts):,} bytes, and {CONTEXT_FILE_MAX_BYTES:,} can be kept")
        return header, parts

    def _header(self, kind: Kind, at: datetime, profile: str, live_sections: int = 0) -> Header:
        seq = self._next_seq[kind]
        self._next_seq[kind] = seq + 1  # of a save that fails as well: no name is used twice
        return Header(kind=kind, seq=seq, saved_at=at, profile=profile, live_sections=live_sections)

    def _write(self, header: Header, parts: tuple[bytes, ...]) -> None:
        self._own_what_was_borrowed()
        name = file_name(header.kind, header.seq)
        try:
            write_whole(self.path, name, parts)
        except FileNotFoundError:
            if os.path.isdir(self.path):
                raise
            self._make_again()
            write_whole(self.path, name, parts)
            if header.kind is not Kind.ENDPOINT:
                self.save_record(self.record, header.saved_at)
            if header.kind is not Kind.CONTEXT and self.context.sections:
                self.save_context(self.context.sections, header.saved_at)
        self._tidying.written(header, _size(parts))
        with suppress(OSError):  # the save is done; what is left over goes with the next one
            self._tidying.tidy(header.kind)

    def _own_what_was_borrowed(self) -> None:
        if self.read_only is None:
            return
        self._refuse_what_went_on()  # before the lock as well: taking it would make a directory that is gone
        if not self._lock.take():
            raise BlockingIOError(errno.EAGAIN, _TAKEN)
        try:
            self._refuse_what_went_on()
        except OSError:
            self._lock.give_back()
            raise
        self.read_only = None

    def _refuse_what_went_on(self) -> None:
        """Somebody who owned the session meanwhile has left newer work than we know of."""
        if generations(os.listdir(self.path)) != self._as_read:
            raise BlockingIOError(errno.EAGAIN, "another process has continued the session")

    def _make_again(self) -> None:
        """Somebody removed the directory, and our lock with it."""
        self._lock.give_back()
        make_private_directory(self.path)
        if not self._lock.take():
            raise BlockingIOError(errno.EAGAIN, _TAKEN)


def _file(header: Header, body: bytes) -> tuple[bytes, ...]:
    return encode(header, body), body


def _size(parts: tuple[bytes, ...]) -> int:
    return sum(map(len, parts))
