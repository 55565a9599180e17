"""Replies of the size that is allowed which take as much memory as such a reply can, and what reading one takes.

As a program: reads the reply with the name in its argument, and prints by how many bytes this process grew at
most, and the outcome. The command that resets the count is in proc(5) (Linux).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from stui_supervisor.config import MESSAGE_MAX_BYTES, REPLY_MAX_VALUES, VALUES_COUNTED_FROM_BYTES
from stui_supervisor.wire.dialects import decode
from stui_supervisor.wire.strict_json import MalformedMessage

_ROOM: Final = MESSAGE_MAX_BYTES - 100
_WIDE: Final = "\N{GRINNING FACE}"  # makes every character of its text four bytes
_RESET_PEAK: Final = "5"
_BYTES_PER_KB: Final = 1024


def _many(one: bytes, size: int = _ROOM) -> bytes:
    return b"[" + (one + b",") * (size // (len(one) + 1) - 1) + one + b"]"


def _keys(count: int) -> bytes:
    return b"{" + b",".join(b'"%d":0' % number for number in range(count)) + b"}"


def _text(size: int) -> bytes:
    return b'"' + b"x" * (size - 10) + _WIDE.encode() + b'"'


REPLIES: Final[Mapping[str, Callable[[], bytes]]] = MappingProxyType(
    {
        "empty lists": lambda: _many(b"[]"),
        "empty objects": lambda: _many(b"{}"),
        "objects": lambda: _many(b'{"a":[]}'),
        "short texts": lambda: _many(b'"ab"'),
        "numbers": lambda: _many(b"1.5"),
        "names": lambda: _keys(700_000),
        "objects below the count": lambda: _many(b'{"a":[]}', VALUES_COUNTED_FROM_BYTES - 100),
        "names below the count": lambda: _keys(150_000),
        "a wide text": lambda: _text(_ROOM),
        "a wide text of escapes": lambda: b'"' + b"x" * (_ROOM - 20) + b'\\ud83d\\ude00"',
        "half of a pair in a wide text": lambda: b'"' + b"x" * (_ROOM - 30) + b'\\ud83d\\ude00\\ud800"',
        "names and a wide text": lambda: b"[%s,%s]" % (_keys(REPLY_MAX_VALUES - 10), _text(_ROOM - 1_100_000)),
        "brackets": lambda: b"[" * _ROOM,
        "a long number": lambda: b"7" * _ROOM,
    }
)


def _peak(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return _BYTES_PER_KB * next(int(line.split()[1]) for line in lines if line.startswith(field))


def main(name: str) -> None:
    body = b'{"status":"success","result":%s}' % REPLIES[name]()
    assert len(body) <= MESSAGE_MAX_BYTES
    Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    before = _peak("VmRSS")
    try:
        reply = decode(body)
        outcome = "read" if reply.ok else "answered"
    except MalformedMessage:
        outcome = "refused"
    print(json.dumps([_peak("VmHWM") - before, outcome]))  # noqa: T201  # to the test


if __name__ == "__main__":
    main(*sys.argv[1:])
