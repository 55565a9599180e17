"""One named part of the work context: what may be in it, what it is called, and when two are the same.

A section is kept as canonical JSON bytes. So saving never serialises twice, a snapshot is a copy of a small
dict, and a reader can never change what is stored.
"""

from __future__ import annotations

import json
from binascii import crc32
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stui_supervisor import exact_json
from stui_supervisor.config import (
    CONTEXT_MAX_DEPTH,
    INTEGER_MAX_DIGITS,
    SECTION_NAME_MAX_LENGTH,
    SECTION_OVERHEAD_BYTES,
)
from stui_supervisor.errors import ConfigurationError

METADATA_KEY: Final = "stui_supervisor"  # our place in a backend's session state; no section has this name
RESERVED_PREFIX: Final = f"{METADATA_KEY}:"  # names of our own; no client assigns one
COUNTER_MAX: Final = 2**53 - 1  # the largest integer that every JSON reader keeps exact

_CHECKSUM_MAX: Final = 2**32 - 1
_INTEGER_BEYOND: Final = 10**INTEGER_MAX_DIGITS
_JSON_LEAVES: Final = (str, int, float, bool, type(None))
_MEND: Final = "use objects with text keys, lists, text, finite numbers, true, false and null"
_CANONICAL: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_SORTED: Final = json.JSONEncoder(sort_keys=True)


@dataclass(frozen=True, slots=True)
class Section:
    """One named part of the context, as canonical JSON.

    ``value`` is None for a section that was deleted (kept so that the deletion wins over older
    copies). ``counter`` grows with each change; ``writer`` names the process that made it.

    The others belong to one side's history, not to the section. ``known`` are checksums of earlier values that the
    image may have, the latest last; ``may_be_out`` is False until the image may have this one. ``stays_here`` is True
    for a value that no image could give back. ``value_sum`` is the value's checksum, once somebody wanted it.
    """

    value: bytes | None
    counter: int
    writer: str
    known: tuple[int, ...] = field(default=(), compare=False)
    may_be_out: bool = field(default=True, compare=False)
    stays_here: bool = field(default=False, compare=False)
    value_sum: int | None = field(default=None, compare=False)

    @property
    def tag(self) -> tuple[int, str]:
        """Which change this is."""
        return self.counter, self.writer

    def sum_of_value(self) -> int:
        """The checksum of a value that is there."""
        return checksum(self.value or b"null") if self.value_sum is None else self.value_sum


def total_bytes(sections: Mapping[str, Section]) -> int:
    """What these sections cost together."""
    # Written for many: a turn of the event loop has 10,000 of them.
    names = [name for name, section in sections.items() if section.value is not None]
    values = [section.value for section in sections.values() if section.value is not None]
    return sum(map(len, map(str.encode, names))) + sum(map(len, values)) + SECTION_OVERHEAD_BYTES * len(names)


def cost(name: str, section: Section | None) -> int:
    """The bytes of a context's limit that one section takes; a deleted one takes none: no user can make it less."""
    if section is None or section.value is None:
        return 0
    return len(name.encode()) + len(section.value) + SECTION_OVERHEAD_BYTES


def is_section_name(name: Any) -> bool:
    """True for a text that may name a section: not empty, not too long, not reserved, encodable."""
    if not isinstance(name, str) or not 0 < len(name) <= SECTION_NAME_MAX_LENGTH or name == METADATA_KEY:
        return False
    return is_encodable(name)


def is_tag(counter: Any, writer: Any) -> bool:
    """True for a counter and a writer that a section may carry."""
    if type(counter) is not int or not 0 <= counter <= COUNTER_MAX:
        return False
    return isinstance(writer, str) and len(writer) <= SECTION_NAME_MAX_LENGTH and is_encodable(writer)


def is_checksum(value: Any) -> bool:
    """True for one of ``Section.known``."""
    return type(value) is int and 0 <= value <= _CHECKSUM_MAX


