"""Reading JSON that a stranger wrote: size, nesting, and everything JSON itself forbids.

The order matters: size before decoding, the number of values and nesting before parsing, so that the
cost of a hostile message is bounded whatever recursion limit the host program has set.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator
from itertools import accumulate, chain
from typing import Any, Final, NoReturn

from stui_supervisor.config import (
    INTEGER_MAX_DIGITS,
    MESSAGE_MAX_BYTES,
    MESSAGE_MAX_DEPTH,
    VALUE_BYTES,
    VALUES_COUNTED_FROM_BYTES,
)
from stui_supervisor.exact_json import integer_of

_SHOWN: Final = 12  # characters of a stranger's text that an error may quote
# An unclosed string is matched too: looking for its end again from every quote in it would be quadratic.
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_BEFORE_TEXTS: Final = re.compile(rb'([^"]*+)(?:' + _STRING + rb")*+", re.DOTALL)
_BEFORE_LISTED_TEXTS: Final = re.compile(rb'([^"]*+)(?:' + _STRING + rb'[^"\[\]{}]*+)*+', re.DOTALL)
_STEP: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NOT_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in _STEP)
_BEGIN_VALUES: Final = b"[{,"
_NOT_BEGIN_VALUES: Final = bytes(byte for byte in range(256) if byte not in _BEGIN_VALUES)
_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class MalformedMessage(ValueError):
    """The bytes are not a message that this side can use; the text says what is wrong with them."""


def shown(text: object) -> str:
    """The beginning of a stranger's text, quoted and in ASCII, short enough for an error message."""
    whole = text if isinstance(text, str) else type(text).__name__
    return ascii(whole if len(whole) <= _SHOWN else whole[:_SHOWN] + "…")


def parse(
    body: bytes,
    *,
    max_bytes: int = MESSAGE_MAX_BYTES,
    max_depth: int = MESSAGE_MAX_DEPTH,
    max_values: int | None = None,
) -> Any:
    """Read one JSON value from UTF-8 bytes.

    Integers come exact. Raises MalformedMessage, and nothing else, for a body that is too large, nested
    too deeply, or large and of too many values, and for what is not JSON by RFC 8259: broken UTF-8, NaN
    and numbers beyond a float, a key given twice, half a surrogate pair.
    """
    if len(body) > max_bytes:
        raise MalformedMessage(f"{len(body):,} bytes, and {max_bytes:,} are the limit")
    if max_values is not None and len(body) > VALUES_COUNTED_FROM_BYTES and _holds_more(body, max_values):
        raise MalformedMessage(f"more than {max_values:,} values in a large message")
    if body.count(b"[") + body.count(b"{") > max_depth and _is_deeper(body, max_depth):
        raise MalformedMessage(f"nested more than {max_depth} levels deep")
    try:
        value = _decoded(body.decode())
        if _SURROGATE_ESCAPE.search(body):
            _check_text(value)
    except MalformedMessage:
        raise
    except UnicodeDecodeError as error:
        raise MalformedMessage(f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise MalformedMessage(f"not JSON at character {error.pos}") from error
    except RecursionError as error:
        raise MalformedMessage("nested too deeply") from error
    return value


def parsed_bytes(body: bytes) -> int:
    """About what the value in these bytes takes in memory, never much less."""
    per_character = 1 if body.isascii() and b"\\u" not in body else 4  # one wide character makes a whole text wide
    return per_character * len(body) + VALUE_BYTES * sum(map(body.count, (b"[", b"{", b",", b":")))


def _is_deeper(body: bytes, levels: int) -> bool:
    brackets = chain.from_iterable(_parts(body, _BEFORE_LISTED_TEXTS, without=_NOT_BRACKETS))
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > levels


def _holds_more(body: bytes, values: int) -> bool:
    begun = accumulate(map(len, _parts(body, _BEFORE_TEXTS, without=_NOT_BEGIN_VALUES)))
    return any(count > values for count in begun)


def _parts(body: bytes, pattern: re.Pattern[bytes], without: bytes) -> Iterator[bytes]:
    """What is outside of strings, part by part: all of them at once could take many times the message."""
    return (match[1].translate(None, without) for match in pattern.finditer(body))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # add() is false on purpose
        raise MalformedMessage(f"the key {shown(twice)} is given twice")
    return value


def _integer(digits: str) -> int:
    count = len(digits) - digits.startswith("-")
    if count > INTEGER_MAX_DIGITS:
        raise MalformedMessage(f"an integer of {count:,} digits, and {INTEGER_MAX_DIGITS:,} are the limit")
    return integer_of(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise MalformedMessage(f"the number {shown(digits)} is beyond a float")
    return value


def _constant(name: str) -> NoReturn:
    raise MalformedMessage(f"{name} is not JSON")


def _check_text(value: Any) -> None:
    """Find half a surrogate pair wherever it is; it could be neither shown nor stored."""
    match value:
        case str():
            if _SURROGATE.search(value):
                raise MalformedMessage("half a surrogate pair in a string")
        case list():
            for item in value:
                _check_text(item)
        case dict():
            for key, item in value.items():
                _check_text(key)
                _check_text(item)


def _decoded(text: str) -> Any:
    """Python reads the integers itself, six times as fast, where its own limit on their digits is not above ours."""
    if 0 < sys.get_int_max_str_digits() <= INTEGER_MAX_DIGITS:
        try:
            return _HOST_INTEGERS.decode(text)
        except (MalformedMessage, json.JSONDecodeError):
            raise
        except ValueError:  # an integer above Python's limit
            pass
    return _OWN_INTEGERS.decode(text)


_HOST_INTEGERS: Final = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)
_OWN_INTEGERS: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
