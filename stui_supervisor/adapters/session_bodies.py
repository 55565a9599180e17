"""The JSON bodies of a session's two files.

A context is put together from the sections' own bytes, one section a line, so that saving costs
next to nothing and a person can read it. What a later version added is kept and written again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, NamedTuple, NoReturn

from stui_supervisor.adapters.generations import Damaged, checked_turn
from stui_supervisor.config import KNOWN_COPIES, KNOWN_COPIES_STORED
from stui_supervisor.context import Section, encode_value, is_checksum, is_encodable, is_section_name, is_tag
from stui_supervisor.record import SessionRecord

_RECORD_KEYS: Final = tuple(item.name for item in fields(SessionRecord) if item.name != "extra")
_RECORD_TEXTS: Final = ("endpoint", "dialect", "image_id", "backend_session", "client_id")
_TURN: Final = "turn"
_SECTION_KEYS: Final = {"counter", "writer", "value", "deleted", "known"}
_NOTHING: Final[Mapping[str, Any]] = {}


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
    """Raises ValueError or TypeError when something in the record is not JSON."""
    known = {name: getattr(record, name) for name in _RECORD_KEYS}
    known["status"] = dict(record.status)
    if turn:
        known[_TURN] = turn  # an earlier version, which knows none, keeps it here
    return json.dumps({**record.extra, **known}, allow_nan=False).encode() + b"\n"


def decode_record(body: bytes) -> SessionRecord:
    """Raises Damaged when it is not a record."""
    return decode_stored_record(body).record


def decode_stored_record(body: bytes) -> StoredRecord:
    """The same with its turn."""
    values = json_object(body)
    turn = checked_turn(values.pop(_TURN, 0))
    profile, wanted, status = values.get("profile"), values.get("wanted"), values.get("status", _NOTHING)
    texts = {name: values.get(name) for name in _RECORD_TEXTS}
    if not isinstance(profile, str) or not isinstance(wanted, bool) or not isinstance(status, dict):
        raise Damaged("it is not the record of a session")
    if not all(text is None or (isinstance(text, str) and is_encodable(text)) for text in texts.values()):
        raise Damaged("it is not the record of a session")
    extra = {name: value for name, value in values.items() if name not in _RECORD_KEYS}
    return StoredRecord(SessionRecord(profile=profile, wanted=wanted, status=status, extra=extra, **texts), turn)


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
    """Raises Damaged when it is not a context."""
    return context_of(json_object(body))


def context_of(values: dict[str, Any]) -> StoredContext:
    """The same of JSON that is read already; takes ``sections`` out of it."""
    parts = values.pop("sections", None)
    if not isinstance(parts, dict):
        raise Damaged("it is not a context")
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
        raise Damaged("one of its sections has a wrong shape")
    if part.get("deleted") is True:
        return Section(None, part["counter"], part["writer"], _known(part))
    if "value" not in part:
        raise Damaged("one of its sections has a wrong shape")
    try:
        return Section(encode_value(part["value"]), part["counter"], part["writer"], _known(part))
    except (ValueError, RecursionError):
        raise Damaged("one of its sections has a value that cannot be kept") from None


def _known(part: dict[str, Any]) -> tuple[int, ...]:
    """Without it a copy that gives way is told of once more than needed; that is no damage."""
    known = part.get("known")
    if not isinstance(known, list) or not all(map(is_checksum, known)):
        return ()
    return tuple(known[-KNOWN_COPIES:])


def json_object(body: bytes) -> dict[str, Any]:
    """Raises Damaged when it is not the JSON of an object."""
    try:
        values = json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Damaged("its body is not JSON") from None
    if not isinstance(values, dict):
        raise Damaged("its body is not a JSON object")
    return values


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
