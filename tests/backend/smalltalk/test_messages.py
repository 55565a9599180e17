from __future__ import annotations

from fractions import Fraction

import pytest

from stui_supervisor.backend.smalltalk.messages import send, understood
from stui_supervisor.backend.smalltalk.values import (
    Character,
    ClassNamed,
    Delay,
    EvaluationError,
    Symbol,
    Value,
)
from stui_supervisor.config import INTEGER_MAX_DIGITS


def short(value: object) -> str:
    return value[:40] if isinstance(value, str) else type(value).__name__


HALF = Fraction(1, 2)
STRING, DELAY = ClassNamed("String"), ClassNamed("Delay")


@pytest.mark.parametrize(
    ("receiver", "selector", "arguments", "answer"),
    [
        (3, "+", [4], 7),
        (3, "-", [HALF], Fraction(5, 2)),
        (HALF, "*", [4], 2),
        (6, "/", [3], 2),
        (1, "/", [2], HALF),
        (1, "/", [2.0], 0.5),
        (-7, "//", [2], -4),
        (7.5, "//", [2], 3),
        (7, "//", [HALF], 14),
        (-7, "\\\\", [2], 1),
        (2, "**", [100], 2**100),
        (2, "raisedTo:", [-2], Fraction(1, 4)),
        (HALF, "**", [2], Fraction(1, 4)),
        (0.5, "**", [2], 0.25),
        (1, "**", [10**30], 1),
        (1, "<", [HALF], False),
        (1, ">=", [1.0], True),
        (1, "max:", [2], 2),
        (1, "min:", [2], 1),
        (5, "between:and:", [1, 9], True),
        (-3, "abs", [], 3),
        (3, "negated", [], -3),
        (3, "squared", [], 9),
        (16, "sqrt", [], 4.0),
        (2.5, "floor", [], 2),
        (2.5, "ceiling", [], 3),
        (-2.5, "truncated", [], -2),
        (2.5, "rounded", [], 3),
        (-2.5, "rounded", [], -3),
        (HALF, "rounded", [], 1),
        (HALF, "asFloat", [], 0.5),
        (4, "even", [], True),
        (4, "odd", [], False),
        (20, "factorial", [], 2432902008176640000),
        (0, "factorial", [], 1),
        (1, "=", [1.0], True),
        (True, "=", [1], False),
        ("a", "=", [Symbol("a")], False),
        (1, "~=", [2], True),
        (1, "==", [1], True),
        (1, "==", [1.0], False),
        (1, "~~", [1], False),
        (None, "isNil", [], True),
        (0, "notNil", [], True),
        (True, "isNumber", [], False),
        ("a", "isString", [], True),
        (Symbol("a"), "isSymbol", [], True),
        (3, "class", [], ClassNamed("SmallInteger")),
        (3, "printString", [], "3"),
        ("it's", "printString", [], "'it''s'"),
        ("it's", "displayString", [], "it's"),
        (Symbol("a"), "asString", [], "a"),
        (Character("x"), "asString", [], "x"),
        (None, "asString", [], "nil"),
        (3, "yourself", [], 3),
        ("ab", ",", ["c"], "abc"),
        ("abc", "size", [], 3),
        ("", "isEmpty", [], True),
        ("", "notEmpty", [], False),
        ("abc", "reversed", [], "cba"),
        ("abc", "reverse", [], "cba"),
        ("abc", "asUppercase", [], "ABC"),
        ("ABC", "asLowercase", [], "abc"),
        ("abc", "asSymbol", [], Symbol("abc")),
        ("-12", "asInteger", [], -12),
        ("1_2", "asInteger", [], None),
        ("9" * INTEGER_MAX_DIGITS, "asInteger", [], 10**INTEGER_MAX_DIGITS - 1),
        ("9" * (INTEGER_MAX_DIGITS + 1), "asInteger", [], None),
        ("abc", "at:", [2], Character("b")),
        ("abc", "includesSubstring:", ["bc"], True),
        (True, "not", [], False),
        (True, "&", [False], False),
        (False, "|", [True], True),
        (Symbol("abc"), "size", [], 3),
        (Character("a"), "asInteger", [], 97),
        (STRING, "new:withAll:", [3, Character("x")], "xxx"),
        (DELAY, "forSeconds:", [2], Delay(2.0)),
        (DELAY, "forMilliseconds:", [HALF], Delay(0.0005)),
    ],
    ids=short,
)
def test_messages_that_are_understood(receiver: Value, selector: str, arguments: list[Value], answer: Value) -> None:
    result = send(receiver, selector, arguments)
    assert (result, type(result)) == (answer, type(answer))


@pytest.mark.parametrize(
    ("receiver", "selector", "arguments", "why"),
    [
        (3, "foo:bar:", [1, 2], "SmallInteger does not understand #foo:bar:"),
        (None, "x" * 99, [], "UndefinedObject does not understand #" + "x" * 40),
        (True, "+", [1], "True does not understand #+"),
        (2.5, "factorial", [], "Float does not understand #factorial"),
        (3, "+", [None], "UndefinedObject is not a number"),
        (3, "+", [True], "True is not a number"),
        (3.5, "//", ["a"], "ByteString is not a number"),
        (3, "**", [0.5], "Float is not an integer"),
        ("a", ",", [1], "SmallInteger is not a string"),
        (True, "&", [1], "SmallInteger is not a boolean"),
        (1, "/", [0], "ZeroDivide: a number cannot be divided by zero"),
        (1.0, "/", [0], "ZeroDivide: a number cannot be divided by zero"),
        (0, "**", [-1], "ZeroDivide: a number cannot be divided by zero"),
        (-1, "sqrt", [], "#sqrt: the result is no number that can be shown"),
        (1e308, "*", [10.0], "#*: the result is no number that can be shown"),
        (10**400, "asFloat", [], "#asFloat: the result is no number that can be shown"),
        (-1, "factorial", [], "factorial is not defined for negative integers"),
        (1_000_000, "factorial", [], "an integer of more than 150,000 bits is too large here"),
        (10**400, "factorial", [], "an integer of more than 150,000 bits is too large here"),
        (2, "**", [10**30], "an integer of more than 150,000 bits is too large here"),
        (HALF, "**", [10**30], "an integer of more than 150,000 bits is too large here"),
        (1 << 90_000, "*", [1 << 90_000], "an integer of more than 150,000 bits is too large here"),
        ("x" * 5_000_000, ",", ["x" * 5_000_000], "a string of more than 9,000,000 characters is too large here"),
        ("abc", "at:", [0], "the index is outside of 1 to 3"),
        ("abc", "at:", [4], "the index is outside of 1 to 3"),
        (STRING, "new:withAll:", [-1, Character("x")], "a size is not negative"),
        (STRING, "new:withAll:", [1, "x"], "ByteString is not a character"),
        (
            STRING,
            "new:withAll:",
            [10**30, Character("x")],
            "a string of more than 9,000,000 characters is too large here",
        ),
        (DELAY, "forSeconds:", [-1], "a delay takes 0 to 86,400 seconds"),
        (DELAY, "forSeconds:", [10**400], "a delay takes 0 to 86,400 seconds"),
    ],
    ids=short,
)
def test_messages_that_are_not(receiver: Value, selector: str, arguments: list[Value], why: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        send(receiver, selector, arguments)
    assert str(caught.value) == why


def test_a_value_tells_what_it_understands() -> None:
    assert understood(DELAY) == sorted({*understood(None), "forSeconds:", "forMilliseconds:"})
    assert {"printString", "not"} <= set(understood(True))
