from __future__ import annotations

import pytest

from stui_supervisor.core import inputs
from stui_supervisor.core.effects import CloseLink, Effect, Knock, Load, OpenLink, Save, Send
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.events import AttemptScheduled, Problem, RequestFinished, Transition
from stui_supervisor.failures import FailureKind
from stui_supervisor.health.heartbeats import Heartbeats
from stui_supervisor.health.sample import PathSample
from stui_supervisor.machine.states import BackendVerdict, DegradedReason, Outcome, State, Trigger
from stui_supervisor.wire.dialects import Dialect
from tests.support.core.places import at
from tests.support.core.world import (
    HERE,
    REFUSED,
    THERE,
    World,
    endings,
    moves,
    only,
    section,
    stored,
    told,
    triggers,
)

# One attempt


def test_an_attempt_opens_shakes_hands_and_is_established() -> None:
    world = World()
    world.start(HERE)
    effects = world.loaded(stored())
    assert only(OpenLink, effects) == [OpenLink(1, HERE, 1.0)]
    world.opened()
    assert (world.last_send.link, world.asked().command) == (1, "ping")
    effects = world.shake_hands("one")
    assert moves(effects) == [(State.CONNECTING, Trigger.ESTABLISHED, State.CONNECTED)]


def test_a_first_attempt_that_fails_is_followed_by_others() -> None:
    world = at("connecting, opening")
    effects = world.lost(REFUSED)
    (move,) = told(Transition, effects)
    (scheduled,) = told(AttemptScheduled, effects)
    assert (move.trigger, move.reason, move.endpoint) == (Trigger.ATTEMPT_FAILED, "nothing listens there", str(HERE))
    assert (scheduled.attempt, scheduled.failure) == (2, "nothing listens there")
    assert (move.kind, scheduled.kind, world.core.status(world.now).failure) == (FailureKind.REFUSED,) * 3
    assert world.core.next_deadline() == world.now.monotonic_s + scheduled.delay_s
    assert only(CloseLink, effects) == [CloseLink(1)]


def test_tries_while_recovering_are_numbered_events_and_no_transitions() -> None:
    world = at("connecting, opening")
    effects: list[Effect] = []
    for _ in range(4):
        effects += world.lost(REFUSED)
        effects += world.wait_for_deadline()
    assert triggers(effects) == [Trigger.ATTEMPT_FAILED]
    assert [scheduled.attempt for scheduled in told(AttemptScheduled, effects)] == [2, 3, 4, 5]
    assert [opened.link for opened in only(OpenLink, effects)] == [2, 3, 4, 5]


def test_an_attempt_whose_transport_says_nothing_ends_a_second_after_its_time() -> None:
    world = at("connecting, opening")
    assert triggers(world.wait(1.9)) == []
    effects = world.wait(0.1)
    assert triggers(effects) == [Trigger.ATTEMPT_FAILED]
    assert told(AttemptScheduled, effects)[0].failure == "no answer from the host"


@pytest.mark.parametrize("place", ["connecting, opening", "connecting, handshake", "connecting, switching"])
def test_a_link_lost_before_it_was_established_is_a_failed_attempt(place: str) -> None:
    assert triggers(at(place).lost()) == [Trigger.ATTEMPT_FAILED]


def test_a_link_that_does_not_take_the_first_message_is_a_failed_attempt() -> None:
    world = at("connecting, handshake")
    effects = world.tell(inputs.NotTaken(1, world.last_send.token))
    assert triggers(effects) == [Trigger.ATTEMPT_FAILED]


def test_what_does_not_speak_the_protocol_is_tried_again_slowly() -> None:
    world = at("connecting, handshake")
    world.bring(b"HTTP/1.1 400 Bad Request")
    effects = world.bring(b"HTTP/1.1 400 Bad Request")
    (scheduled,) = told(AttemptScheduled, effects)
    assert triggers(effects) == [Trigger.ATTEMPT_FAILED]
    assert scheduled.failure.startswith("what answers there does not speak STUI's protocol")
    assert 0.0 <= scheduled.delay_s <= 1.0


