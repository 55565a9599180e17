"""Reading the files of one session: the newest generation that is whole, and what stands in its way.

Nothing here writes; the caller decides what becomes of refused files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Generic, NamedTuple, TypeVar

from stui_supervisor.adapters.files.file_format import (
    DamagedFile,
    Header,
    Kind,
    NewerFormat,
    decode,
    file_name,
    parse_name,
    peek,
)
from stui_supervisor.adapters.files.links import is_link
from stui_supervisor.adapters.files.private_files import is_out_of_means, read_regular, read_start
from stui_supervisor.adapters.files.refused import RefusedFile
from stui_supervisor.adapters.sessions.codec import StoredContext, StoredRecord, decode_context, decode_stored_record
from stui_supervisor.config import CONTEXT_FILE_MAX_BYTES, HEADER_MAX_BYTES, RECORD_MAX_BYTES
from stui_supervisor.session.claim_order import Candidate
from stui_supervisor.session.records import SessionRecord

_MAX_BYTES: Final = {
    Kind.ENDPOINT: RECORD_MAX_BYTES,
    Kind.CONTEXT: CONTEXT_FILE_MAX_BYTES,
    Kind.SNAPSHOT: CONTEXT_FILE_MAX_BYTES,
}

_LOOKS: Final = 3  # the owner may rotate all of the files away between a look at the directory and at them

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Reading(Generic[_T]):
    """The newest whole generation of one kind, or None, and the newer files that were refused."""

    value: _T | None
    header: Header | None
    refused: tuple[RefusedFile, ...]

    @property
    def troubles(self) -> list[OSError]:
        """The errors of those that the disk did not give."""
        return [one.error for one in self.refused if one.error is not None]


class Look(NamedTuple):
    """What a look at a session has shown: ``candidate`` is None when there is nothing to go by.

    ``troubles`` are what the disk said of files that it did not give. ``newer`` says that the session is of a later
    version, and how that shows; it is None otherwise.
    """

    candidate: Candidate | None = None
    troubles: Sequence[OSError] = ()
    newer: NewerFormat | None = None


def generations(names: list[str]) -> dict[Kind, list[int]]:
    """The seqs of each kind among a directory's names, highest first."""
    found: dict[Kind, list[int]] = {kind: [] for kind in Kind}
    for name in names:
        if (parsed := parse_name(name)) is not None:
            found[parsed[0]].append(parsed[1])
    for seqs in found.values():
        seqs.sort(reverse=True)
    return found


def newest_record(path: str, seqs: list[int]) -> Reading[StoredRecord]:
    """The record to go by. Raises NewerFormat when the newest whole file is of a later major."""
    return _newest(path, Kind.ENDPOINT, seqs, decode_stored_record)


def newest_context(path: str, seqs: list[int]) -> Reading[StoredContext]:
    """The context to go by. Raises NewerFormat when the newest whole file is of a later major."""
    return _newest(path, Kind.CONTEXT, seqs, decode_context)


def last_sign(path: str, header: Header) -> datetime:
    """When the process that wrote this record is last known to have lived: it sets the file's time now and then."""
    try:
        touched_at = datetime.fromtimestamp(
            os.stat(os.path.join(path, file_name(header.kind, header.seq))).st_mtime, UTC
        )
    except (OSError, OverflowError, ValueError):
        return header.saved_at
    return max(header.saved_at, touched_at)


def look(path: str, session_id: str) -> Look:
    """Look at a session from outside, without reading its context. Raises OSError where nothing can be looked at."""
    for _ in range(_LOOKS):
        found = generations(os.listdir(path))
        try:
            reading = newest_record(path, found[Kind.ENDPOINT])
        except NewerFormat as error:
            return Look(newer=error)
        if reading.header or reading.refused or not found[Kind.ENDPOINT]:
            break
    troubles = reading.troubles
    context: Header | None = None
    try:
        for peeked in _peek_at_contexts(path, found[Kind.CONTEXT]):
            if isinstance(peeked, Header):
                context = peeked
                break
            troubles.append(peeked)
        if reading.header is None and context is not None:  # whose work it is, only a whole file says
            whole = newest_context(path, found[Kind.CONTEXT])
            troubles += whole.troubles
            context = whole.header
    except NewerFormat as error:
        return Look(newer=error, troubles=troubles)
    return Look(_candidate(path, session_id, reading, context), troubles)


