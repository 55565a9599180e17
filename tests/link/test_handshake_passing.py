"""A handshake with an image that does not manage something this time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stui_supervisor.config import PASSING_TRIES
from stui_supervisor.link.handshake import Handshake
from stui_supervisor.link.steps import Ask, Established, Merge
from stui_supervisor.machine.states import BackendVerdict
from stui_supervisor.wire.dialects import Dialect, Operation, Reply
from stui_supervisor.wire.strict_json import MalformedMessage
from tests.support.core.handshakes import (
    BOTH,
    COMMAND,
    ENVELOPE,
    GARBAGE,
    ask,
    creating,
    error,
    established,
    exact,
    known,
    loading,
    ok,
    restoring,
    session,
)

PASSING = pytest.mark.parametrize(
    ("reply", "words"),
    [
        (GARBAGE, str(GARBAGE)),
        (error(error_type="InternalError"), "InternalError: no"),
        (error(error_type="Timeout"), "Timeout: no"),
        (error(error_type="RuntimeError"), "RuntimeError: no"),
        (error(error_type="what nobody has heard of"), "what nobody has heard of: no"),
    ],
    ids=["garbage", "InternalError", "Timeout", "RuntimeError", "unknown"],
)
Answer = Reply | MalformedMessage
ASKED: dict[str, tuple[Callable[[Dialect], Handshake], dict[str, str], BackendVerdict]] = {
    "restore_session": (restoring, {"session_id": "s1", "client_id": "c"}, BackendVerdict.UNKNOWN),
    "load_context": (lambda _: loading(), {"session_id": "s1"}, BackendVerdict.RESUMED),
}
COPIES = pytest.mark.parametrize(
    ("dialect", "command"),
    [(COMMAND, "restore_session"), (ENVELOPE, "restore_session"), (ENVELOPE, "load_context")],
)


@PASSING
@COPIES
def test_a_copy_that_is_not_given_is_asked_for_a_few_times_and_then_left_for_later(
    dialect: Dialect, command: str, reply: Answer, words: str
) -> None:
    begin, parameters, verdict = ASKED[command]
    handshake = begin(dialect)
    for _ in range(PASSING_TRIES - 1):
        assert exact(handshake.answered(reply)) == exact(Ask(dialect, Operation(command, parameters)))
    learnt = known(dialect, "one", "s1")
    assert exact(handshake.answered(reply)) == established(learnt, verdict, words, has_unread_copy=True)
    assert exact(handshake.resumed(gives_copy_up=False)) == exact(Ask(dialect, Operation(command, parameters)))
    assert exact(handshake.answered(ok(dialect, context={"work": 1}))) == exact(Merge({"work": 1}))
    assert exact(handshake.merged(ours_is_newer=False)) == established(learnt, BackendVerdict.RESUMED)


@PASSING
@COPIES
def test_on_the_established_link_it_is_asked_for_once_a_round(
    dialect: Dialect, command: str, reply: Answer, words: str
) -> None:
    begin, parameters, verdict = ASKED[command]
    handshake = begin(dialect)
    for _ in range(PASSING_TRIES):
        handshake.answered(reply)
    for _ in range(2):
        assert exact(handshake.resumed(gives_copy_up=False)) == exact(Ask(dialect, Operation(command, parameters)))
        learnt = known(dialect, "one", "s1")
        assert exact(handshake.answered(reply)) == established(learnt, verdict, words, has_unread_copy=True)


@COPIES
def test_one_such_answer_costs_nothing(dialect: Dialect, command: str) -> None:
    handshake = ASKED[command][0](dialect)
    handshake.answered(error(dialect, "InternalError"))
    assert exact(handshake.answered(ok(dialect, context={"work": 1}))) == exact(Merge({"work": 1}))
    assert exact(handshake.merged(ours_is_newer=False)) == established(
        known(dialect, "one", "s1"), BackendVerdict.RESUMED
    )


@BOTH
def test_a_session_that_turns_out_to_be_gone_when_it_is_asked_for_later_is_made_again(dialect: Dialect) -> None:
    handshake = restoring(dialect)
    for _ in range(PASSING_TRIES):
        handshake.answered(error(dialect, "Timeout"))
    handshake.resumed(gives_copy_up=False)
    assert exact(handshake.answered(error(dialect, "SessionNotFound"))) == ask(dialect, "ping")
    assert exact(handshake.answered(ok(dialect, image_id="one"))) == ask(dialect, "create_session", client_id="c")
    assert exact(handshake.answered(ok(dialect, session_id="s2"))) == exact(Merge(None, made=session("s2")))


@PASSING
def test_a_copy_that_was_not_given_for_so_long_counts_as_gone(reply: Answer, words: str) -> None:
    handshake = restoring()
    for _ in range(PASSING_TRIES):
        step = handshake.answered(reply)
    assert isinstance(step, Established)
    assert step.refusal == words
    handshake.resumed(gives_copy_up=True)
    assert exact(handshake.answered(reply)) == ask(COMMAND, "ping")


@PASSING
def test_a_state_that_was_not_given_for_so_long_is_not_replaced_by_ours_either(reply: Answer, words: str) -> None:
    handshake = loading()
    for _ in range(PASSING_TRIES):
        handshake.answered(reply)
    handshake.resumed(gives_copy_up=True)
    assert exact(handshake.answered(reply)) == established(known(ENVELOPE, "one", "s1"), BackendVerdict.RESUMED, words)


@BOTH
@pytest.mark.parametrize("reply", [GARBAGE, error(error_type="InternalError"), ok(update_successful=False)])
def test_a_push_that_is_not_taken_this_time_is_due_again_and_no_refusal(dialect: Dialect, reply: Answer) -> None:
    handshake = restoring(dialect)
    handshake.answered(ok(dialect, session_state={"work": 1}))
    handshake.merged(ours_is_newer=True)
    learnt = known(dialect, "one", "s1")
    assert exact(handshake.answered(reply)) == established(learnt, BackendVerdict.RESUMED, is_behind=True)


@PASSING
@BOTH
def test_a_session_that_is_not_made_this_time_is_asked_for_soon(dialect: Dialect, reply: Answer, words: str) -> None:
    step = creating(dialect).answered(reply)
    assert exact(step) == established(known(dialect), refusal=words, may_ask_again=True, is_passing=True)
