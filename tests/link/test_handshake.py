from __future__ import annotations

from typing import Any

import pytest

from stui_supervisor.config import ERROR_TEXT_MAX_LENGTH, SESSION_ID_MAX_BYTES
from stui_supervisor.errors import AuthenticationFailed
from stui_supervisor.failures import FailureKind
from stui_supervisor.link.handshake import Handshake
from stui_supervisor.link.replies import words_of
from stui_supervisor.link.steps import Ask, Established, Failed, Merge, PushContext, Rejected
from stui_supervisor.machine.states import BackendVerdict
from stui_supervisor.peer.backend_session import SessionId
from stui_supervisor.security.secret import Secret
from stui_supervisor.session.records import KnownBackend
from stui_supervisor.wire.dialects import Dialect, Reply
from stui_supervisor.wire.strict_json import MalformedMessage
from tests.support.core.handshakes import (
    BOTH,
    COMMAND,
    ENVELOPE,
    GARBAGE,
    NEW,
    REFUSALS,
    ask,
    begun,
    creating,
    error,
    established,
    exact,
    known,
    ok,
    restoring,
    session,
)

# A first session


@BOTH
def test_a_first_link_pings_makes_a_session_and_pushes_the_context(dialect: Dialect) -> None:
    handshake = Handshake(known(dialect), with_session=True)
    assert exact(handshake.begin()) == ask(dialect, "ping")
    assert exact(handshake.answered(ok(dialect, image_id="one"))) == ask(dialect, "create_session", client_id="c")
    assert exact(handshake.answered(ok(dialect, session_id="s1"))) == exact(Merge(None, made=session("s1")))
    assert exact(handshake.merged(ours_is_newer=True)) == exact(PushContext(dialect, "s1"))
    assert exact(handshake.answered(ok(dialect))) == established(known(dialect, "one", "s1"))


@BOTH
def test_an_empty_context_is_not_pushed(dialect: Dialect) -> None:
    handshake = creating(dialect)
    handshake.answered(ok(dialect, session_id="s1"))
    assert exact(handshake.merged(ours_is_newer=False)) == established(known(dialect, None, "s1"))


def test_a_link_without_a_session_is_established_by_its_ping() -> None:
    handshake = begun(known(COMMAND, "one", "s1"), with_session=False)
    assert exact(handshake.answered(ok(image_id="one"))) == established(known(COMMAND, "one", "s1"))


def test_another_image_on_a_link_without_a_session_is_noticed() -> None:
    handshake = begun(known(COMMAND, "one"), with_session=False)
    assert exact(handshake.answered(ok(image_id="two"))) == established(
        known(COMMAND, "two"), BackendVerdict.DIFFERENT_IMAGE
    )


# A session from before


@BOTH
@pytest.mark.parametrize("key", ["session_state", "state", "context"])
def test_a_session_that_the_backend_kept_is_resumed_and_its_copy_of_the_context_merged(
    dialect: Dialect, key: str
) -> None:
    handshake = begun(known(dialect, "one", "s1"))
    step = handshake.answered(ok(dialect, image_id="one"))
    assert exact(step) == ask(dialect, "restore_session", session_id="s1", client_id="c")
    assert exact(handshake.answered(ok(dialect, **{key: {"work": 1}}))) == exact(Merge({"work": 1}))
    assert exact(handshake.merged(ours_is_newer=False)) == established(
        known(dialect, "one", "s1"), BackendVerdict.RESUMED
    )


@BOTH
def test_what_is_newer_here_is_pushed_to_a_resumed_session(dialect: Dialect) -> None:
    handshake = restoring(dialect)
    handshake.answered(ok(dialect, session_state={"work": 1}))
    assert exact(handshake.merged(ours_is_newer=True)) == exact(PushContext(dialect, "s1"))
    assert exact(handshake.answered(ok(dialect))) == established(known(dialect, "one", "s1"), BackendVerdict.RESUMED)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (ok(ENVELOPE, loaded=True, context={"work": 1}), {"work": 1}),
        (ok(ENVELOPE, loaded=False, context=None), None),
        (error(ENVELOPE, "UnsupportedOperation"), None),
        (error(ENVELOPE, "InvalidRequest"), None),
    ],
)
def test_an_envelope_backend_whose_session_comes_without_a_state_is_asked_for_it(answer: Reply, state: Any) -> None:
    handshake = restoring(ENVELOPE)
    assert exact(handshake.answered(ok(ENVELOPE))) == ask(ENVELOPE, "load_context", session_id="s1")
    assert exact(handshake.answered(answer)) == exact(Merge(state))


def test_a_command_backend_whose_session_comes_without_a_state_gets_ours() -> None:
    assert exact(restoring().answered(ok())) == exact(Merge(None))


