"""The JSON bodies of a session's two files.

A context is put together from the sections' own bytes, one section a line, so that saving costs
next to nothing and a person can read it. What a later version added is kept and written again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, NoReturn

from stui_supervisor import exact_json
from stui_supervisor.adapters.files.file_format import DamagedFile, checked_turn
from stui_supervisor.config import (
    IMAGE_TEXT_MAX_BYTES,
    INTEGER_MAX_DIGITS,
    KNOWN_COPIES,
    KNOWN_COPIES_STORED,
)
from stui_supervisor.context.section import (
    Section,
    check_shape,
    checksum_of,
    encode_value,
    is_checksum,
    is_encodable,
    is_section_name,
    is_tag,
)
from stui_supervisor.peer.backend_session import BackendSession
from stui_supervisor.peer.identity import Identity
from stui_supervisor.peer.process import Process
from stui_supervisor.session.records import SessionRecord

_RECORD_KEYS: Final = (  # in the order of the file
    *("profile", "endpoint", "endpoint_from_file", "wanted", "dialect", "image_id", "image_canonical"),
    *("backend_session", "client_id", "session_owner", "session_boot", "session_server", "session_uptime"),
    *("session_seen_at", "is_unnamed_told", "status"),
)
_RECORD_TEXTS: Final = (
    "endpoint",
    "dialect",
    "image_id",
    "image_canonical",
    "backend_session",
    "client_id",
    "session_owner",
    "session_boot",
    "session_server",
    "session_seen_at",
)
_LATER_KEYS: Final = (
    "image_canonical",
    "session_owner",
    "session_boot",
    "session_server",
    "session_uptime",
    "session_seen_at",
    "is_unnamed_told",
)  # left out where they say nothing
_TURN: Final = "turn"
_SESSION_NUMBER: Final = "backend_session_number"  # where a backend session's id is no text
_SECTION_KEYS: Final = {"counter", "writer", "value", "deleted", "known"}
_NOTHING: Final[Mapping[str, Any]] = {}
_ONLY_DIGITS: Final = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))
_TOO_MANY_DIGITS: Final = b"0" * (INTEGER_MAX_DIGITS + 1)


@dataclass(frozen=True, slots=True)
class StoredContext:
    """The sections of a context file, and the unknown keys of the whole and of each section."""

    sections: Mapping[str, Section] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    section_extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class StoredRecord(NamedTuple):
    """A record, and the turn in which its session was saved."""

    record: SessionRecord
    turn: int = 0


def encode_record(record: SessionRecord, turn: int = 0) -> bytes:
    """The body of the file. Raises ValueError or TypeError when something in the record is not JSON."""
    status = dict(record.status)
    if record.image is not None and _size(record.image_id) > IMAGE_TEXT_MAX_BYTES:
        if status.get("image_id") == record.image_id:
            status["image_id"] = record.image.in_short.text
        record = record.of_image(record.image.in_short)
    values = session_values(record.session)
    known = {name: values[name] if name in values else getattr(record, name) for name in _RECORD_KEYS}
    known["status"] = status
    extra = {name: value for name, value in record.extra.items() if name != _SESSION_NUMBER}
    session = record.backend_session
    is_kept = record.session is not None and record.session.can_be_stored
    known["backend_session"] = session if is_kept and isinstance(session, str) else None
    if is_kept and not isinstance(session, str):
        known[_SESSION_NUMBER] = session  # earlier versions read nothing but a text under the other key
    for name in _LATER_KEYS:
        if known[name] is None or known[name] is False:
            del known[name]
    if turn:
        known[_TURN] = turn  # an earlier version, which knows none, keeps it here
    return _json({**extra, **known}) + b"\n"


def session_values(session: BackendSession | None) -> dict[str, Any]:
    """The values under which a record holds what is known of the session in the backend."""
    process = session.process if session is not None else Process()
    return {
        "backend_session": session and session.id,
        "session_owner": session and session.owner and session.owner.canonical,
        "session_boot": process.boot and process.boot.canonical,
        "session_server": process.server and process.server.canonical,
        "session_uptime": process.uptime_s,
        "session_seen_at": session and session.seen_at and session.seen_at.isoformat(),
    }


def _session_of(values: Mapping[str, Any]) -> BackendSession | None:
    """The session in the backend; of its owner and its process nothing but the canonical form counts."""
    number, uptime = values.get(_SESSION_NUMBER), values.get("session_uptime")
    session_id = values.get("backend_session")
    if session_id is None:
        session_id = number if _is_number(number) else None
    if session_id is None:
        return None
    boot, server = _name(values.get("session_boot")), _name(values.get("session_server"))
    process = Process(boot, server, uptime if _is_number(uptime) else None)
    seen_at = _moment(values.get("session_seen_at"))
    return BackendSession(session_id, _name(values.get("session_owner")), process, seen_at)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _name(canonical: str | None) -> Identity | None:
    return None if canonical is None else Identity(canonical, canonical)


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def decode_stored_record(body: bytes) -> StoredRecord:
    """Read the body of a record. Raises DamagedFile when it is none."""
    values = json_object(body)
    turn = checked_turn(values.pop(_TURN, 0))
    profile, wanted, status = values.get("profile"), values.get("wanted"), values.get("status", _NOTHING)
    # An earlier version does not say, but of a session that it imported and never used it has no status.
    from_file = values.get("endpoint_from_file", values.get("endpoint") is not None and status == {})
    texts = {name: values.get(name) for name in _RECORD_TEXTS}
    if not isinstance(profile, str) or not isinstance(status, dict):
        raise DamagedFile("it is not the record of a session")
    if not isinstance(wanted, bool) or not isinstance(from_file, bool):
        raise DamagedFile("it is not the record of a session")
    if not all(text is None or (isinstance(text, str) and is_encodable(text)) for text in texts.values()):
        raise DamagedFile("it is not the record of a session")
    extra = {name: value for name, value in values.items() if name not in {*_RECORD_KEYS, _SESSION_NUMBER}}
    record = SessionRecord(
        profile=profile,
        endpoint=texts["endpoint"],
        endpoint_from_file=from_file,
        wanted=wanted,
        dialect=texts["dialect"],
        image_id=texts["image_id"],
        image_canonical=texts["image_canonical"],
        session=_session_of(values),
        client_id=texts["client_id"],
        is_unnamed_told=values.get("is_unnamed_told") is True,
        status=status,
        extra=extra,
    )
    return StoredRecord(record, turn)


def _size(name: str | None) -> int:
    return len(_json(name))


def _json(value: Any) -> bytes:
    """In UTF-8, as names in most scripts are shorter so; half a surrogate pair becomes its escape."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode(errors="backslashreplace")