# A busy image, and the dialects


def test_a_busy_image_keeps_its_link_during_the_handshake_however_long_it_takes() -> None:
    world = World()
    world.start()
    world.loaded(stored(endpoint=str(HERE), dialect="command"))
    world.opened()
    first = world.last_send
    effects = world.wait(3_600.0)
    assert [type(effect) for effect in effects] == [Send]
    assert world.core.status(world.now).last_error == "the image does not answer; it may be computing"
    world.last_send = first
    assert triggers(world.shake_hands("one")) == [Trigger.ESTABLISHED]
    assert world.record.dialect == Dialect.COMMAND
    assert world.core.status(world.now).last_error is None


def test_a_silent_backend_is_asked_once_in_the_other_dialect() -> None:
    world = at("connecting, handshake")
    assert world.asked().dialect is Dialect.COMMAND
    effects = world.wait(3_600.0)
    assert len(only(Send, effects)) == 1
    assert (world.asked().dialect, world.asked().command) == (Dialect.ENVELOPE, "ping")
    assert triggers(world.shake_hands("one")) == [Trigger.ESTABLISHED]
    assert world.record.dialect == Dialect.ENVELOPE


def test_the_dialect_of_an_endpoint_is_remembered() -> None:
    world = World()
    world.start()
    world.loaded(stored(endpoint=str(HERE), dialect="envelope"))
    world.opened()
    assert world.asked().dialect is Dialect.ENVELOPE


def test_the_dialect_of_one_endpoint_says_nothing_about_another() -> None:
    world = World()
    world.start(THERE)
    world.loaded(stored(endpoint=str(HERE), dialect="envelope"))
    world.opened()
    assert world.asked().dialect is Dialect.COMMAND


def test_the_dialects_of_several_endpoints_are_remembered() -> None:
    world = World()
    world.start()
    world.loaded(stored(endpoint=str(HERE), dialect="envelope"))
    world.link("one")
    world.tell(inputs.Connect(THERE))
    world.link("one")
    world.tell(inputs.Connect(HERE))
    world.opened()
    assert world.asked().dialect is Dialect.ENVELOPE


def test_a_request_that_waited_is_sent_in_the_dialect_that_was_found() -> None:
    world = at("connecting, handshake")
    world.submit("evaluate", timeout=60.0, code="3 + 4")
    world.wait(5.0)
    world.shake_hands("one")
    assert (world.asked().dialect, world.asked().parameters) == (Dialect.ENVELOPE, {"code": "3 + 4"})


# The session on the backend


def test_the_context_is_pushed_to_a_session_that_was_made_again() -> None:
    world = World()
    world.start()
    world.loaded(stored(sections={"work": section("mine")}, endpoint=str(HERE), backend_session="gone"))
    world.opened()
    world.answer()
    world.refuse("SessionNotFound")
    world.answer()
    assert world.asked().command == "create_session"
    world.answer({"session_id": "new"})
    assert world.asked().command == "update_session_state"
    assert world.asked().parameters["state_data"]["work"] == "mine"
    effects = world.answer({"update_successful": True})
    (move,) = told(Transition, effects)
    assert (
        move.reason
        == "the image was started again, or had lost the session; it has the work again (liveness: heartbeat)"
    )
    assert world.core.status(world.now).backend_verdict is BackendVerdict.RESTARTED
    assert world.record.backend_session == "new"


def test_what_is_newer_on_the_backend_is_taken_and_saved() -> None:
    world = World()
    world.start()
    world.loaded(stored(sections={"work": section("old", 1)}, endpoint=str(HERE), backend_session="s1"))
    world.opened()
    effects = world.shake_hands("one", {"work": section("new", 2)})
    assert (world.context["work"], world.core.status(world.now).backend_verdict) == ("new", BackendVerdict.RESUMED)
    assert only(Save, effects)[-1].sections == {"work": section("new", 2)}


