from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.backend.smalltalk.evaluator import Evaluation, evaluate
from stui_supervisor.backend.smalltalk.limits import TOKEN_COST
from stui_supervisor.backend.smalltalk.messages import selectors_of
from stui_supervisor.backend.smalltalk.values import Delay, EvaluationError, Value, Workspace, print_string


def table(text: str) -> dict[str, str]:
    """What stands on each line before and after the arrow."""
    rows = (line.split(" -> ") for line in text.strip().splitlines())
    return {code.strip(): answer.strip() for code, answer in rows}


ANSWERS = table(r"""
    "a comment"                                     -> nil
    42                                              -> 42
    -42                                             -> -42
    1e3                                             -> 1000
    1.5e-3                                          -> 0.0015
    'it''s'                                         -> 'it''s'
    #foo:bar:                                       -> #foo:bar:
    #'two ''words'''                                -> #'two ''words'''
    $'                                              -> $'
    3-4                                             -> -1
    3 -4                                            -> -1
    3--4                                            -> 7
    3 - -4                                          -> 7
    3 + 4 * 2                                       -> 14
    3 + (4 * 2)                                     -> 11
    2 ** 10 + 3 factorial                           -> 1030
    1 max: 2 + -3 abs                               -> 5
    x := 3. y := x * x. "and then" y + x.           -> 12
    a := b := 2. a * b                              -> 4
    (1/3) + (1/6)                                   -> (1/2)
    6 / 3                                           -> 2
    1 / 2.0                                         -> 0.5
    -7 // 2                                         -> -4
    7.5 // 2                                        -> 3
    -7 \\ 2                                         -> 1
    2 raisedTo: -2                                  -> (1/4)
    0.5 ** 2                                        -> 0.25
    1 ** (10 ** 30)                                 -> 1
    1 < (1/2)                                       -> false
    1 >= 1.0                                        -> true
    3 > 2                                           -> true
    3 <= 2                                          -> false
    2 min: 1                                        -> 1
    5 between: 1 and: 9                             -> true
    3 negated squared                               -> 9
    16 sqrt                                         -> 4.0
    2.5 floor                                       -> 2
    2.5 ceiling                                     -> 3
    -2.5 truncated                                  -> -2
    -2.5 asInteger                                  -> -2
    2.5 rounded                                     -> 3
    -2.5 rounded                                    -> -3
    (1/2) asFloat                                   -> 0.5
    4 even                                          -> true
    4 odd                                           -> false
    0 factorial                                     -> 1
    1000 factorial printString size                 -> 2568
    1 = 1.0                                         -> true
    true = 1                                        -> false
    'a' = #a                                        -> false
    1 ~= 2                                          -> true
    1 == 1.0                                        -> false
    1 ~~ 1                                          -> false
    nil isNil                                       -> true
    0 notNil                                        -> true
    true isNumber                                   -> false
    'a' isString                                    -> true
    #a isSymbol                                     -> true
    3 class                                         -> SmallInteger
    'it''s' printString                             -> '''it''''s'''
    'it''s' displayString                           -> 'it''s'
    #a asString                                     -> 'a'
    $x asString                                     -> 'x'
    nil asString                                    -> 'nil'
    3 yourself                                      -> 3
    ('abc' , 'def') reversed                        -> 'fedcba'
    'abc' reverse                                   -> 'cba'
    '' isEmpty                                      -> true
    '' notEmpty                                     -> false
    'abc' asUppercase asLowercase asSymbol          -> #abc
    'ABC' asUppercase                               -> 'ABC'
    '-12' asInteger                                 -> -12
    '1_2' asInteger                                 -> nil
    (String new: 4300 withAll: $9) asInteger + 1 = (10 ** 4300) -> true
    (String new: 4301 withAll: $9) asInteger        -> nil
    'abc' at: 2                                     -> $b
    'abc' includesSubstring: 'bc'                   -> true
    (1 = 1) & (2 > 1) not                           -> false
    false | true                                    -> true
    #abc size                                       -> 3
    #abc asSymbol                                   -> #abc
    $a asInteger                                    -> 97
    (Delay forMilliseconds: 1) class                -> Delay
""")
REFUSALS = table(r"""
    3 +                                   -> the code ends too early
    (3                                    -> the code ends too early
    x :=                                  -> the code ends too early
    3)                                    -> ) at character 2 is not expected there
    3 4                                   -> 4 at character 3 is not expected there
    3 .. 4                                -> . at character 4 is not expected there
    - 4                                   -> - at character 1 is not expected there
    x: 4                                  -> x: at character 1 is not expected there
    [ 3 ] value                           -> [ at character 1 is not understood
    3 even; odd                           -> ; at character 7 is not understood
    'open                                 -> ' at character 1 is not understood
    1.0e999                               -> 1.0e999 is beyond a float
    1e99999999999999999999                -> an integer of more than 150,000 bits is too large here
    unknown + 1                           -> the variable unknown is not known; assign it first
    Transcript show: 'x'                  -> the variable Transcript is not known; assign it first
    true := 3                             -> true is not a variable
    Delay := 3                            -> Delay is not a variable
    3 foo: 1 bar: 2                       -> SmallInteger does not understand #foo:bar:
    true + 1                              -> True does not understand #+
    2.5 factorial                         -> Float does not understand #factorial
    3 + nil                               -> UndefinedObject is not a number
    3 + true                              -> True is not a number
    3.5 // 'a'                            -> ByteString is not a number
    3 ** 0.5                              -> Float is not an integer
    'a' , 1                               -> SmallInteger is not a string
    true & 1                              -> SmallInteger is not a boolean
    1 / 0                                 -> ZeroDivide: a number cannot be divided by zero
    1.0 / 0                               -> ZeroDivide: a number cannot be divided by zero
    0 ** -1                               -> ZeroDivide: a number cannot be divided by zero
    -1 sqrt                               -> #sqrt: the result is no number that can be shown
    1.0e308 * 10.0                        -> #*: the result is no number that can be shown
    (10 ** 400) asFloat                   -> #asFloat: the result is no number that can be shown
    -1 factorial                          -> factorial is not defined for negative integers
    1000000 factorial                     -> an integer of more than 150,000 bits is too large here
    (10 ** 400) factorial                 -> an integer of more than 150,000 bits is too large here
    2 ** (10 ** 30)                       -> an integer of more than 150,000 bits is too large here
    (1/2) ** (10 ** 30)                   -> an integer of more than 150,000 bits is too large here
    x := 2 ** 90000. x * x                -> an integer of more than 150,000 bits is too large here
    s := String new: 5000000 withAll: $x. s , s -> a string of more than 9,000,000 characters is too large here
    String new: 10 ** 30 withAll: $x      -> a string of more than 9,000,000 characters is too large here
    String new: -1 withAll: $x            -> a size is not negative
    String new: 1 withAll: 'x'            -> ByteString is not a character
    'abc' at: 0                           -> the index is outside of 1 to 3
    'abc' at: 4                           -> the index is outside of 1 to 3
    Delay forSeconds: -1                  -> a delay takes 0 to 86,400 seconds
    Delay forSeconds: 10 ** 400           -> a delay takes 0 to 86,400 seconds
""") | {
    '"open': '" at character 1 is not understood',
    "\x1b[2J": "\\x1b at character 1 is not understood",
    "nil " + "x" * 99: "UndefinedObject does not understand #" + "x" * 40,
    "9" * 50_000: "an integer of more than 150,000 bits is too large here",
    "(" * 51 + "1" + ")" * 51: "more than 50 parentheses inside each other are too many",
    "1 " * 20_001: "code of more than 20,000 words and signs is too long",
}


