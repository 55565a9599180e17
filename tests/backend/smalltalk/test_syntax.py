from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.backend.smalltalk.syntax import Chain, Literal, Message, Statement, Variable, parse
from stui_supervisor.backend.smalltalk.values import Character, EvaluationError, Symbol, Value


def literal(code: str) -> Value:
    (statement,) = parse(code)
    assert isinstance(statement.expression, Literal)
    return statement.expression.value


def test_unary_comes_before_binary_before_keyword() -> None:
    expected = Chain(
        Chain(Variable("a"), (Message("+", (Chain(Literal(2), (Message("abs"), Message("abs"))),)),)),
        (Message("max:min:", (Chain(Literal(3), (Message("*", (Literal(4),)),)), Literal(5))),),
    )
    assert parse("a + 2 abs abs max: 3 * 4 min: 5") == (Statement((), expected),)


def test_statements_are_parted_by_dots_and_may_assign() -> None:
    assert parse('x := y := 1. "and then" x.') == (
        Statement(("x", "y"), Literal(1)),
        Statement((), Variable("x")),
    )


@pytest.mark.parametrize("code", ["", "   ", '"only a comment"'])
def test_code_may_be_empty(code: str) -> None:
    assert parse(code) == ()


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("42", 42),
        ("-42", -42),
        ("1e3", 1_000),
        ("1.5e-3", 0.0015),
        ("'it''s'", "it's"),
        ("''", ""),
        ("#foo:bar:", Symbol("foo:bar:")),
        ("#'two ''words'''", Symbol("two 'words'")),
        ("$ ", Character(" ")),
        ("$'", Character("'")),
    ],
)
def test_literals(code: str, value: Value) -> None:
    assert (literal(code), type(literal(code))) == (value, type(value))


@pytest.mark.parametrize("code", ["3-4", "3 - 4", "3 -4"])
def test_a_minus_between_operands_subtracts(code: str) -> None:
    assert parse(code) == (Statement((), Chain(Literal(3), (Message("-", (Literal(4),)),))),)


@pytest.mark.parametrize("code", ["3 - -4", "3--4"])
def test_a_minus_where_an_operand_belongs_is_a_sign(code: str) -> None:
    assert parse(code) == (Statement((), Chain(Literal(3), (Message("-", (Literal(-4),)),))),)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("3 +", "the code ends too early"),
        ("(3", "the code ends too early"),
        ("x := ", "the code ends too early"),
        ("3)", ") at character 2 is not expected there"),
        ("3 4", "4 at character 3 is not expected there"),
        ("3 .. 4", ". at character 4 is not expected there"),
        ("- 4", "- at character 1 is not expected there"),
        ("x: 4", "x: at character 1 is not expected there"),
        ("[ 3 ] value", "[ at character 1 is not understood"),
        ("3 even; odd", "; at character 7 is not understood"),
        ("'open", "' at character 1 is not understood"),
        ('"open', '" at character 1 is not understood'),
        ("\x1b[2J", "\\x1b at character 1 is not understood"),
        ("1.0e999", "1.0e999 is beyond a float"),
        ("1e99999999999999999999", "an integer of more than 150,000 bits is too large here"),
        ("9" * 50_000, "an integer of more than 150,000 bits is too large here"),
        ("(" * 51 + "1" + ")" * 51, "more than 50 parentheses inside each other are too many"),
        ("1 " * 20_001, "code of more than 20,000 words and signs is too long"),
    ],
)
def test_what_is_not_understood_is_said(code: str, why: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        parse(code)
    assert str(caught.value) == why


@given(st.text() | st.text("()+-*/:=.'\"$#e1x \n"))
def test_no_text_raises_anything_but_an_evaluation_error(code: str) -> None:
    with contextlib.suppress(EvaluationError):
        parse(code)