def test_a_refused_session_does_not_prevent_the_link() -> None:
    world = at("connecting, handshake")
    world.answer({"image_id": "one"})
    effects = world.refuse("SessionError", "too many sessions")
    assert triggers(effects) == [Trigger.ESTABLISHED]
    (problem,) = told(Problem, effects)
    assert (problem.code, problem.message) == (
        "no_backend_session",
        "the backend did not take the session: SessionError: too many sessions",
    )
    assert world.core.status(world.now).backend_verdict is BackendVerdict.UNKNOWN


# Health


def test_ten_quiet_seconds_are_followed_by_a_ping() -> None:
    world = at("connected")
    assert only(Send, world.wait(9.9)) == []
    assert len(only(Send, world.wait(0.1))) == 1
    assert world.asked().command == "ping"


def test_pings_go_on_for_as_long_as_the_link_is_quiet_and_measure_the_round_trip() -> None:
    world = at("connected")
    for _ in range(3):
        world.wait(10.0)
        assert world.asked().command == "ping"
        world.wait(0.125)
        assert triggers(world.answer()) == []
        assert world.core.status(world.now).rtt_ms == 125.0


def test_a_reply_makes_the_link_young_again() -> None:
    world = at("connected")
    world.wait(9.0)
    world.submit("evaluate", code="1")
    world.answer()
    assert only(Send, world.wait(9.9)) == []


def test_an_image_that_owes_an_answer_for_five_seconds_is_busy_until_it_gives_it() -> None:
    world = at("connected")
    world.submit("evaluate", code="1")
    assert triggers(world.wait(4.9)) == []
    effects = world.wait(0.1)
    assert moves(effects) == [(State.CONNECTED, Trigger.HEALTH_LOST, State.DEGRADED)]
    assert world.core.status(world.now).degraded_reason is DegradedReason.BUSY
    effects = world.wait(3_600.0)
    assert (effects, world.state) == ([], State.DEGRADED)
    effects = world.answer({"result": 7})
    assert moves(effects) == [(State.DEGRADED, Trigger.HEALTH_REGAINED, State.CONNECTED)]
    assert (endings(effects), world.core.status(world.now).degraded_reason) == ([(1, "replied")], None)


def test_an_unanswered_ping_makes_the_link_busy_after_fifteen_quiet_seconds() -> None:
    world = at("connected")
    assert triggers(world.wait(14.9)) == []
    assert triggers(world.wait(0.1)) == [Trigger.HEALTH_LOST]


def test_a_busy_image_is_not_asked_again_on_top() -> None:
    world = at("connected")
    world.wait(10.0)
    assert only(Send, world.wait(600.0)) == []


def test_a_busy_image_that_goes_away_is_a_lost_link() -> None:
    world = at("degraded")
    assert moves(world.lost()) == [(State.DEGRADED, Trigger.LINK_LOST, State.RECOVERING)]
    assert world.core.status(world.now).degraded_reason is None


def test_a_request_that_was_given_up_keeps_its_place_until_its_late_reply() -> None:
    world = at("connected")
    world.submit("evaluate", timeout=1.0, code="1")
    world.submit("evaluate", code="2")
    effects = world.wait(1.0)
    assert (endings(effects), only(Send, effects)) == ([(1, "OutcomeUnknown")], [])
    effects = world.answer({"result": "late"})
    assert (endings(effects), world.asked().parameters) == ([], {"code": "2"})
    assert endings(world.answer({"result": 2})) == [(2, "replied")]


def test_a_request_whose_time_is_over_does_not_hold_up_those_behind_it() -> None:
    world = at("connected")
    world.submit("evaluate", code="1")
    world.submit("evaluate", timeout=1.0, code="2")
    world.submit("evaluate", code="3")
    world.now = world.now.after(1.0)
    effects = [*world.answer(), *world.tell(inputs.TimePassed())]
    assert endings(effects) == [(1, "replied"), (2, "NotSent")]
    assert world.asked().parameters == {"code": "3"}


# Losing the link


