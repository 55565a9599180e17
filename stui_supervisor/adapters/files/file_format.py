"""The format of one stored file: a header line, then a body of UTF-8 JSON.

::

    {"magic":"stui-supervisor","kind":"context","major":1,"minor":0,"seq":7,"length":52,"writer":"0.1.0",
     "time":"2026-01-31T12:00:00.000000+00:00","profile":"default","live_sections":1,"sha256":"…"}
    {"sections":{ …

The header is one line (broken here for reading) and ``sha256`` is its last key. The digest covers
everything else in the file, in order: the line up to the comma before ``"sha256"``, then the body. So
a flipped bit is found wherever it is. These rules hold for every ``major``, which speaks of the body:
a higher minor only adds keys, a higher major is not ours to read.

A session's file is named ``<kind>.<seq>.json``; the highest ``seq`` that verifies is the truth. Of the
profiles there is one file, and a backup.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from stui_supervisor._version import __version__
from stui_supervisor.config import TURN_MAX
from stui_supervisor.peer.identity import Identity

MAGIC: Final = "stui-supervisor"
MAJOR: Final = 1
MINOR: Final = 1

_DIGEST: Final = re.compile(rb',"sha256":"([0-9a-f]{64})"\}\Z')
_NAMES_REMEMBERED: Final = 256  # those of one session's directory, which each save looks at
_NAME: Final = re.compile(r"(endpoint|context|snapshot)\.([1-9][0-9]{0,17})\.json")


class Kind(StrEnum):
    """The files of a session, and that of the profiles.

    A snapshot has the body of a context and is never read back by itself.
    """

    ENDPOINT = "endpoint"
    CONTEXT = "context"
    SNAPSHOT = "snapshot"
    PROFILES = "profiles"


class DamagedFile(Exception):
    """The file is not what was written; the text says how. ``claims_newer``: its header names a later major."""

    def __init__(self, reason: str, *, claims_newer: bool = False) -> None:
        super().__init__(reason)
        self.claims_newer = claims_newer


class NewerFormat(Exception):
    """The file is whole and of a later major format: leave it and its neighbours alone."""


class Header(NamedTuple):
    """The first line. ``live_sections`` counts what a context or a snapshot holds; other files have 0.

    ``profile`` is whose session it is; the file of all profiles has "". ``turn`` is that of a context: when the
    session was saved among all others; 0 is left out. ``image`` is whose work a context or a snapshot is, where that is
    known: the session's record may get lost.
    """

    kind: Kind
    seq: int
    saved_at: datetime
    profile: str
    live_sections: int = 0
    writer: str = __version__
    minor: int = MINOR
    turn: int = 0
    image: Identity | None = None


def file_name(kind: Kind, seq: int) -> str:
    """The name of a generation."""
    return f"{kind}.{seq}.json"


@lru_cache(maxsize=_NAMES_REMEMBERED)
def parse_name(name: str) -> tuple[Kind, int] | None:
    """Kind and seq of a generation's name; None for any other file."""
    match = _NAME.fullmatch(name)
    return (Kind(match[1]), int(match[2])) if match else None


def encode(header: Header, body: bytes) -> bytes:
    """The first line of the file whose rest is ``body``."""
    fields = {
        "magic": MAGIC,
        "kind": header.kind,
        "major": MAJOR,
        "minor": header.minor,
        "seq": header.seq,
        "length": len(body),
        "writer": header.writer,
        "time": header.saved_at.isoformat(timespec="microseconds"),
        "profile": header.profile,
        "live_sections": header.live_sections,
        **({"turn": header.turn} if header.turn else {}),
        **({"image": header.image.canonical} if header.image else {}),
    }
    start = json.dumps(fields, separators=(",", ":")).encode()[:-1]
    return b'%s,"sha256":"%s"}\n' % (start, _digest(start, body))


def decode(content: bytes) -> tuple[Header, bytes]:
    """Header and body of a file that is whole. Raises DamagedFile or NewerFormat."""
    line, newline, body = content.partition(b"\n")
    fields = _fields(line)
    later = fields.get("major") != MAJOR and isinstance(fields.get("major"), int) and fields["major"] > MAJOR
    found = _DIGEST.search(line)
    if not newline or found is None or found[1] != _digest(line[: found.start()], body):
        raise DamagedFile("its checksum does not match", claims_newer=later)
    if later:
        raise NewerFormat(f"format {fields['major']}")
    if fields.get("length") != len(body):
        raise DamagedFile("its length does not match")
    return _header(fields), body


def peek(start: bytes) -> Header:
    """The header at the start of a file, unverified: good for an order, not for a truth.

    Raises DamagedFile, or NewerFormat when it names a later major; ``decode`` then knows whether that is so.
    """
    line, newline, _ = start.partition(b"\n")
    if not newline:
        raise DamagedFile("its first line has no end")
    fields = _fields(line)
    if isinstance(fields.get("major"), int) and fields["major"] > MAJOR:
        raise NewerFormat(f"format {fields['major']}")
    return _header(fields)


def is_of_ours(start: bytes) -> bool:
    """True for the start of a file that this program may have written, however damaged the rest is."""
    return start.startswith(b'{"magic":"%s"' % MAGIC.encode())


def _digest(start: bytes, body: bytes) -> bytes:
    digest = hashlib.sha256(start)
    digest.update(body)
    return digest.hexdigest().encode()


def _fields(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise DamagedFile("its first line is not a header") from None
    if not isinstance(fields, dict) or fields.get("magic") != MAGIC:
        raise DamagedFile("its first line is not a header")
    return fields


def _header(fields: dict[str, Any]) -> Header:
    """Raises DamagedFile for a header of another shape; keys of later minors are ignored."""
    try:
        header = Header(
            kind=Kind(fields["kind"]),
            seq=fields["seq"],
            saved_at=_moment(fields["time"]),
            profile=fields["profile"],
            live_sections=fields["live_sections"],
            writer=fields["writer"],
            minor=fields["minor"],
            turn=checked_turn(fields.get("turn")),
            image=Identity.of_canonical(fields.get("image")),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        raise DamagedFile("its header is incomplete") from None
    numbers = (header.seq, header.live_sections, header.minor, fields.get("major"))
    texts = (header.profile, header.writer)
    right = all(type(number) is int for number in numbers) and all(isinstance(text, str) for text in texts)
    if not right or fields["major"] != MAJOR:
        raise DamagedFile("its header has a wrong shape")
    return header


def checked_turn(value: object) -> int:
    """The turn that a file names, or 0, which is before all others, when that cannot be one."""
    return value if type(value) is int and 0 < value <= TURN_MAX else 0


def _moment(text: str) -> datetime:
    """A time as stored. Raises ValueError without a time zone, OverflowError for a time that does not exist in UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)
