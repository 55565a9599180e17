"""One session that this process owns: it alone writes there while it holds the lock.

Where the disk is read-only the lock may not be had. Then the session is only borrowed: read, and owned
by the first save that can take the lock and finds every file as it was read.

Somebody may remove or replace the lock, files or the whole directory under us. That is looked for at each save:
the lock is taken anew where nobody else has it and nobody wrote meanwhile; what is missing is written again.
Otherwise the session is another process's by now, and nothing is written there any more.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

from stui_supervisor.adapters.files.file_format import Header, Kind, encode, file_name
from stui_supervisor.adapters.files.links import directory_behind_link, is_link
from stui_supervisor.adapters.files.lock import LOCK_NAME, LockReplaced, SessionLock
from stui_supervisor.adapters.files.private_files import make_private_directory, write_whole
from stui_supervisor.adapters.files.refused import RefusedFile, UsedParts
from stui_supervisor.adapters.sessions.codec import StoredContext, encode_context, encode_record
from stui_supervisor.adapters.sessions.numbers import bring_down
from stui_supervisor.adapters.sessions.pruning import Pruning, cut_off
from stui_supervisor.adapters.sessions.reader import generations, last_sign, newest_context, newest_record
from stui_supervisor.config import CONTEXT_FILE_MAX_BYTES, RECORD_MAX_BYTES, SEQ_BELIEVED_MAX, SEQ_MAX
from stui_supervisor.context.context import Section
from stui_supervisor.peer.identity import Identity
from stui_supervisor.session.records import SessionRecord

_IS_WINDOWS: Final = os.name == "nt"

_TAKEN: Final = "another process owns the session now"
_CONTINUED: Final = "another process has continued the session"
_REMOVED: Final = "somebody has removed the session"
_NO_LOCK: Final = "what is in the place of its lock is not a file"
_NO_NUMBER: Final = "a file with the last possible number is in the way"

_SENTENCES: Final = ("problems", "summary")  # what a status can do without first

_Mark = tuple[int, int, int]


class SessionTakenOver(OSError):
    """The session is not ours any more; what is there belongs to somebody else."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EAGAIN, why)


