"""JSON whose integers come and go exact, however few digits the host program lets Python convert.

``sys.set_int_max_str_digits`` belongs to the host: work that one program has stored must not become unreadable
to another one that allows less. Only what Python refuses takes the slower way through here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from stui_supervisor.config import INTEGER_DIGITS_ALWAYS_READ

_SMALL: Final = 10**INTEGER_DIGITS_ALWAYS_READ


def loads(text: str | bytes, *, parse_constant: Callable[[str], Any] | None = None) -> Any:
    """As ``json.loads``, which raises ValueError for what is no JSON."""
    try:
        return json.loads(text, parse_constant=parse_constant)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except ValueError:
        return json.loads(text, parse_constant=parse_constant, parse_int=integer_of)


def dumps(value: Any, encoder: json.JSONEncoder) -> str:
    """The value as this encoder writes it. Raises ValueError or TypeError for what JSON cannot hold."""
    try:
        return encoder.encode(value)
    except ValueError:
        return _by_parts(value, encoder)


def integer_of(digits: str) -> int:
    """The integer that is written in these decimal digits, perhaps behind a minus sign."""
    if digits.startswith("-"):
        return -integer_of(digits[1:])
    if len(digits) <= INTEGER_DIGITS_ALWAYS_READ:
        return int(digits)
    low = len(digits) // 2
    power: int = 10**low
    return integer_of(digits[:-low]) * power + integer_of(digits[-low:])


def _digits_of(value: int) -> str:
    if value < 0:
        return f"-{_digits_of(-value)}"
    if value < _SMALL:
        return str(value)
    low = value.bit_length() * 3 // 20  # half of the digits, roughly
    upper, lower = divmod(value, 10**low)
    return _digits_of(upper) + _digits_of(lower).zfill(low)


def _by_parts(value: Any, encoder: json.JSONEncoder) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return _digits_of(int(value))
    if isinstance(value, dict):
        items = sorted(value.items()) if encoder.sort_keys else value.items()
        separator = encoder.key_separator
        members = [f"{encoder.encode(key)}{separator}{_by_parts(item, encoder)}" for key, item in items]
        return "{" + encoder.item_separator.join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + encoder.item_separator.join(_by_parts(item, encoder) for item in value) + "]"
    return encoder.encode(value)