def is_encodable(text: str) -> bool:
    """True unless the text holds half of a surrogate pair, which UTF-8 cannot carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encode_value(value: Any) -> bytes:
    """Canonical JSON of a checked value. Raises ValueError or TypeError for what JSON cannot hold."""
    return exact_json.dumps(value, _CANONICAL).encode()


def encode_section(name: Any, value: Any) -> bytes:
    """Canonical JSON of a section's value. Raises ConfigurationError for a name or a value that cannot be stored."""
    _check_name(name)
    try:
        check_shape(value)
        return encode_value(value)
    except (TypeError, ValueError, RecursionError) as error:  # half a surrogate pair is a UnicodeEncodeError too
        raise ConfigurationError(f"section {name!r} is not JSON: {_reason(error)}", hint=_MEND) from error


def equal(one: bytes | None, other: bytes | None) -> bool:
    """The same JSON, whatever the order of an object's keys."""
    if one == other:
        return True
    if one is None or other is None or len(one) != len(other):
        return False  # reordering keeps the length
    ours, theirs = exact_json.loads(one), exact_json.loads(other)
    # Most are told apart here, at half the cost; what Python takes for equal may be 1, 1.0 and true.
    return bool(ours == theirs) and _in_order(ours) == _in_order(theirs)


def checksum(value: bytes) -> int:
    """The same for values that are ``equal``; for others it differs, but for one in four billion."""
    return checksum_of(exact_json.loads(value))


def checksum_of(value: Any) -> int:
    """The same of a value that is read already."""
    return crc32(_in_order(value).encode())


def check_shape(value: Any) -> None:
    """Raise TypeError or ValueError for what ``json`` would bend silently or never finish, or no reply could hold."""
    _check_shape(value, CONTEXT_MAX_DEPTH)


def _in_order(value: Any) -> str:
    return exact_json.dumps(value, _SORTED)


def _check_name(name: Any) -> None:
    if is_section_name(name) and not name.startswith(RESERVED_PREFIX):
        return
    shown = ascii(name[:SECTION_NAME_MAX_LENGTH] if isinstance(name, str) else name)
    raise ConfigurationError(
        f"{shown} cannot name a section of the context",
        hint=f"use a text of 1 to {SECTION_NAME_MAX_LENGTH} characters other than {METADATA_KEY!r}, "
        f"which does not begin with {RESERVED_PREFIX!r}",
    )


def _reason(error: TypeError | ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "it is nested deeper than this program allows Python to go"
    if isinstance(error, UnicodeEncodeError):
        return "a text holds half of a surrogate pair, which UTF-8 cannot carry"
    return str(error)


def _check_shape(value: Any, levels_left: int) -> None:
    if value.__class__ is str:
        return
    if isinstance(value, _JSON_LEAVES):
        if isinstance(value, int) and not -_INTEGER_BEYOND < value < _INTEGER_BEYOND:
            raise ValueError(f"an integer has more than {INTEGER_MAX_DIGITS:,} digits; keep it as text")
        return
    if levels_left == 0:
        # A value that contains itself ends here too.
        raise ValueError(f"it is nested deeper than {CONTEXT_MAX_DEPTH} levels, or contains itself")
    if isinstance(value, dict):
        _check_keys(value)
        for item in value.values():
            _check_shape(item, levels_left - 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_shape(item, levels_left - 1)
    else:
        raise TypeError(f"{type(value).__name__} is not a JSON type")


def _check_keys(value: dict[Any, Any]) -> None:
    has_other_kinds = False
    for key in value:
        if key.__class__ is str:
            continue
        if not isinstance(key, str):
            raise TypeError(f"the key {ascii(key)[:80]} is not text")
        has_other_kinds = True
    if has_other_kinds and len(set(map(str.__str__, value))) != len(value):
        raise ValueError("two of its keys are the same text")  # of a kind of text that compares in its own way