@BOTH
@pytest.mark.parametrize("gone", ["SessionNotFound", "SessionError", "Error", "ObjectNotFound"])
def test_a_session_that_is_gone_is_made_again_and_the_context_pushed(dialect: Dialect, gone: str) -> None:
    handshake = restoring(dialect)
    assert exact(handshake.answered(error(dialect, gone))) == ask(dialect, "ping")
    step = handshake.answered(ok(dialect, image_id="one"))
    assert exact(step) == ask(dialect, "create_session", client_id="c")
    assert exact(handshake.answered(ok(dialect, session_id="s2"))) == exact(Merge(None, made=session("s2")))
    assert exact(handshake.merged(ours_is_newer=True)) == exact(PushContext(dialect, "s2"))
    assert exact(handshake.answered(ok(dialect))) == established(known(dialect, "one", "s2"), BackendVerdict.RESTARTED)


@BOTH
def test_another_session_than_the_one_that_was_asked_for_counts_as_gone_and_its_work_is_left_alone(
    dialect: Dialect,
) -> None:
    handshake = restoring(dialect)
    handshake.answered(ok(dialect, session_id="theirs", session_state={"work": "theirs"}))
    assert exact(handshake.answered(ok(dialect))) == ask(dialect, "create_session", client_id="c")


@pytest.mark.parametrize("session_id", ["s1", None, ""])
def test_a_session_that_is_named_as_before_or_not_at_all_is_resumed(session_id: object) -> None:
    answer = ok(session_id=session_id, session_state={"work": 1})
    assert exact(restoring().answered(answer)) == exact(Merge({"work": 1}))


# What a backend refuses or does not know


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (error(error_type="Error", message="unknown command"), "Error: unknown command"),
        (error(error_type="SessionError", message="5 sessions already"), "SessionError: 5 sessions already"),
        (ok(), "an answer without what it should hold"),
        (ok(session_id=""), "an answer without what it should hold"),
        (ok(session_id=True), "an answer without what it should hold"),
        (ok(session_id=["s1"]), "an answer without what it should hold"),
        (ok(session_id="x" * SESSION_ID_MAX_BYTES), "an answer without what it should hold"),
    ],
)
def test_a_backend_that_gives_no_session_is_linked_without_one(answer: Reply | MalformedMessage, why: str) -> None:
    assert exact(creating().answered(answer)) == established(known(), refusal=why, may_ask_again=True)


@pytest.mark.parametrize("session_id", [17, 0, 1.5, "x" * 1_000])
def test_a_session_is_taken_by_the_very_id_that_the_backend_gave_it(session_id: SessionId) -> None:
    handshake = creating()
    assert exact(handshake.answered(ok(session_id=session_id))) == exact(Merge(None, made=session(session_id)))
    assert exact(handshake.merged(ours_is_newer=True)) == exact(PushContext(COMMAND, session_id))


def test_an_old_server_that_knows_no_sessions_is_of_unknown_verdict_however_often_it_is_linked() -> None:
    handshake = restoring()
    handshake.answered(error(message="unknown command"))
    handshake.answered(ok())
    step = handshake.answered(error(message="unknown command"))
    assert exact(step) == established(known(COMMAND, "one"), refusal="Error: unknown command", may_ask_again=True)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (error(error_type="SessionError", message="too large"), "SessionError: too large"),
        (error(error_type="PermissionDenied", message="read-only"), "PermissionDenied: read-only"),
    ],
)
def test_a_refused_push_does_not_prevent_the_link(answer: Reply | MalformedMessage, why: str) -> None:
    handshake = creating()
    handshake.answered(ok(session_id="s1"))
    handshake.merged(ours_is_newer=True)
    assert exact(handshake.answered(answer)) == established(known(COMMAND, None, "s1"), refusal=why)


# Which dialect


@pytest.mark.parametrize(
    "answer",
    [error(ENVELOPE, "InvalidRequest"), ok(ENVELOPE), GARBAGE, error(COMMAND, message="unknown command")],
    ids=["an envelope error", "an envelope result", "garbage", "an error"],
)
def test_an_unknown_backend_that_does_not_take_the_first_dialect_is_asked_in_the_other(
    answer: Reply | MalformedMessage,
) -> None:
    handshake = Handshake(NEW, with_session=True)
    assert exact(handshake.begin()) == ask(COMMAND, "ping")
    assert exact(handshake.answered(answer)) == ask(ENVELOPE, "ping")
    assert exact(handshake.answered(ok(ENVELOPE))) == ask(ENVELOPE, "create_session", client_id="c")


def test_a_backend_that_speaks_another_dialect_than_remembered_is_understood() -> None:
    handshake = begun(known(ENVELOPE))
    assert exact(handshake.answered(error(COMMAND))) == ask(COMMAND, "ping")
    assert exact(handshake.answered(ok(COMMAND))) == ask(COMMAND, "create_session", client_id="c")


def test_what_takes_neither_dialect_is_a_failed_attempt() -> None:
    handshake = begun()
    handshake.answered(GARBAGE)
    step = handshake.answered(GARBAGE)
    assert isinstance(step, Failed)
    assert (step.failure.kind, step.failure.message) == (FailureKind.PROTOCOL, "not JSON at character 0")


@pytest.mark.parametrize("replies", [[ok(ENVELOPE), ok(COMMAND)], [error(ENVELOPE), error(COMMAND)]])
def test_a_backend_that_always_answers_in_the_other_dialect_is_not_asked_for_ever(replies: list[Reply]) -> None:
    handshake = begun()
    steps = [handshake.answered(replies[count % 2]) for count in range(4)]
    assert [type(step) for step in steps] == [Ask, Ask, Ask, Failed]


