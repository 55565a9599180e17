"""The objects of the subset: what they are called, how they print, what they weigh."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Final

from stui_supervisor.backend.smalltalk.limits import MAX_BITS, MAX_TEXT, WORKSPACE_MAX_COST

_SHOWN: Final = 40  # characters


class EvaluationError(Exception):
    """The code cannot be evaluated; the text is for the person who wrote it."""


def shown(text: str) -> str:
    """The beginning of somebody's text, safe and short enough for an error."""
    return ascii(text[:_SHOWN])[1:-1]


@dataclass(frozen=True, slots=True)
class Symbol:
    """``#name``."""

    name: str


@dataclass(frozen=True, slots=True)
class Character:
    """``$x``."""

    text: str


@dataclass(frozen=True, slots=True)
class ClassReference:
    """A class; only its name is known here."""

    name: str


@dataclass(frozen=True, slots=True)
class Delay:
    """A time to wait, in seconds."""

    seconds: float


Number = int | float | Fraction
Value = Number | str | bool | Symbol | Character | ClassReference | Delay | None

_PRINTS_QUICKLY_BITS: Final = 10_000
_SMALL_INTEGER: Final = 2**60
_PLAIN_SYMBOL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_:]*\Z", re.ASCII)
_VARIABLE_COST: Final = 100  # what each letter of a variable's name weighs: the names alone have to fit a message


def class_name(value: Value) -> str:
    """The class of a value, named as Pharo names it, except that every float is a Float."""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, int):
        if -_SMALL_INTEGER <= value < _SMALL_INTEGER:
            return "SmallInteger"
        return "LargePositiveInteger" if value > 0 else "LargeNegativeInteger"
    if isinstance(value, ClassReference):
        return f"{value.name} class"
    names = {
        float: "Float",
        Fraction: "Fraction",
        str: "ByteString",
        Symbol: "ByteSymbol",
        type(None): "UndefinedObject",
    }
    name = names.get(type(value), type(value).__name__)
    return name.replace("Byte", "Wide", 1) if isinstance(value, str) and not _is_latin(value) else name


def _is_latin(text: str) -> bool:
    return text.isascii() or max(text) <= "\xff"


def print_string(value: Value) -> str:
    """The value as ``printString`` shows it; for all but a Delay it is also code that gives the value back."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        # Decimal writes long numbers in much less than quadratic time, and without str()'s limit.
        return str(value) if value.bit_length() < _PRINTS_QUICKLY_BITS else str(Decimal(value))
    if isinstance(value, float):
        mantissa, _, exponent = repr(value).partition("e")
        return mantissa + ("" if "." in mantissa else ".0") + (f"e{int(exponent)}" if exponent else "")
    if isinstance(value, Fraction):
        return f"({print_string(value.numerator)}/{print_string(value.denominator)})"
    return _print_text(value)


def _print_text(value: str | Symbol | Character | ClassReference | Delay) -> str:
    match value:
        case str():
            return "'" + value.replace("'", "''") + "'"
        case Symbol(name):
            return f"#{name}" if _PLAIN_SYMBOL.match(name) else "#" + _print_text(name)
        case Character(text):
            return f"${text}"
        case ClassReference(name):
            return name
        case Delay():
            return "a Delay"


def source(value: Value) -> str:
    """Code that gives the value back."""
    if isinstance(value, Delay):
        return f"Delay forSeconds: {print_string(value.seconds)}"
    return print_string(value)


def cost(value: Value) -> int:
    """What handling the value costs, in work units; arithmetic on long numbers is quadratic at worst."""
    if isinstance(value, int):
        return 1 + (value.bit_length() // 64) ** 2
    if isinstance(value, Fraction):
        return cost(value.numerator) + cost(value.denominator)
    if isinstance(value, str):
        return 1 + len(value)
    return 1 + len(value.name) if isinstance(value, Symbol) else 1


def checked(value: Value) -> Value:
    """The value in its simplest form. Raises EvaluationError when it is larger than allowed."""
    if isinstance(value, Fraction):
        if value.denominator == 1:
            return checked(value.numerator)
        checked(value.numerator)
        checked(value.denominator)
    elif isinstance(value, int):
        check_bits(value.bit_length())
    elif isinstance(value, str):
        check_length(len(value))
    return value


def check_bits(bits: float) -> None:
    """Raises EvaluationError for an integer of too many bits; call it before making one."""
    if bits > MAX_BITS:
        raise EvaluationError(f"an integer of more than {MAX_BITS:,} bits is too large here")


def check_length(length: int) -> None:
    """Raises EvaluationError for a string of too many characters; call it before making one."""
    if length > MAX_TEXT:
        raise EvaluationError(f"a string of more than {MAX_TEXT:,} characters is too large here")


@dataclass(slots=True)
class Workspace:
    """The variables of one session, within a weight that they may have together."""

    values: dict[str, Value] = field(default_factory=dict)
    weight: int = 0

    def assign(self, name: str, value: Value) -> None:
        """Keep the value. Raises EvaluationError when the workspace is full."""
        before = cost(self.values[name]) if name in self.values else -_VARIABLE_COST * len(name)
        weight = self.weight + cost(value) - before
        if weight > WORKSPACE_MAX_COST:
            raise EvaluationError(f"the workspace is too full to keep {shown(name)}")
        self.values[name] = value
        self.weight = weight
