from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.backend.smalltalk.evaluator import evaluate
from stui_supervisor.backend.smalltalk.limits import MAX_BITS, MAX_TEXT
from stui_supervisor.backend.smalltalk.values import (
    Character,
    ClassReference,
    Delay,
    EvaluationError,
    Symbol,
    Value,
    Workspace,
    checked,
    class_name,
    cost,
    print_string,
    source,
)


def no_wait(_seconds: float) -> None:
    raise AssertionError("nothing here waits")


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.fractions().map(checked)
    | TEXTS
    | st.builds(Symbol, TEXTS)
    | st.builds(Character, TEXTS.filter(lambda text: len(text) == 1))
    | st.sampled_from([ClassReference("Delay"), ClassReference("String")])
    | st.builds(Delay, st.floats(min_value=0, max_value=3_600))
)


@given(VALUES)
def test_the_source_of_a_value_gives_the_value_back(value: Value) -> None:
    again = evaluate(source(value), Workspace(), wait=no_wait)
    assert (again, type(again)) == (value, type(value))


@pytest.mark.parametrize(
    ("value", "printed", "named"),
    [
        (None, "nil", "UndefinedObject"),
        (True, "true", "True"),
        (False, "false", "False"),
        (-7, "-7", "SmallInteger"),
        (2**60 - 1, "1152921504606846975", "SmallInteger"),
        (2**60, "1152921504606846976", "LargePositiveInteger"),
        (-(2**60) - 1, "-1152921504606846977", "LargeNegativeInteger"),
        (3.0, "3.0", "Float"),
        (1e100, "1.0e100", "Float"),
        (1.5e-7, "1.5e-7", "Float"),
        (Fraction(-1, 2), "(-1/2)", "Fraction"),
        ("it's", "'it''s'", "ByteString"),
        ("", "''", "ByteString"),
        ("caf\u00e9", "'caf\u00e9'", "ByteString"),
        ("\u03bb", "'\u03bb'", "WideString"),
        (Symbol("at:put:"), "#at:put:", "ByteSymbol"),
        (Symbol("two words"), "#'two words'", "ByteSymbol"),
        (Character("x"), "$x", "Character"),
        (ClassReference("String"), "String", "String class"),
        (Delay(2.0), "a Delay", "Delay"),
    ],
)
def test_values_print_and_are_named_as_in_smalltalk(value: Value, printed: str, named: str) -> None:
    assert (print_string(value), class_name(value)) == (printed, named)


def test_an_integer_prints_beyond_the_limit_of_the_interpreter() -> None:
    assert print_string(10**20_000) == "1" + "0" * 20_000


def test_a_fraction_without_a_denominator_is_an_integer() -> None:
    assert checked(Fraction(6, 3)) == 2
    assert type(checked(Fraction(6, 3))) is int


@pytest.mark.parametrize(
    "value",
    [1 << MAX_BITS, Fraction(1, 1 << MAX_BITS), "x" * (MAX_TEXT + 1)],
    ids=["integer", "fraction", "string"],
)
def test_what_is_too_large_is_refused(value: Value) -> None:
    with pytest.raises(EvaluationError, match="is too large here"):
        checked(value)


def test_longer_values_cost_more() -> None:
    assert cost(7) == cost(2.5) == cost(None) == 1
    assert cost("abc") == cost(Symbol("abc")) == 4
    assert cost(1 << 64_000) == 1 + 1_000**2
    assert cost(Fraction(1, 1 << 64_000)) == 2 + 1_000**2


def test_a_workspace_weighs_what_it_keeps_now() -> None:
    workspace = Workspace()
    workspace.assign("a", "x" * 100)
    workspace.assign("a", "y" * 50)
    assert (workspace.values, workspace.weight) == ({"a": "y" * 50}, 151)


def test_a_full_workspace_keeps_what_it_has() -> None:
    workspace = Workspace()
    text = "x" * MAX_TEXT
    for name in "abcde":
        workspace.assign(name, text)
    with pytest.raises(EvaluationError, match="the workspace is too full to keep f"):
        workspace.assign("f", text)
    assert sorted(workspace.values) == list("abcde")


def test_long_names_fill_a_workspace_too() -> None:
    with pytest.raises(EvaluationError, match=f"too full to keep {'x' * 40}$"):
        Workspace().assign("x" * 1_000_000, 1)


def test_a_class_is_code_that_gives_it_back() -> None:
    numbers: list[Value] = [3, 2**70, -(2**70), 1.5, Fraction(1, 3)]
    others: list[Value] = ["a", "\u4e00", Symbol("a"), Character("a"), True, False, None, Delay(1.0)]
    for value in (*numbers, *others):
        for levels in (1, 2, 3):
            kind = evaluate("v" + " class" * levels, Workspace({"v": value}), wait=no_wait)
            assert evaluate(source(kind), Workspace(), wait=no_wait) == kind