def test_a_lost_link_keeps_what_waits_and_is_honest_about_what_was_sent() -> None:
    world = at("connected, asking")
    effects = world.lost()
    assert moves(effects) == [(State.CONNECTED, Trigger.LINK_LOST, State.RECOVERING)]
    assert endings(effects) == [(1, "OutcomeUnknown")]
    (finished,) = told(RequestFinished, effects)
    assert (finished.command, finished.outcome, finished.duration_ms) == ("evaluate", Outcome.OUTCOME_UNKNOWN, 0.0)
    world.wait_for_deadline()
    world.link("one")
    assert world.asked().parameters == {"code": "2"}


def test_a_repeatable_request_is_sent_again_on_the_next_link() -> None:
    world = at("connected")
    world.submit("inspect", objectId=1)
    assert endings(world.lost()) == []
    world.wait_for_deadline()
    world.link("one")
    assert (world.asked().command, endings(world.answer())) == ("inspect", [(1, "replied")])


def test_a_message_that_the_link_did_not_take_is_sent_again_even_when_it_may_not_be_repeated() -> None:
    world = at("connected")
    world.submit("evaluate", code="1")
    effects = world.tell(inputs.NotTaken(world.core.link, world.last_send.token))
    assert (triggers(effects), endings(effects)) == ([Trigger.LINK_LOST], [])
    world.wait_for_deadline()
    world.link("one")
    assert world.asked().parameters == {"code": "1"}


def test_what_waits_without_a_timeout_waits_five_seconds_for_a_link() -> None:
    world = at("recovering, waiting")
    world.submit("evaluate", code="1")
    assert endings(world.wait(4.9)) == []
    assert endings(world.wait(0.1)) == [(1, "NotSent")]


@pytest.mark.parametrize(("endpoint", "ended"), [(HERE, []), (THERE, [(1, "NotSent")])])
def test_what_waits_for_one_endpoint_is_not_sent_to_another(endpoint: Endpoint, ended: list[object]) -> None:
    world = at("recovering, waiting")
    world.submit("evaluate", code="1")
    assert endings(world.tell(inputs.Connect(endpoint))) == ended


def test_a_reply_that_comes_twice_while_the_session_changes_is_not_taken_for_a_heartbeat() -> None:
    world = World()
    world.sample = PathSample(0.1, 0.1, 91, 0, has_outstanding=False)
    world.start(HERE)
    world.loaded(stored(image_id="one"))
    world.opened()
    assert only(Load, world.answer({"image_id": "another"})) != []
    for received in (200, 200, 300):  # each time it comes once more
        assert world.answer({"image_id": "another"}) == []
        world.sample = PathSample(0.1, 0.1, received, 0, has_outstanding=False)
        world.wait_for_deadline()
    path = world.core._leaves.attempt.connection.path
    assert path is not None
    assert path.heartbeats is Heartbeats.ASSUMED


def silent_from_the_beginning() -> World:
    """A link whose peer was never heard, and whose first heartbeat is about to be late."""
    world = World()
    world.sample = PathSample(0.1, 0.1, 91, 0, has_outstanding=False)
    world.start(HERE)
    world.loaded()
    world.link()
    world.falls_silent(1.6)
    return world


def test_a_peer_that_was_never_heard_is_knocked_at_and_pinged() -> None:
    world = silent_from_the_beginning()
    assert only(Knock, world.wait(0.2)) == [Knock(world.core.link)]
    assert world.asked().command == "ping"


def test_a_peer_that_greets_is_waited_for_however_long_its_image_is_busy() -> None:
    world = silent_from_the_beginning()
    world.submit("evaluate", code="1")
    assert only(Knock, world.wait(0.2)) == [Knock(world.core.link)]
    assert world.asked().command == "evaluate"
    world.tell(inputs.Greeted(world.core.link))
    world.falls_silent(60.0)
    assert triggers(world.wait(4.0)) == []


def test_a_greeting_of_an_earlier_link_says_nothing_of_the_present_one() -> None:
    world = silent_from_the_beginning()
    world.wait(0.2)
    world.tell(inputs.Greeted(world.core.link - 1))
    world.falls_silent(4.0)
    assert triggers(world.wait(1.5)) == [Trigger.HEALTH_LOST, Trigger.LINK_LOST]
