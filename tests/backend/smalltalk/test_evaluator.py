from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.backend.smalltalk.evaluator import Evaluation, evaluate
from stui_supervisor.backend.smalltalk.values import Delay, EvaluationError, Value, Workspace, print_string
from stui_supervisor.config import EVALUATOR_TOKEN_COST


def value_of(code: str, workspace: Workspace | None = None) -> Value:
    return evaluate(code, workspace or Workspace(), wait=lambda _seconds: None)


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("3 + 4 * 2", "14"),
        ("3 + (4 * 2)", "11"),
        ("(1/3) + (1/6)", "(1/2)"),
        ("2 ** 10 + 3 factorial", "1030"),
        ("1 max: 2 + 3", "5"),
        ("x := 3. y := x * x. y + x", "12"),
        ("a := b := 2. a * b", "4"),
        ("('abc' , 'def') reversed", "'fedcba'"),
        ("3 class", "SmallInteger"),
        ("nil", "nil"),
        ("", "nil"),
        ("1000 factorial printString size", "2568"),
        ("(1 = 1) & (2 > 1)", "true"),
    ],
)
def test_code_gives_the_value_of_its_last_statement(code: str, printed: str) -> None:
    assert print_string(value_of(code)) == printed


def test_variables_last_as_long_as_their_workspace() -> None:
    workspace = Workspace()
    value_of("counter := 1", workspace)
    value_of("counter := counter + 1", workspace)
    assert value_of("counter", workspace) == 2


def test_what_was_assigned_before_an_error_stays() -> None:
    workspace = Workspace()
    with pytest.raises(EvaluationError):
        value_of("a := 1. b := 1 / 0. c := 3", workspace)
    assert workspace.values == {"a": 1}


def test_nothing_runs_of_code_that_cannot_be_read() -> None:
    workspace = Workspace()
    with pytest.raises(EvaluationError):
        value_of("a := 1. b := (2", workspace)
    assert workspace.values == {}


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("unknown + 1", "the variable unknown is not known; assign it first"),
        ("Transcript show: 'x'", "the variable Transcript is not known; assign it first"),
        ("true := 3", "true is not a variable"),
        ("Delay := 3", "Delay is not a variable"),
    ],
)
def test_names_that_cannot_be_used_are_named(code: str, why: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        value_of(code)
    assert str(caught.value) == why


def test_a_delay_waits_when_it_is_told_to() -> None:
    waited: list[float] = []
    answer = evaluate(
        "d := Delay forSeconds: 2. d wait. (Delay forMilliseconds: 5) wait", Workspace(), wait=waited.append
    )
    assert (waited, answer) == ([2.0, 0.005], Delay(0.005))


@pytest.mark.parametrize(
    "code",
    [
        "x := 2 ** 74000. " + "x * x. " * 4_000,
        "10000 factorial. " * 6_000,
        "2 ** 149000. " * 4_000,
        "x := 1 / (2 ** 70000 - 1). y := 1 / (3 ** 46000). " + "x + y. " * 4_000,
        "s := String new: 9000000 withAll: $x. " + "s reversed. " * 6_000,
        "x := 3 ** 80000. " + "x printString. " * 6_000,
    ],
    ids=["products", "factorials", "powers", "fractions", "strings", "print strings"],
)
def test_hostile_code_is_stopped_within_seconds(code: str) -> None:
    began = time.perf_counter()
    with pytest.raises(EvaluationError, match="the evaluation takes too much work"):
        value_of(code)
    assert time.perf_counter() - began < 10


def test_a_long_chain_of_messages_is_no_depth() -> None:
    assert value_of("1" + " + 1" * 9_000) == 9_001


@given(
    st.lists(st.sampled_from(["1", "-2", "'a'", "x", "x :=", "+", "/", "abs", "max:", "(", ")", ".", "Delay", "$q"]))
)
def test_no_code_raises_anything_but_an_evaluation_error(words: list[str]) -> None:
    with contextlib.suppress(EvaluationError):
        value_of(" ".join(words))


def test_pieces_of_code_that_may_cost_only_so_much_together_end_in_an_error() -> None:
    evaluation = Evaluation(Workspace(), wait=lambda _seconds: None, max_cost=3 * EVALUATOR_TOKEN_COST + 2 * 101)
    assert [evaluation.run("'%s'" % ("x" * 100)) for _ in range(2)] == ["x" * 100] * 2
    with pytest.raises(EvaluationError, match="takes too much work"):
        evaluation.run("(1)")
