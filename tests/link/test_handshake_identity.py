"""Which image answers a handshake, and what becomes of the work of another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stui_supervisor.config import HANDSHAKE_PINGS_MAX, LOOKS_REFUSED_MAX
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.link.handshake import Handshake
from stui_supervisor.link.steps import Ask, Established, Failed, Merge, Rejected, Step, SwitchSession, Unpinned
from stui_supervisor.machine.states import BackendVerdict
from stui_supervisor.peer.identity import Identity, identity_of
from stui_supervisor.wire.dialects import Dialect, Operation, Reply
from tests.support.core.handshakes import (
    BOTH,
    COMMAND,
    ENVELOPE,
    GARBAGE,
    ask,
    asked_again,
    begun,
    error,
    established,
    exact,
    known,
    ok,
    pinned,
    restoring,
)


def image(name: object) -> Identity:
    found = identity_of(name)
    assert found is not None
    return found


# Which image


@pytest.mark.parametrize("evidence", [{}, {"image_id": None}, {"image_id": ""}, {"version": "9"}])
def test_without_evidence_to_the_contrary_it_is_the_same_image(evidence: dict[str, Any]) -> None:
    handshake = begun(known(COMMAND, "one", "s1"))
    step = handshake.answered(Reply(COMMAND, ok=True, result=evidence))
    assert exact(step) == ask(COMMAND, "restore_session", session_id="s1", client_id="c")


def test_the_first_image_that_is_met_is_the_one() -> None:
    handshake = begun()
    handshake.answered(ok(image_id="one"))
    handshake.answered(ok(session_id="s1"))
    assert exact(handshake.merged(ours_is_newer=False)) == established(known(COMMAND, "one", "s1"))


@BOTH
def test_another_image_gets_another_session(dialect: Dialect) -> None:
    handshake = begun(known(dialect, "one", "s1", "c1"))
    assert exact(handshake.answered(ok(dialect, image_id="two"))) == exact(SwitchSession(image("two")))
    step = handshake.switched(known(dialect, "two", "s2", "c2"))
    assert exact(step) == ask(dialect, "restore_session", session_id="s2", client_id="c2")
    assert exact(handshake.answered(ok(dialect, state={"work": 2}))) == exact(Merge({"work": 2}))
    assert exact(handshake.merged(ours_is_newer=False)) == established(
        known(dialect, "two", "s2", "c2"), BackendVerdict.DIFFERENT_IMAGE
    )


def test_another_image_whose_session_is_gone_or_never_was_gets_a_new_one() -> None:
    handshake = begun(known(COMMAND, "one", "s1"))
    handshake.answered(ok(image_id="two"))
    handshake.switched(known(COMMAND, "two", "s2", "c2"))
    handshake.answered(error())
    assert exact(handshake.answered(ok(image_id="two"))) == ask(COMMAND, "create_session", client_id="c2")
    handshake.answered(ok(session_id="s3"))
    assert exact(handshake.merged(ours_is_newer=False)) == established(
        known(COMMAND, "two", "s3", "c2"), BackendVerdict.DIFFERENT_IMAGE
    )


def test_what_a_stored_session_remembers_of_the_dialect_does_not_outweigh_what_was_found() -> None:
    handshake = begun(known(COMMAND, "one", "s1"))
    handshake.answered(ok(image_id="two"))
    assert exact(handshake.switched(known(ENVELOPE, "two", None))) == ask(COMMAND, "create_session", client_id="c")


# An image that is replaced during the handshake


def gone(dialect: Dialect = COMMAND) -> Handshake:
    """A handshake that has asked who answers now, as the session s1 is gone."""
    handshake = restoring(dialect)
    handshake.answered(error(dialect, "SessionNotFound"))
    return handshake


@BOTH
def test_an_image_that_took_the_place_of_the_first_gets_nothing_of_its_work(dialect: Dialect) -> None:
    handshake = gone(dialect)
    assert exact(handshake.answered(ok(dialect, image_id="two"))) == exact(SwitchSession(image("two")))
    step = handshake.switched(known(dialect, "two", None, "c2"))
    assert exact(step) == ask(dialect, "create_session", client_id="c2")
    handshake.answered(ok(dialect, session_id="s2"))
    step = handshake.merged(ours_is_newer=False)
    assert exact(step) == established(known(dialect, "two", "s2", "c2"), BackendVerdict.DIFFERENT_IMAGE)


def test_images_that_replace_each_other_all_the_time_fail_the_attempt() -> None:
    handshake = gone()
    handshake.answered(ok(image_id="two"))
    handshake.switched(known(COMMAND, "two", "s2"))
    handshake.answered(error(error_type="SessionNotFound"))
    step = handshake.answered(ok(image_id="three"))
    assert isinstance(step, Failed)
    assert step.failure.kind is FailureKind.RESET


@BOTH
@pytest.mark.parametrize("name", [None, "one"])
def test_an_image_without_a_name_is_asked_as_well_and_known_by_the_one_it_has_now(
    dialect: Dialect, name: str | None
) -> None:
    handshake = begun(known(dialect, None, "s1"))
    handshake.answered(ok(dialect))
    assert exact(handshake.answered(error(dialect))) == ask(dialect, "ping")
    step = handshake.answered(ok(dialect, image_id=name))
    assert exact(step) == ask(dialect, "create_session", client_id="c")
    handshake.answered(ok(dialect, session_id="s2"))
    assert exact(handshake.merged(ours_is_newer=False)) == established(
        known(dialect, name, "s2"), BackendVerdict.RESTARTED
    )


def test_an_image_that_refuses_us_in_the_place_of_one_without_a_name_gets_no_session() -> None:
    handshake = begun(known(COMMAND, None, "s1"))
    handshake.answered(ok())
    handshake.answered(error())
    assert isinstance(handshake.answered(error(error_type="PermissionDenied")), Rejected)


def test_what_the_new_image_advertises_counts() -> None:
    handshake = gone()
    handshake.answered(ok(image_id="two", capabilities=["deadline"]))
    handshake.switched(known(COMMAND, "two"))
    step = handshake.answered(error())
    assert isinstance(step, Established)
    assert step.capabilities == {"deadline"}


def test_an_answer_to_the_second_ping_that_cannot_be_read_fails_the_attempt() -> None:
    assert isinstance(gone().answered(GARBAGE), Failed)


def looking(dialect: Dialect = COMMAND) -> Handshake:
    """A handshake that has asked who answers now, as a copy came long after the first ping."""
    handshake = restoring(dialect)
    handshake.answered(ok(dialect, state={"work": 1}))
    handshake.look_first(Merge({"work": 1}))
    return handshake


@BOTH
def test_an_image_that_says_its_name_only_when_it_is_asked_again_is_known_by_it(dialect: Dialect) -> None:
    handshake = begun(known(dialect, None, "s1"))
    handshake.answered(ok(dialect))
    handshake.answered(ok(dialect, state={"work": 1}))
    handshake.look_first(Merge({"work": 1}))
    assert isinstance(handshake.answered(ok(dialect, image_id="one")), Merge)
    step = handshake.merged(ours_is_newer=False)
    assert isinstance(step, Established)
    assert step.known.image == image("one")


LOOKS = pytest.mark.parametrize(
    ("begin", "goes_on"),
    [(gone, Ask(COMMAND, Operation("create_session", {"client_id": "c"}))), (looking, Merge({"work": 1}))],
)


@LOOKS
@pytest.mark.parametrize("error_type", ["InternalError", "Timeout", "Error"])
def test_an_error_says_nothing_of_who_answers_and_the_image_is_asked_again(
    begin: Callable[[], Handshake], goes_on: Step, error_type: str
) -> None:
    handshake = begin()
    for _ in range(LOOKS_REFUSED_MAX - 1):
        assert exact(handshake.answered(error(error_type=error_type))) == ask(COMMAND, "ping")
    assert exact(handshake.answered(ok(image_id="one"))) == exact(goes_on)


@LOOKS
def test_an_image_that_answers_with_nothing_but_errors_fails_the_attempt_in_words_that_fit(
    begin: Callable[[], Handshake], goes_on: Step
) -> None:
    handshake, refusal = begin(), error(error_type="InternalError", message="out of memory")
    steps = [handshake.answered(refusal) for _ in range(LOOKS_REFUSED_MAX)]
    assert steps[-1] == Failed(Failure(FailureKind.NOT_IDENTIFIED, "InternalError: out of memory"))
    assert goes_on not in steps


def test_each_look_may_be_answered_with_as_many_errors() -> None:
    handshake = gone()
    handshake.answered(error(error_type="Timeout"))
    handshake.answered(error(error_type="Timeout"))
    handshake.answered(ok(image_id="one"))
    made = handshake.answered(ok(session_id="s2"))
    assert isinstance(made, Merge)
    handshake.look_first(made)
    handshake.answered(error(error_type="Timeout"))
    assert exact(handshake.answered(error(error_type="Timeout"))) == ask(COMMAND, "ping")
    assert handshake.answered(ok(image_id="one")) == made


@BOTH
def test_an_image_whose_first_pings_fail_is_not_said_to_speak_no_stui(dialect: Dialect) -> None:
    handshake = begun(known(dialect))
    step: Step = handshake.answered(error(dialect, "InternalError", "out of memory"))
    for _ in range(HANDSHAKE_PINGS_MAX):
        if isinstance(step, Ask):
            step = handshake.answered(error(dialect, "InternalError", "out of memory"))
    assert step == Failed(Failure(FailureKind.NOT_IDENTIFIED, "InternalError: out of memory"))


def test_what_answers_the_first_pings_in_words_of_its_own_speaks_no_stui() -> None:
    handshake = begun()
    handshake.answered(error(error_type="[]"))
    step = handshake.answered(error(ENVELOPE, "[]"))
    assert isinstance(step, Failed)
    assert step.failure.kind is FailureKind.PROTOCOL


def test_a_second_ping_that_gets_no_answer_is_followed_by_a_third_that_may() -> None:
    step = asked_again(gone()).answered(ok(image_id="one"))
    assert isinstance(step, Ask)
    assert step.operation.command == "create_session"


# A pinned image


@pytest.mark.parametrize("with_session", [True, False])
def test_another_image_than_the_pinned_one_is_rejected_by_name(with_session: bool) -> None:
    step = pinned("one", with_session=with_session).answered(ok(COMMAND, image_id="two"))
    assert isinstance(step, Unpinned)
    assert str(step.failure) == "another image answers than the one the profile is pinned to ('two', not 'one')"


def test_the_pinned_image_gets_its_session() -> None:
    assert exact(pinned("one").answered(ok(COMMAND, image_id="one"))) == exact(SwitchSession(image("one")))


@pytest.mark.parametrize("result", [{"image_id": 7}, {"image_id": "x" * 300}, {"image_id": {}}])
def test_a_name_of_any_kind_and_length_is_compared_with_the_pin(result: dict[str, Any]) -> None:
    step = pinned("one").answered(ok(COMMAND, **result))
    assert isinstance(step, Unpinned)
    assert step.failure.kind is FailureKind.DIFFERENT_IMAGE


@pytest.mark.parametrize("result", [{}, {"image_id": None}, {"image_id": ""}])
def test_a_pin_that_cannot_be_checked_is_not_met(result: dict[str, Any]) -> None:
    step = pinned("one").answered(ok(COMMAND, **result))
    assert isinstance(step, Unpinned)
    assert step.failure.kind is FailureKind.IMAGE_NOT_NAMED


def test_what_an_image_calls_itself_cannot_write_to_the_terminal() -> None:
    step = pinned("one").answered(ok(COMMAND, image_id="\x1b[2Jtwo"))
    assert isinstance(step, Unpinned)
    assert str(step.failure).isprintable()