class OwnedSession:
    """The files of a session: read once after ``take``, then only written.

    ``record`` and ``context`` are what is stored, or was when the directory vanished; ``turn`` goes with what is saved
    next. ``read_only`` is why it had to be borrowed. Every method may raise OSError, a save SessionTakenOver.
    """

    def __init__(self, path: str, profile: str) -> None:
        self.path = path
        self.record = SessionRecord(profile=profile)
        self.turn = 0
        self.context = StoredContext()
        self._context_image: Identity | None = None
        self._lock = SessionLock(os.path.join(path, LOCK_NAME))
        self._next_seq = dict.fromkeys(Kind, 1)
        self._pruning = Pruning(path)
        self.read_only: OSError | None = None
        self.last_sign: datetime | None = None
        self.used = UsedParts(None, None)
        self.is_older_copy = False
        self._known: dict[Kind, list[int]] = {kind: [] for kind in Kind}
        self._cut_off: set[str] = set()
        self._newest: dict[Kind, tuple[int, _Mark | None]] = {}

    def take(self) -> bool:
        """Own the session; False when another process does."""
        return self._lock.take()

    def borrow(self, why: OSError) -> bool:
        """Go on without owning it, until the first save that can; False when a living process owns it."""
        if self._lock.is_held():
            return False
        self.read_only = why
        return True

    def sign_of_life(self, at: datetime) -> None:
        """Set the time of the newest record's file, cheaper than a save; nothing if another process wrote it."""
        seq, mark = self._newest.get(Kind.ENDPOINT, (0, None))
        if self.read_only is None and mark is not None and mark == self._mark(Kind.ENDPOINT, seq):
            os.utime(os.path.join(self.path, file_name(Kind.ENDPOINT, seq)), (at.timestamp(), at.timestamp()))
            self._newest[Kind.ENDPOINT] = seq, self._mark(Kind.ENDPOINT, seq)

    def release(self) -> None:
        """Let another process own it."""
        self._lock.give_back()

    def load(self) -> list[RefusedFile]:
        """Read what is stored; the result is what could not be used. Raises NewerFormat, and then owns nothing."""
        found = self._known = generations(os.listdir(self.path))
        record = newest_record(self.path, found[Kind.ENDPOINT])
        context = newest_context(self.path, found[Kind.CONTEXT])
        for kind, seqs in found.items():
            self._next_seq[kind] = max((seq for seq in seqs if seq <= SEQ_BELIEVED_MAX), default=0) + 1
        for header in (record.header, context.header):
            if header is not None:
                self._note(header)
        refused = [*record.refused, *context.refused]
        work_at, record_at = (header.saved_at if header else None for header in (context.header, record.header))
        self.used, self.is_older_copy = UsedParts(work_at, record_at), bool(context.refused and context.header)
        # What looks like a later version's file is never rotated away.
        self._pruning.spared |= {file.name for file in refused if not file.is_movable}
        if record.value is not None:
            self.record, self.turn = record.value
        if record.header is not None:
            self.last_sign = last_sign(self.path, record.header)
        if context.value is not None:
            self.context = context.value
        if context.header is not None:
            self.turn = max(self.turn, context.header.turn)
            self._context_image = context.header.image
            self.record = self.record.of_image(self.record.image or context.header.image)
        return refused

    def save_record(self, record: SessionRecord, at: datetime) -> None:
        """Write the next generation. Raises ValueError when the record cannot be a page of JSON."""
        body = encode_record(record, self.turn)
        header = self._header(Kind.ENDPOINT, at, record.profile)
        parts = _file(header, body)
        # The status is a courtesy to other processes, the rest is needed. Its longest part may be in any script.
        short = {name: value for name, value in record.status.items() if name not in _SENTENCES}
        for status in (short, {**short, "last_error": None}, {}):
            if _size(parts) > RECORD_MAX_BYTES:
                parts = _file(header, encode_record(replace(record, status=status), self.turn))
        if _size(parts) > RECORD_MAX_BYTES:
            raise ValueError(f"the record has {_size(parts):,} bytes, and {RECORD_MAX_BYTES:,} are allowed")
        self.record = record
        self._write(header, parts)
        if self.context.sections and record.image not in {None, self._context_image}:
            self.save_context(self.context.sections, at)  # the work says whose it is, too

    def save_context(self, sections: Mapping[str, Section], at: datetime) -> int:
        """Write the next generation and return its size. Raises ValueError when it could not be read again."""
        stored = replace(self.context, sections=dict(sections))
        header, parts = self._context_file(Kind.CONTEXT, stored, at)
        self.context = stored
        self._write(header, parts)
        self._context_image = header.image
        return _size(parts)

    def save_snapshot(self, sections: Mapping[str, Section], at: datetime) -> None:
        """Write a copy beside the context. Raises ValueError when it could not be read again."""
        self._write(*self._context_file(Kind.SNAPSHOT, StoredContext(sections), at))

    def _context_file(self, kind: Kind, stored: StoredContext, at: datetime) -> tuple[Header, tuple[bytes, ...]]:
        body = encode_context(stored)
        live = sum(section.value is not None for section in stored.sections.values())
        header = self._header(kind, at, self.record.profile, live)
        parts = _file(header, body)
        if _size(parts) > CONTEXT_FILE_MAX_BYTES:
            raise ValueError(f"the {kind} has {_size(parts):,} bytes, and {CONTEXT_FILE_MAX_BYTES:,} can be kept")
        return header, parts

    def _header(self, kind: Kind, at: datetime, profile: str, live_sections: int = 0) -> Header:
        """The header of a new file of a session that is ours, numbered above every other. Raises SessionTakenOver."""
        if not _IS_WINDOWS and is_link(self.path):  # moved meanwhile: what the next start refuses is not written
            directory_behind_link(self.path)
        if self.read_only is not None:
            self._own_what_was_borrowed()
        elif not self._lock.is_in_place():
            self._take_again()
        found = self._look()
        if found[kind] and found[kind][0] > SEQ_BELIEVED_MAX:
            bring_down(self.path, kind, found[kind], at)
            found = self._look()
        highest = found[kind][0] if found[kind] else 0
        seq = highest + 1 if highest > SEQ_BELIEVED_MAX else max(highest + 1, self._next_seq[kind])
        if seq > SEQ_MAX:
            raise SessionTakenOver(_NO_NUMBER)
        self._next_seq[kind] = seq + 1  # of a save that fails as well: no name is used twice
        turn = self.turn if kind is Kind.CONTEXT else 0
        image = None if kind is Kind.ENDPOINT else self.record.image
        return Header(kind, seq, at, profile, live_sections=live_sections, turn=turn, image=image)

    def _look(self) -> dict[Kind, list[int]]:
        names = os.listdir(self.path)
        self._known, self._cut_off = generations(names), cut_off(names)
        return self._known

    def _write(self, header: Header, parts: tuple[bytes, ...]) -> None:
        write_whole(self.path, file_name(header.kind, header.seq), parts)
        seqs = self._known[header.kind]
        seqs.insert(0, header.seq)
        self._note(header)
        if not self._lock.is_in_place():  # who took it meanwhile may not have seen this file
            self._take_again()
        self._write_what_is_missing(header)
        self._pruning.written(header, _size(parts))
        with suppress(OSError):  # the save is done; what is left over goes with the next one
            self._pruning.tidy(header.kind, seqs, self._cut_off)

    def _note(self, header: Header) -> None:
        """Remember the newest file of its kind, to know it again."""
        self._newest[header.kind] = header.seq, self._mark(header.kind, header.seq)

    def _write_what_is_missing(self, header: Header) -> None:
        """Somebody removed files, or the whole directory: what this save does not hold is written as well."""
        for kind, save in (
            (Kind.ENDPOINT, lambda: self.save_record(self.record, header.saved_at)),
            (Kind.CONTEXT, lambda: self.save_context(self.context.sections, header.saved_at)),
        ):
            if kind is not header.kind and kind in self._newest and self._newest[kind][0] not in self._known[kind]:
                save()

    def _own_what_was_borrowed(self) -> None:
        self._refuse_what_went_on()  # before the lock as well: taking it would make a directory that is gone
        if not self._lock.take():
            raise SessionTakenOver(_TAKEN)
        try:
            self._refuse_what_went_on()
        except OSError:
            self._lock.give_back()
            raise
        self.read_only = None

    def _refuse_what_went_on(self) -> None:
        """Somebody who owned the session meanwhile has left newer work than we know of, or has removed it."""
        try:
            names = os.listdir(self.path)
        except FileNotFoundError as error:
            raise SessionTakenOver(_REMOVED) from error
        if generations(names) != self._known:
            raise SessionTakenOver(_CONTINUED)

    def _take_again(self) -> None:
        """The lock is gone, perhaps with its directory, or another file is in its place. May raise SessionTakenOver."""
        self._lock.give_back()
        make_private_directory(self.path)
        try:
            is_ours = self._lock.take()
        except LockReplaced as error:
            raise SessionTakenOver(_NO_LOCK) from error
        if not is_ours:
            raise SessionTakenOver(_TAKEN)
        if not self._is_as_known():
            self._lock.give_back()
            raise SessionTakenOver(_CONTINUED)

    def _is_as_known(self) -> bool:
        """True when nothing is there but what we know; files may be missing."""
        found = generations(os.listdir(self.path))
        if any(not set(found[kind]) <= set(self._known[kind]) for kind in Kind):
            return False
        marks = ((mark, self._mark(kind, seq)) for kind, (seq, mark) in self._newest.items())
        return all(now is None or now == mark for mark, now in marks)

    def _mark(self, kind: Kind, seq: int) -> _Mark | None:
        """What identifies the content of a file; None where there is no file."""
        with suppress(OSError):
            status = os.lstat(os.path.join(self.path, file_name(kind, seq)))
            return status.st_ino, status.st_mtime_ns, status.st_size
        return None


def _file(header: Header, body: bytes) -> tuple[bytes, ...]:
    return encode(header, body), body


def _size(parts: tuple[bytes, ...]) -> int:
    return sum(map(len, parts))
