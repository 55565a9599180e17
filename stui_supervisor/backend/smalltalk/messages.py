"""The messages of the subset, as one table: who understands what, and the function that does it."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from stui_supervisor.backend.smalltalk.limits import MAX_BITS, MAX_DELAY_S
from stui_supervisor.backend.smalltalk.values import (
    Character,
    ClassReference,
    Delay,
    EvaluationError,
    Number,
    Symbol,
    Value,
    check_bits,
    check_length,
    checked,
    class_name,
    print_string,
    shown,
)
from stui_supervisor.config import INTEGER_MAX_DIGITS

# Each that a value of ours may have: what is a variable's value has to be readable again.
_CLASS_NAMES: Final = (
    *("Delay", "String", "ByteString", "WideString", "ByteSymbol", "Character", "True", "False", "UndefinedObject"),
    *("SmallInteger", "LargePositiveInteger", "LargeNegativeInteger", "Float", "Fraction"),
)
CLASSES: Final = {name: ClassReference(name) for name in _CLASS_NAMES}
Method = Callable[..., Any]
_INTEGER_TEXT: Final = re.compile(r"-?[0-9]+\Z")


def send(receiver: Value, selector: str, arguments: list[Value]) -> Value:
    """The answer of one message. Raises EvaluationError when there is none."""
    method = _METHODS.get((kind_of(receiver), selector)) or _METHODS.get(("Object", selector))
    if method is None:
        raise EvaluationError(f"{class_name(receiver)} does not understand #{shown(selector)}")
    try:
        return checked(_finite(method(receiver, *arguments)))
    except ZeroDivisionError as error:
        raise EvaluationError("ZeroDivide: a number cannot be divided by zero") from error
    except (OverflowError, ValueError) as error:
        raise EvaluationError(f"#{selector}: the result is no number that can be shown") from error


def kind_of(value: Value) -> str:
    """The name under which the table lists the messages of the value."""
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int):
        return "Integer"
    if isinstance(value, float | Fraction):
        return "Number"
    if isinstance(value, ClassReference):
        return f"{value.name} class"
    return {str: "String", type(None): "nil"}.get(type(value), type(value).__name__)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise OverflowError
    return value


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float | Fraction) and not isinstance(value, bool)


def _is_integer(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _a(test: Callable[[Value], bool], wanted: str, value: Value) -> Any:
    if not test(value):
        raise EvaluationError(f"{class_name(value)} is not {wanted}")
    return value


def _number(value: Value) -> Any:
    return _a(_is_number, "a number", value)


def _integer(value: Value) -> int:
    return int(_a(_is_integer, "an integer", value))


def _text(value: Value) -> str:
    return str(_a(lambda it: isinstance(it, str), "a string", value))


def _boolean(value: Value) -> bool:
    return bool(_a(lambda it: isinstance(it, bool), "a boolean", value))


def _numeric(operation: Callable[[Any, Any], Any]) -> Method:
    return lambda receiver, other: operation(receiver, _number(other))


def _multiply(a: Number, b: Value) -> Number:
    other = _number(b)
    if isinstance(a, int) and isinstance(other, int):
        check_bits(a.bit_length() + other.bit_length())
    return a * other  # type: ignore[no-any-return]  # a number, as _number has seen to


def _divide(a: Number, b: Value) -> Number:
    other = _number(b)
    if isinstance(a, float) or isinstance(other, float):
        return a / other  # type: ignore[no-any-return]  # as above
    return Fraction(a) / Fraction(other)


def _floor_divide(a: Any, b: Value) -> int:
    return math.floor(_divide(a, b))


def _power(base: Any, exponent: Value) -> Any:
    times = _integer(exponent)
    if isinstance(base, float):
        return base**times
    exact = Fraction(base)
    largest = max(abs(exact.numerator), exact.denominator)
    check_bits(math.log2(largest) * min(abs(times), MAX_BITS + 1))
    return exact**times


def _factorial(number: int) -> int:
    if number < 0:
        raise EvaluationError("factorial is not defined for negative integers")
    check_bits(number)  # beyond a few, the factorial has more bits than the number says
    check_bits(math.lgamma(number + 1) / math.log(2))
    return math.factorial(number)


def _rounded(number: Any) -> int:
    distance = math.floor(Fraction(abs(number)) + Fraction(1, 2))
    return distance if number >= 0 else -distance


def _equal(a: Value, b: Value) -> bool:
    both_numbers = _is_number(a) and _is_number(b)
    return (both_numbers or type(a) is type(b)) and a == b


def _identical(a: Value, b: Value) -> bool:
    return a is b or (type(a) is type(b) and not isinstance(a, str | Fraction) and a == b)


def _display_string(value: Value) -> str:
    match value:
        case str():
            return value
        case Symbol(text) | Character(text):
            return text
    return print_string(value)


def _at(text: str, index: Value) -> Character:
    position = _integer(index)
    if not 1 <= position <= len(text):
        raise EvaluationError(f"the index is outside of 1 to {len(text)}")
    return Character(text[position - 1])


def _as_integer(text: str) -> int | None:
    if len(text) > INTEGER_MAX_DIGITS or not _INTEGER_TEXT.match(text):
        return None
    return int(text)


def _filled(_: ClassReference, size: Value, filling: Value) -> str:
    length = _integer(size)
    if length < 0:
        raise EvaluationError("a size is not negative")
    check_length(length)
    return length * str(_a(lambda it: isinstance(it, Character), "a character", filling).text)


def _delay(_: ClassReference, seconds: Number) -> Delay:
    if not 0 <= seconds <= MAX_DELAY_S:
        raise EvaluationError(f"a delay takes 0 to {MAX_DELAY_S:,.0f} seconds")
    return Delay(float(seconds))


_OBJECT: Final[dict[str, Method]] = {
    "=": _equal,
    "~=": lambda a, b: not _equal(a, b),
    "==": _identical,
    "~~": lambda a, b: not _identical(a, b),
    "class": lambda it: ClassReference(class_name(it)),
    "isNil": lambda it: it is None,
    "notNil": lambda it: it is not None,
    "isNumber": _is_number,
    "isString": lambda it: isinstance(it, str | Symbol),
    "isSymbol": lambda it: isinstance(it, Symbol),
    "printString": print_string,
    "displayString": _display_string,
    "asString": _display_string,
    "yourself": lambda it: it,
}
_NUMBER: Final[dict[str, Method]] = {
    "+": _numeric(operator.add),
    "-": _numeric(operator.sub),
    "*": _multiply,
    "/": _divide,
    "//": _floor_divide,
    "\\\\": _numeric(operator.mod),
    "**": _power,
    "raisedTo:": _power,
    "<": _numeric(operator.lt),
    ">": _numeric(operator.gt),
    "<=": _numeric(operator.le),
    ">=": _numeric(operator.ge),
    "max:": _numeric(max),
    "min:": _numeric(min),
    "between:and:": lambda it, low, high: _number(low) <= it <= _number(high),
    "abs": abs,
    "negated": operator.neg,
    "squared": lambda it: _multiply(it, it),
    "sqrt": math.sqrt,
    "floor": math.floor,
    "ceiling": math.ceil,
    "truncated": math.trunc,
    "rounded": _rounded,
    "asInteger": math.trunc,
    "asFloat": float,
}
_INTEGER: Final[dict[str, Method]] = {
    "even": lambda it: it % 2 == 0,
    "odd": lambda it: it % 2 == 1,
    "factorial": _factorial,
}
_STRING: Final[dict[str, Method]] = {
    ",": lambda it, other: it + _text(other),
    "size": len,
    "isEmpty": lambda it: not it,
    "notEmpty": bool,
    "reversed": lambda it: it[::-1],
    "reverse": lambda it: it[::-1],
    "asUppercase": str.upper,
    "asLowercase": str.lower,
    "asSymbol": Symbol,
    "asInteger": _as_integer,
    "at:": _at,
    "includesSubstring:": lambda it, part: _text(part) in it,
}
_BOOLEAN: Final[dict[str, Method]] = {
    "not": operator.not_,
    "&": lambda it, other: it and _boolean(other),
    "|": lambda it, other: it or _boolean(other),
}
_SYMBOL: Final[dict[str, Method]] = {"size": lambda it: len(it.name), "asSymbol": lambda it: it}
_CHARACTER: Final[dict[str, Method]] = {"asInteger": lambda it: ord(it.text)}
_STRING_CLASS: Final[dict[str, Method]] = {"new:withAll:": _filled}
_DELAY_CLASS: Final[dict[str, Method]] = {
    "forSeconds:": lambda it, seconds: _delay(it, _number(seconds)),
    "forMilliseconds:": lambda it, milliseconds: _delay(it, _number(milliseconds) / 1_000),
}

_METHODS: Final = {
    (kind, selector): method
    for kind, methods in {
        "Object": _OBJECT,
        "Number": _NUMBER,
        "Integer": _NUMBER | _INTEGER,
        "String": _STRING,
        "Boolean": _BOOLEAN,
        "Symbol": _SYMBOL,
        "Character": _CHARACTER,
        "String class": _STRING_CLASS,
        "Delay class": _DELAY_CLASS,
    }.items()
    for selector, method in methods.items()
}


def selectors_of(value: Value) -> list[str]:
    """The selectors that a value understands."""
    kinds = ("Object", kind_of(value))
    return sorted({selector for kind, selector in _METHODS if kind in kinds})
