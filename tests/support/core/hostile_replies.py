"""Replies that a backend could send and none should: real ones, changed in their structure and in their bytes.

A change is a small value, so that Hypothesis can show and shrink what it found, and a find can be kept as a case.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from types import MappingProxyType
from typing import Any, Final

from hypothesis import strategies as st

from stui_supervisor.context.context import Section
from stui_supervisor.context.image_copy import encode_state_data
from stui_supervisor.wire.dialects import Dialect
from stui_supervisor.wire.service import Request, encode_error, encode_result

AT: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
ESCAPES: Final = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\n\r\x00"  # what a terminal would obey, and what reorders

_STATE: Final = json.loads(
    encode_state_data({"work": Section(b'"theirs"', 7, "them"), "gone": Section(None, 8, "them")})
)
_RESULTS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "ping": {
            "server": "Pharo",
            "version": "12.0",
            "uptime": 3.5,
            "image_id": "one",
            "capabilities": ["deadline", "idempotency"],
            "notifications": "tcp://127.0.0.1:5556",
        },
        "create_session": {"session_id": "s1", "client_id": "c", "timeout": 3600, "is_active": True},
        "restore_session": {"session_id": "s1", "session_state": _STATE, "workspace_context": None},
        "load_context": {"loaded": True, "context": _STATE},
        "update_session_state": {"session_id": "s1", "update_successful": True},
        "evaluate": {"result": "7", "result_type": "SmallInteger", "has_error": False},
    }
)
_ERRORS: Final = ("Error", "SessionNotFound", "AuthenticationFailed", "DeadlineExceeded", "RepeatedRequest")
_NAMES: Final = (
    *("id", "status", "result", "error", "error_type", "version", "payload", "type", "data", "response_type", "code"),
    *("session_id", "image_id", "capabilities", "notifications", "session_state", "context", "sections", "deleted"),
    *("stui_supervisor", "counter", "writer", "", "x" * 200, ESCAPES),
)
_VALUES: Final = (
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0.0", b"1e308", b"9" * 30, b"9" * 5_000, b"9007199254740993"),
    *(b"null", b"true", b"0", b"-1", b"[]", b"{}", b'""', b"[[]]", b'{"":{}}', b'["deadline",7,null,[],"x"]'),
    *(b'"\\ud800"', b'"\\ud83d\\ude00"', b'"\xff"', b'"\xed\xa0\x80"', b'"\x1b"', b'{"a":1,"a":2}', b'"\\u0000"'),
    *(b'"success"', b'"error"', b'"Error"', b'"Response"', b'"Request"', b'"2.0.0"', b'"1.9"', b'"two"', b'"s1"'),
    *(b'"tcp://127.0.0.1:1"', b'"tcp://192.0.2.7:1"', b'"ipc:///tmp/x"', b'"tcp://*:5556"', b'"tcp://127.0.0.1:99999"'),
    *(b"[" * 70 + b"]" * 70, b'{"a":' * 70 + b"1" + b"}" * 70, b'"' + b"x" * 300 + b'"', b'"' + b"y" * 900 + b'"'),
    *(json.dumps(ESCAPES).encode(), json.dumps(ESCAPES, ensure_ascii=False).encode()),
)


class _Raw(bytes):
    """A value that is JSON text already, or claims to be."""


class _Object(list[list[Any]]):
    """The members of an object, of which two may have one name."""


@dataclass(frozen=True, slots=True)
class Replace:
    """Another value in the place of the one with this number, counted round."""

    number: int
    value: bytes

    def __call__(self, body: bytes) -> bytes:
        return _changed(body, self.number, lambda holder, index: holder.__setitem__(index, _Raw(self.value)))


@dataclass(frozen=True, slots=True)
class Repeat:
    """The member with this number once more, with another value."""

    number: int
    value: bytes

    def __call__(self, body: bytes) -> bytes:
        return _changed_member(
            body, self.number, lambda members, at: members.append([members[at][0], _Raw(self.value)])
        )


@dataclass(frozen=True, slots=True)
class Rename:
    """Another name for the member with this number; None leaves it out."""

    number: int
    name: str | None

    def __call__(self, body: bytes) -> bytes:
        def change(members: _Object, at: int) -> None:
            members[at : at + 1] = [] if self.name is None else [[self.name, members[at][1]]]

        return _changed_member(body, self.number, change)


@dataclass(frozen=True, slots=True)
class Splice:
    """Other bytes in the place of some, from a part of the whole on."""

    part: float
    length: int
    other: bytes

    def __call__(self, body: bytes) -> bytes:
        at = int(self.part * len(body))
        return body[:at] + self.other + body[at + self.length :]


@dataclass(frozen=True, slots=True)
class Cut:
    """Only the beginning."""

    part: float

    def __call__(self, body: bytes) -> bytes:
        return body[: int(self.part * len(body))]


Change = Replace | Repeat | Rename | Splice | Cut

_NUMBERS: Final = st.integers(0, 40)
_PARTS: Final = st.floats(0, 1)
_TEXTS: Final = st.sampled_from(_VALUES) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(
    lambda text: json.dumps(text).encode()
)
STRUCTURE: Final[st.SearchStrategy[Change]] = (
    st.builds(Replace, _NUMBERS, _TEXTS)
    | st.builds(Repeat, _NUMBERS, _TEXTS)
    | st.builds(Rename, _NUMBERS, st.none() | st.sampled_from(_NAMES))
)
BYTES: Final[st.SearchStrategy[Change]] = st.builds(
    Splice,
    _PARTS,
    st.integers(0, 3),
    st.binary(max_size=3) | st.sampled_from([b"{", b"[", b'"', b",", b"\\", b"\\ud800"]),
) | st.builds(Cut, _PARTS)
CHANGES: Final = st.lists(STRUCTURE, max_size=4).flatmap(
    lambda first: st.lists(BYTES, max_size=1).map(lambda last: (*first, *last))
)
ANSWERS: Final = st.sampled_from([None, *_ERRORS])


def real_reply(request: Request, error_type: str | None = None) -> bytes:
    """What a backend answers; with an ``error_type`` a refusal."""
    if error_type is not None:
        return encode_error(request, error_type, "no", at=AT)
    return encode_result(request, dict(_RESULTS.get(request.command, {})), at=AT)


def changed(body: bytes, changes: Iterable[Change]) -> bytes:
    """The body after one change after the other; those of the structure come first, while there is one."""
    return reduce(lambda before, change: change(before), changes, body)


REQUESTS: Final = tuple(Request(dialect, "id", command, {}) for dialect in Dialect for command in _RESULTS)


def _changed(body: bytes, number: int, change: Callable[[list[Any], int], None]) -> bytes:
    tree = _read(body)
    places = list(_places(tree))
    change(*places[number % len(places)])
    return _written(tree)


def _changed_member(body: bytes, number: int, change: Callable[[_Object, int], None]) -> bytes:
    tree = _read(body)
    members = [(one, at) for one in _objects(tree) for at in range(len(one))]
    if members:
        change(*members[number % len(members)])
    return _written(tree)


def _read(body: bytes) -> list[Any]:
    """The value in a list of its own, so that it has a place like every other."""
    try:
        value = json.loads(
            body, object_pairs_hook=lambda pairs: _Object([name, value] for name, value in pairs), parse_int=_digits
        )
    except ValueError:  # an earlier change has left no structure
        value = _Raw(body)
    return [value]


def _digits(text: str) -> Any:
    return _Raw(text.encode())


def _places(holder: Sequence[Any]) -> Iterable[tuple[list[Any], int]]:
    """Every value below, as the list that holds it and where."""
    for index, value in enumerate(holder):
        if isinstance(holder, _Object):
            yield value, 1
            yield from _places(value[1]) if isinstance(value[1], list) else ()
        else:
            assert isinstance(holder, list)
            yield holder, index
            yield from _places(value) if isinstance(value, list) else ()


def _objects(value: Any) -> Iterable[_Object]:
    if isinstance(value, _Object):
        yield value
        for _, inner in value:
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def _written(tree: list[Any]) -> bytes:
    return _text(tree[0])


def _text(value: Any) -> bytes:
    match value:
        case _Raw():
            return bytes(value)
        case _Object():
            return b"{" + b",".join(json.dumps(name).encode() + b":" + _text(one) for name, one in value) + b"}"
        case list():
            return b"[" + b",".join(map(_text, value)) + b"]"
        case _:
            return json.dumps(value).encode()
