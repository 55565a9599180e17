"""A handshake whose replies do not come, or come late."""

from __future__ import annotations

import pytest

from stui_supervisor.errors import AuthenticationFailed, IncompatibleBackend
from stui_supervisor.failures import FailureKind
from stui_supervisor.link.handshake import Handshake
from stui_supervisor.link.steps import Failed, Merge, PushContext, Rejected
from stui_supervisor.machine.states import BackendVerdict
from stui_supervisor.security.secret import Secret
from stui_supervisor.wire.dialects import Dialect, IncompatibleVersion, Reply
from stui_supervisor.wire.strict_json import MalformedMessage
from tests.support.core.handshakes import (
    BOTH,
    COMMAND,
    ENVELOPE,
    GARBAGE,
    ask,
    asked_again,
    begun,
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


def pushing() -> Handshake:
    """A handshake that has pushed the context to the session s1."""
    handshake = restoring()
    handshake.answered(ok(session_state={"work": 1}))
    handshake.merged(ours_is_newer=True)
    return handshake


def remaking() -> Handshake:
    """A handshake that has asked for a new session in place of one that is gone."""
    handshake = restoring()
    handshake.answered(error(error_type="SessionNotFound"))
    handshake.answered(ok(image_id="one"))
    return handshake


WITHOUT_REPLY = {
    "create_session": (creating, known(), BackendVerdict.UNKNOWN),
    "restore_session": (restoring, known(COMMAND, "one", "s1"), BackendVerdict.UNKNOWN),
    "load_context": (loading, known(ENVELOPE, "one", "s1"), BackendVerdict.RESUMED),
    "update_session_state": (pushing, known(COMMAND, "one", "s1"), BackendVerdict.RESUMED),
}


@pytest.mark.parametrize("command", WITHOUT_REPLY)
def test_a_ping_is_sent_once_behind_what_is_not_answered_for_long(command: str) -> None:
    handshake, learnt = WITHOUT_REPLY[command][0](), WITHOUT_REPLY[command][1]
    assert handshake.silence() is None
    assert exact(handshake.silence()) == ask(learnt.dialect or COMMAND, "ping")
    assert [handshake.silence() for _ in range(20)] == [None] * 20


@pytest.mark.parametrize("command", WITHOUT_REPLY)
def test_a_backend_that_answers_the_ping_behind_it_is_linked_without_a_session(command: str) -> None:
    before, learnt, verdict = WITHOUT_REPLY[command]
    handshake = asked_again(before())
    reply = ok(learnt.dialect or COMMAND, image_id=learnt.image and learnt.image.text)
    assert exact(handshake.answered(reply)) == established(learnt, verdict, f"no answer to {command}")


def test_an_image_that_names_itself_only_behind_what_got_no_answer_is_known_by_that() -> None:
    handshake = begun(known(COMMAND, None, "s1"))
    handshake.answered(ok())
    step = asked_again(handshake).answered(ok(image_id="one"))
    assert exact(step) == established(known(COMMAND, "one", "s1"), refusal="no answer to restore_session")


def test_a_session_that_is_gone_and_not_made_again_is_not_said_to_be() -> None:
    step = asked_again(remaking()).answered(ok(image_id="one"))
    assert exact(step) == established(known(COMMAND, "one"), refusal="no answer to create_session")


def test_a_busy_image_that_answers_in_turn_is_followed_as_if_no_ping_had_been_sent_behind() -> None:
    handshake = asked_again(creating())
    step = handshake.answered(ok(session_id="s1"), is_to_latest=False)
    assert exact(step) == exact(Merge(None, made=session("s1")))
    assert exact(handshake.merged(ours_is_newer=True)) == exact(PushContext(COMMAND, "s1"))
    assert handshake.silence() is None
    assert exact(handshake.silence()) == ask(COMMAND, "ping")


def test_each_answer_begins_a_new_wait() -> None:
    handshake = restoring()
    handshake.silence()
    handshake.answered(error(error_type="SessionNotFound"))
    assert handshake.silence() is None


def test_the_ping_behind_carries_the_token() -> None:
    secret = Secret("a token of some length")
    handshake = begun(secret=secret)
    handshake.answered(ok())
    handshake.silence()
    assert exact(handshake.silence()) == ask(COMMAND, "ping", secret)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (GARBAGE, FailureKind.PROTOCOL),
        (ok(ENVELOPE), FailureKind.PROTOCOL),
        (ok(image_id="two"), FailureKind.RESET),
    ],
)
def test_an_answer_to_the_ping_behind_that_is_of_somebody_else_fails_the_attempt(
    reply: Reply | MalformedMessage, kind: FailureKind
) -> None:
    step = asked_again(restoring()).answered(reply)
    assert isinstance(step, Failed)
    assert step.failure.kind is kind


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (IncompatibleVersion("2.0.0"), IncompatibleBackend),
        (error(error_type="PermissionDenied"), AuthenticationFailed),
    ],
)
def test_an_answer_to_the_ping_behind_may_need_a_person(reply: Reply | MalformedMessage, kind: type) -> None:
    step = asked_again(restoring()).answered(reply)
    assert isinstance(step, Rejected)
    assert isinstance(step.error, kind)


@BOTH
def test_another_major_version_needs_a_person(dialect: Dialect) -> None:
    step = begun(known(dialect)).answered(IncompatibleVersion("2.0.0"))
    assert isinstance(step, Rejected)
    assert isinstance(step.error, IncompatibleBackend)
    assert "2.0.0" in str(step.error)