def encode_context(stored: StoredContext) -> bytes:
    """Join the sections' bytes; no value is serialised again."""
    parts = [b'{"sections":{']
    separator, room = b"\n", KNOWN_COPIES_STORED
    for name, section in stored.sections.items():
        copies = section.known[-room:] if room else ()
        room -= len(copies)
        extra = stored.section_extra.get(name, _NOTHING)
        start = b'%s:{"counter":%d,"writer":%s' % (encode_value(name), section.counter, encode_value(section.writer))
        known = b',"known":[%s]' % ",".join(map(str, copies)).encode() if copies else b""
        parts += [separator, start, known, _members(extra)]
        parts += [b',"deleted":true}'] if section.value is None else [b',"value":', section.value, b"}"]
        separator = b",\n"
    parts += [b"\n}", _members(stored.extra), b"}\n"]
    return b"".join(parts)


def decode_context(body: bytes) -> StoredContext:
    """Read the body of a context. Raises DamagedFile when it is none."""
    return context_of(json_object(body))


def context_of(values: dict[str, Any]) -> StoredContext:
    """The context in JSON that is decoded already; takes ``sections`` out of it. Raises DamagedFile."""
    parts = values.pop("sections", None)
    if not isinstance(parts, dict):
        raise DamagedFile("it is not a context")
    sections: dict[str, Section] = {}
    section_extra: dict[str, dict[str, Any]] = {}
    for name, part in parts.items():
        sections[name] = _section(name, part)
        if extra := {key: value for key, value in part.items() if key not in _SECTION_KEYS}:
            section_extra[name] = extra
    return StoredContext(sections, values, section_extra)


def _members(extra: Mapping[str, Any]) -> bytes:
    # In ASCII: a later version may have stored texts that UTF-8 cannot carry.
    return "".join(f",{json.dumps(key)}:{json.dumps(value)}" for key, value in extra.items()).encode()


def _section(name: str, part: Any) -> Section:
    if not is_section_name(name) or not isinstance(part, dict) or not is_tag(part.get("counter"), part.get("writer")):
        raise DamagedFile("one of its sections has a wrong shape")
    if part.get("deleted") is True:
        return Section(None, part["counter"], part["writer"], _known(part))
    if "value" not in part:
        raise DamagedFile("one of its sections has a wrong shape")
    try:
        value = encode_value(part["value"])
    except (ValueError, RecursionError):
        raise DamagedFile("one of its sections has a value that cannot be kept") from None
    return Section(
        value,
        part["counter"],
        part["writer"],
        _known(part),
        stays_here=_has_too_long_integer(value, part["value"]),
        value_sum=checksum_of(part["value"]),  # here, as it would hold up the loop when the first push is made
    )


def _has_too_long_integer(encoded: bytes, value: Any) -> bool:
    """True for what an earlier version took, and no image could give back."""
    if len(encoded) <= INTEGER_MAX_DIGITS or _TOO_MANY_DIGITS not in encoded.translate(_ONLY_DIGITS):
        return False
    try:
        check_shape(value)
    except ValueError:
        return True
    return False  # it is a text


def _known(part: dict[str, Any]) -> tuple[int, ...]:
    """Without it a copy that gives way is told of once more than needed; that is no damage."""
    known = part.get("known")
    if not isinstance(known, list) or not all(map(is_checksum, known)):
        return ()
    return tuple(known[-KNOWN_COPIES:])


def json_object(body: bytes) -> dict[str, Any]:
    """Decode the JSON of an object. Raises DamagedFile when it is none."""
    try:
        values = exact_json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise DamagedFile("its body is not JSON") from None
    if not isinstance(values, dict):
        raise DamagedFile("its body is not a JSON object")
    return values


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