@pytest.mark.parametrize(("start", "other"), [(NEW, ENVELOPE), (known(COMMAND), ENVELOPE), (known(ENVELOPE), COMMAND)])
def test_a_silent_backend_is_asked_once_in_the_other_dialect(start: KnownBackend, other: Dialect) -> None:
    handshake = begun(start)
    assert exact(handshake.silence()) == ask(other, "ping")
    assert handshake.silence() is None


@BOTH
def test_a_busy_image_that_answers_the_first_of_two_pings_is_understood(dialect: Dialect) -> None:
    handshake = begun(known(dialect))
    handshake.silence()
    assert exact(handshake.answered(ok(dialect))) == ask(dialect, "create_session", client_id="c")


@BOTH
def test_a_busy_image_that_refuses_the_token_of_the_first_of_two_pings_gets_it_no_more(dialect: Dialect) -> None:
    handshake = begun(known(dialect))
    handshake.silence()
    step = handshake.answered(error(dialect, "AuthenticationFailed"))
    assert isinstance(step, Rejected)
    assert isinstance(step.error, AuthenticationFailed)


def test_an_answer_to_one_of_two_pings_that_cannot_be_read_refuses_neither_dialect() -> None:
    handshake = begun()
    handshake.silence()
    handshake.answered(GARBAGE)
    assert exact(handshake.answered(GARBAGE)) == ask(ENVELOPE, "ping")
    assert exact(handshake.answered(ok(ENVELOPE))) == ask(ENVELOPE, "create_session", client_id="c")


# Credentials


def test_the_token_goes_with_ping_create_and_restore_only() -> None:
    secret = Secret("a token of some length")
    handshake = Handshake(known(ENVELOPE, "one", "s1"), with_session=True, secret=secret)
    assert exact(handshake.begin()) == ask(ENVELOPE, "ping", secret)
    step = handshake.answered(ok(ENVELOPE))
    assert exact(step) == ask(ENVELOPE, "restore_session", secret, session_id="s1", client_id="c")
    assert exact(handshake.answered(ok(ENVELOPE))) == ask(ENVELOPE, "load_context", session_id="s1")
    other = begun(known(), secret=secret)
    assert exact(other.answered(ok())) == ask(COMMAND, "create_session", secret, client_id="c")


@BOTH
@REFUSALS
def test_a_refused_token_needs_a_person(dialect: Dialect, refusal: str) -> None:
    restored = restoring(dialect)
    if refusal == "PermissionDenied":  # which may be about that one session: a new one shows it
        assert exact(restored.answered(error(dialect, refusal, "wrong token"))) == ask(dialect, "ping")
        assert exact(restored.answered(ok(dialect, image_id="one"))) == ask(dialect, "create_session", client_id="c")
    for handshake in (begun(known(dialect)), creating(dialect), restored):
        step = handshake.answered(error(dialect, refusal, "wrong token"))
        assert isinstance(step, Rejected)
        assert isinstance(step.error, AuthenticationFailed)
        assert str(step.error) == (
            f"the backend does not let this client in (no token was sent: {refusal}: wrong token): "
            "give the right token, then reconnect"
        )


@REFUSALS
def test_a_token_refused_in_the_other_dialect_is_refused_after_one_more_ping(refusal: str) -> None:
    handshake = begun()
    assert exact(handshake.answered(error(ENVELOPE, refusal))) == ask(ENVELOPE, "ping")
    assert isinstance(handshake.answered(error(ENVELOPE, refusal)), Rejected)


# A session made at another endpoint, and long words


@BOTH
def test_a_session_of_another_endpoint_that_is_missing_here_says_nothing_about_a_restart(dialect: Dialect) -> None:
    start = known(dialect, "one", "s1")
    handshake = begun(start._replace(is_elsewhere=True))
    handshake.answered(ok(dialect, image_id="one"))
    handshake.answered(error(dialect, "SessionNotFound"))
    assert exact(handshake.answered(ok(dialect))) == ask(dialect, "create_session", client_id="c")
    handshake.answered(ok(dialect, session_id="s2"))
    step = handshake.merged(ours_is_newer=False)
    assert isinstance(step, Established)
    assert (step.verdict, step.known.session) == (BackendVerdict.UNKNOWN, session("s2"))


def test_a_session_of_another_endpoint_that_is_known_here_is_resumed() -> None:
    handshake = begun(known(COMMAND, "one", "s1")._replace(is_elsewhere=True))
    handshake.answered(ok(image_id="one"))
    handshake.answered(ok())
    step = handshake.merged(ours_is_newer=False)
    assert isinstance(step, Established)
    assert (step.verdict, step.known.session) == (BackendVerdict.RESUMED, session("s1"))


def test_long_words_are_cut() -> None:
    words = words_of(error(error_type="SessionError", message="x" * 100_000))
    assert (len(words), words[:17]) == (ERROR_TEXT_MAX_LENGTH, "SessionError: xxx")