def value_of(code: str, workspace: Workspace | None = None) -> Value:
    return evaluate(code, workspace or Workspace(), wait=lambda _seconds: None)


def refusal_of(code: str) -> str:
    with pytest.raises(EvaluationError) as caught:
        value_of(code)
    return str(caught.value)


def test_code_gives_the_value_of_its_last_statement() -> None:
    assert {code: print_string(value_of(code)) for code in ANSWERS} == ANSWERS
    assert value_of("") is None


def test_code_that_cannot_be_evaluated_says_why() -> None:
    assert {code: refusal_of(code) for code in REFUSALS} == REFUSALS


def test_a_value_tells_what_it_understands() -> None:
    delay = value_of("Delay")
    assert selectors_of(delay) == sorted({*selectors_of(None), "forSeconds:", "forMilliseconds:"})
    assert {"printString", "not"} <= set(selectors_of(True))


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
    assert refusal_of(code) == "the evaluation takes too much work"
    assert time.perf_counter() - began < 10


def test_a_long_chain_of_messages_is_no_depth() -> None:
    assert value_of("1" + " + 1" * 9_000) == 9_001


WORDS = st.sampled_from(["1", "-2", "'a'", "x", "x :=", "+", "/", "abs", "max:", "(", ")", ".", "Delay", "$q"])


@given(st.lists(WORDS).map(" ".join) | st.text() | st.text("()+-*/:=.'\"$#e1x \n"))
def test_no_code_raises_anything_but_an_evaluation_error(code: str) -> None:
    with contextlib.suppress(EvaluationError):
        value_of(code)


def test_pieces_of_code_that_may_cost_only_so_much_together_end_in_an_error() -> None:
    evaluation = Evaluation(Workspace(), wait=lambda _seconds: None, max_cost=3 * TOKEN_COST + 2 * 101)
    assert [evaluation.run("'%s'" % ("x" * 100)) for _ in range(2)] == ["x" * 100] * 2
    with pytest.raises(EvaluationError, match="takes too much work"):
        evaluation.run("(1)")