def _candidate(path: str, session_id: str, reading: Reading[StoredRecord], context: Header | None) -> Candidate | None:
    headers = [header for header in (reading.header, context) if header is not None]
    if not headers:
        return None
    # Work without its record still has its profile and its image.
    record, turn = reading.value or StoredRecord(SessionRecord(profile=headers[0].profile))
    record = record.of_image(record.image or (context.image if context else None))
    return Candidate(
        session_id=session_id,
        record=record,
        saved_at=max(header.saved_at for header in headers),
        seq=max(header.seq for header in headers),
        live_sections=context.live_sections if context else 0,
        turn=max(turn, context.turn if context else 0),
        is_whole=not reading.refused,
        last_sign=last_sign(path, reading.header) if reading.header is not None else None,
    )


def _newest(path: str, kind: Kind, seqs: list[int], parse: Callable[[bytes], _T]) -> Reading[_T]:
    refused: list[RefusedFile] = []
    for seq in seqs:
        name = file_name(kind, seq)
        try:
            header, body = read_generation(path, kind, seq)
            return Reading(parse(body), header, tuple(refused))
        except FileNotFoundError:
            continue
        except DamagedFile as error:
            refused.append(RefusedFile(name, str(error), is_movable=_is_movable(os.path.join(path, name), error)))
        except OSError as error:
            if is_out_of_means(error):
                raise
            refused.append(RefusedFile(name, f"it cannot be read: {error.strerror}", is_movable=False, error=error))
    return Reading(None, None, tuple(refused))


def _is_movable(path: str, damage: DamagedFile) -> bool:
    """True for what is certainly ours to move: no link, and not of a later version."""
    try:
        return not damage.claims_newer and not is_link(path)
    except OSError:
        return False


def has_record(path: str) -> bool:
    """True where a record was saved, whatever it is worth by now, or where that cannot be known."""
    try:
        return bool(generations(os.listdir(path))[Kind.ENDPOINT])
    except OSError as error:
        return not isinstance(error, FileNotFoundError | NotADirectoryError)  # as one that was removed meanwhile


def has_files(path: str) -> bool:
    """True where something was saved, whatever it is worth by now."""
    with suppress(OSError):
        found = generations(os.listdir(path))
        return bool(found[Kind.ENDPOINT] or found[Kind.CONTEXT])
    return False


def read_generation(path: str, kind: Kind, seq: int) -> tuple[Header, bytes]:
    """Header and body of one file. Raises DamagedFile, NewerFormat or OSError."""
    header, body = decode(read_regular(os.path.join(path, file_name(kind, seq)), _MAX_BYTES[kind]))
    if (header.kind, header.seq) != (kind, seq):
        raise DamagedFile("it was written under another name")
    return header, body


def _peek_at_contexts(path: str, seqs: list[int]) -> Iterator[Header | OSError]:
    """The headers of these contexts, unverified, and what the disk said of those that it did not give."""
    for seq in seqs:
        file = os.path.join(path, file_name(Kind.CONTEXT, seq))
        try:
            header = peek(read_start(file, HEADER_MAX_BYTES))
        except NewerFormat:
            if (whole := _believe(file)) is not None:
                yield whole
        except (DamagedFile, FileNotFoundError):
            continue
        except OSError as error:
            if is_out_of_means(error):
                raise
            yield error
        else:
            if (header.kind, header.seq) == (Kind.CONTEXT, seq):
                yield header


def _believe(file: str) -> Header | None:
    """Read the whole file, as a flipped bit in its header is no later version. Raises NewerFormat if it is one."""
    try:
        return decode(read_regular(file, CONTEXT_FILE_MAX_BYTES))[0]
    except (DamagedFile, OSError):
        return None
