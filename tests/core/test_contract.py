"""What the core does from start to end, one sentence of the contract at a time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from stui_supervisor.config import DEFAULTS, Settings
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import CloseLink, Effect, Load, OpenLink, Save
from stui_supervisor.core.inputs import Input
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import AuthenticationFailed
from stui_supervisor.events import AttemptScheduled, Problem, Transition
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.wire.dialects import Dialect
from tests.support.core.places import PLACES, at
from tests.support.core.world import (
    HERE,
    PID,
    THERE,
    World,
    endings,
    moves,
    only,
    released,
    section,
    stored,
    told,
    triggers,
)

# Starts


@pytest.mark.parametrize("endpoint", [None, HERE])
def test_every_start_goes_through_restoring(endpoint: Endpoint | None) -> None:
    world = World()
    effects = world.start(endpoint)
    assert moves(effects) == [(State.DISCONNECTED, Trigger.RESTORE, State.RESTORING)]
    assert only(Load, effects) == [Load(1, "default", None)]
    assert world.core.next_deadline() == world.now.monotonic_s + 2.0


def test_a_start_without_an_endpoint_connects_to_the_stored_one() -> None:
    world = World()
    world.start()
    effects = world.loaded(stored(endpoint=str(THERE)))
    assert triggers(effects) == [Trigger.RESTORED]
    assert only(OpenLink, effects) == [OpenLink(1, THERE, 1.0)]


def test_naming_an_endpoint_overrides_the_stored_one_only() -> None:
    world = World()
    world.start(HERE)
    effects = world.loaded(stored(sections={"work": section("kept")}, endpoint=str(THERE)))
    assert only(OpenLink, effects) == [OpenLink(1, HERE, 1.0)]
    assert dict(world.context) == {"work": "kept"}


def test_after_a_persons_disconnect_the_next_start_restores_the_context_and_no_link() -> None:
    world = World()
    world.start()
    effects = world.loaded(stored(sections={"work": section("kept")}, endpoint=str(HERE), wanted=False))
    assert triggers(effects) == [Trigger.LEFT_DISCONNECTED]
    assert (only(OpenLink, effects), dict(world.context)) == ([], {"work": "kept"})


def test_after_a_persons_disconnect_a_start_with_an_endpoint_connects() -> None:
    world = World()
    world.start(HERE)
    effects = world.loaded(stored(endpoint=str(HERE), wanted=False))
    assert triggers(effects) == [Trigger.RESTORED]
    assert only(Save, effects)[-1].record.wanted is True


def test_with_nothing_stored_it_says_what_to_do() -> None:
    world = at("nothing restored")
    assert world.core.status(world.now).last_error == (
        "no endpoint is known; name one, for instance tcp://127.0.0.1:5555"
    )


def test_a_stored_endpoint_that_cannot_be_used_is_told_and_not_tried() -> None:
    world = World()
    world.start()
    effects = world.loaded(stored(endpoint="tcp://127.0.0.1:99999"))
    assert triggers(effects) == [Trigger.NOTHING_TO_RESTORE]
    assert [problem.code for problem in told(Problem, effects)] == ["stored_endpoint"]


def test_a_slow_disk_delays_a_start_by_its_limit_only() -> None:
    world = World()
    world.start(HERE)
    assert triggers(world.wait(1.99)) == []
    assert triggers(world.wait(0.01)) == [Trigger.RESTORED]


def test_a_failing_disk_delays_a_start_by_nothing() -> None:
    world = World()
    world.start(HERE)
    assert triggers(world.load_failed()) == [Trigger.RESTORED]


def test_a_connect_while_restoring_waits_for_the_store_and_then_uses_what_it_has() -> None:
    world = World()
    world.start()
    effects = world.tell(inputs.Connect(HERE))
    assert (triggers(effects), only(OpenLink, effects), only(Load, effects)) == ([Trigger.CONNECT], [], [])
    effects = world.loaded(stored(sections={"work": section("kept")}, endpoint=str(THERE), backend_session="s1"))
    assert (triggers(effects), only(OpenLink, effects)) == ([], [OpenLink(1, HERE, 1.0)])
    world.opened()
    world.answer()
    assert world.asked().parameters["session_id"] == "s1"


def test_a_connect_while_restoring_waits_no_longer_than_the_limit() -> None:
    world = World()
    world.start()
    world.tell(inputs.Connect(HERE))
    effects = world.wait(2.0)
    assert (triggers(effects), only(OpenLink, effects)) == ([], [OpenLink(1, HERE, 1.0)])


def test_naming_endpoints_while_restoring_does_not_make_the_limit_longer() -> None:
    world = World()
    world.start()
    world.wait(1.5)
    world.tell(inputs.Connect(THERE))
    world.tell(inputs.Connect(HERE))
    assert only(OpenLink, world.wait(0.5)) == [OpenLink(1, HERE, 1.0)]


@pytest.mark.parametrize("event", [inputs.Reconnect(), inputs.Start(None)])
def test_whoever_changes_his_mind_while_restoring_still_gets_the_stored_work(event: Input) -> None:
    world = World()
    world.start()
    world.tell(inputs.Disconnect())
    effects = world.tell(event)
    # A second claim beside the first would find the session taken, and come back with an empty one.
    assert (triggers(effects), only(Load, effects)) == ([Trigger.RESTORE], [])
    effects = world.loaded(stored("a", {"work": section("kept")}, endpoint=str(HERE)))
    assert (dict(world.context), released(effects)) == ({"work": "kept"}, [])


def test_a_program_that_starts_again_after_its_end_connects_again() -> None:
    world = at("stopped")
    world.start()
    effects = world.loaded(stored(endpoint=str(HERE)))
    assert triggers(effects) == [Trigger.RESTORED]


@pytest.mark.parametrize("event", [inputs.Connect(HERE), inputs.Reconnect(), inputs.Start(HERE)])
def test_whoever_wants_a_link_again_is_remembered_as_wanting_one(event: Input) -> None:
    world = at("disconnected")
    assert only(Save, world.tell(event))[-1].record.wanted is True


# A person is needed


@pytest.mark.parametrize("place", ["connecting, handshake", "recovering, handshake"])
def test_a_refused_credential_ends_the_attempts(place: str) -> None:
    world = at(place)
    effects = world.refuse("AuthenticationFailed", "wrong token")
    assert triggers(effects) == [Trigger.REJECTED]
    assert only(CloseLink, effects) == [CloseLink(world.core.link)]
    assert isinstance(world.core.rejection, AuthenticationFailed)
    assert "wrong token" in str(world.core.status(world.now).last_error)


@pytest.mark.parametrize("degraded", [False, True])
def test_a_ping_that_is_refused_ends_the_link(degraded: bool) -> None:
    world = at("connected")
    world.wait(15.0 if degraded else 10.0)
    assert (world.state, world.asked().command) == (State.DEGRADED if degraded else State.CONNECTED, "ping")
    assert triggers(world.refuse("PermissionDenied")) == [Trigger.REJECTED]


def test_a_request_that_is_refused_is_the_requests_matter_only() -> None:
    world = at("connected")
    world.submit("evaluate", code="1")
    effects = world.refuse("PermissionDenied")
    assert (triggers(effects), endings(effects)) == ([], [(1, "BackendError")])


def test_a_rejection_stays_for_as_long_as_nothing_changes() -> None:
    world = at("rejected")
    assert world.wait(10_000.0) == []
    assert (world.state, world.core.next_deadline()) == (State.DISCONNECTED, None)


@pytest.mark.parametrize("event", [inputs.Start(HERE), inputs.Connect(HERE), inputs.Reconnect()])
def test_a_rejection_ends_when_something_changes(event: Input) -> None:
    world = at("rejected")
    effects = world.tell(event)
    assert world.core.rejection is None
    assert only(OpenLink, effects) == [OpenLink(world.core.link, HERE, 1.0)]


def test_what_waits_when_a_person_is_needed_ends_unsent() -> None:
    world = at("connecting, handshake")
    world.submit("evaluate", code="1")
    assert endings(world.refuse("AuthenticationFailed")) == [(1, "NotSent")]


# Reconnecting


@pytest.mark.parametrize("place", ["connected", "connected, asking", "degraded"])
def test_a_reconnect_replaces_the_link_at_once(place: str) -> None:
    world = at(place)
    old = world.core.link
    effects = world.tell(inputs.Reconnect())
    links = [effect for effect in effects if isinstance(effect, OpenLink | CloseLink)]
    assert links == [CloseLink(old), OpenLink(old + 1, HERE, 1.0)]
    (move,) = told(Transition, effects)
    assert move.reason == "the user asked for a new link"


def test_a_reconnect_ends_the_wait_between_two_attempts() -> None:
    world = at("recovering, waiting")
    effects = world.tell(inputs.Reconnect())
    assert (triggers(effects), only(OpenLink, effects)) == ([], [OpenLink(2, HERE, 1.0)])


@pytest.mark.parametrize(
    "place",
    [
        place
        for place in PLACES
        if place.startswith(("restoring", "connecting", "recovering"))
        and not place.endswith(("waiting", "looking", "handshake"))
    ],
)
def test_a_reconnect_during_an_attempt_changes_nothing(place: str) -> None:
    world = at(place)
    before = world.snapshot()
    assert world.tell(inputs.Reconnect()) == []
    assert world.snapshot() == before


@pytest.mark.parametrize("place", ["connecting, handshake", "recovering, handshake"])
def test_a_reconnect_ends_a_handshake_that_hangs(place: str) -> None:
    world = at(place)
    old = world.core.link
    effects = world.tell(inputs.Reconnect())
    assert triggers(effects) == []
    assert only(CloseLink, effects) == [CloseLink(old)]
    assert [effect.link for effect in effects if isinstance(effect, OpenLink)] == [old + 1]


def test_other_processes_are_told_of_the_attempts_of_an_outage_ever_more_rarely() -> None:
    world = at("recovering, waiting")
    told_on_disk = [save.record.status["attempt"] for save in only(Save, world.wait(3_600.0))]
    assert told_on_disk[:3] == [3, 5, 9]
    assert all(one < other <= 2 * one for one, other in pairwise(told_on_disk))
    attempt = world.core.status(world.now).attempt
    assert attempt > 400
    assert told_on_disk[-1] * 2 > attempt


# Giving up


def test_without_a_limit_it_never_gives_up() -> None:
    world = at("recovering, waiting")
    effects = world.wait(100_000.0)
    assert triggers(effects) == []
    assert len(told(AttemptScheduled, effects)) > 10_000


def test_with_a_limit_it_gives_up_at_the_first_failure_after_it() -> None:
    world = at("recovering, waiting", Settings(give_up_after_s=60.0))
    began = world.now.monotonic_s
    world.submit("evaluate", timeout=600.0, code="1")
    effects: list[Effect] = []
    while world.core.next_deadline() is not None:
        effects += world.wait_for_deadline()
    assert triggers(effects) == [Trigger.GAVE_UP]
    assert 60.0 <= world.now.monotonic_s - began <= 60.0 + 5.0 + 6.0
    assert endings(effects) == [(1, "NotSent")]
    assert triggers(world.tell(inputs.Reconnect())) == [Trigger.RESTORE, Trigger.RESTORED]
    world.lost()
    assert world.state is State.RECOVERING


def test_a_link_that_is_lost_after_the_limit_is_tried_again_before_it_gives_up() -> None:
    world = at("recovering, waiting", Settings(give_up_after_s=6.0))
    world.wait_for_deadline()
    world.link()
    world.wait(DEFAULTS.health_s - 1.0)  # not long enough to forget the outage
    assert triggers(world.lost()) == [Trigger.LINK_LOST]
    world.wait_for_deadline()
    assert triggers(world.lost()) == [Trigger.GAVE_UP]


# The status


def test_the_status_of_a_link_that_is_up_says_everything_about_it() -> None:
    world = at("connected, asking")
    status = world.core.status(world.now)
    assert status.as_dict() == {
        "state": "connected",
        "since": "2026-03-01T12:00:00+00:00",
        "profile": "default",
        "endpoint": str(HERE),
        "image_id": "one",
        "backend_verdict": "unknown",
        "dialect": "command",
        "session_id": "a",
        "attempt": 0,
        "next_attempt_in_s": None,
        "degraded_reason": None,
        "last_error": None,
        "rtt_ms": 0.0,
        "waiting_requests": 2,
        "context_saved_at": None,
        "store_ok": True,
        "credential_source": None,
        "liveness_source": "heartbeat",
        "front": None,
        "pid": PID,
        "failure": None,
        "summary": f"Linked to {HERE} since 12:00:00 UTC, and the image answers; requests go through.",
        "problems": [],
        "work": "fresh",
    }


def test_the_status_of_a_wait_says_when_the_next_attempt_begins() -> None:
    world = at("recovering, waiting")
    before = world.core.status(world.now)
    assert before.next_attempt_in_s is not None
    after = world.core.status(world.now.after(before.next_attempt_in_s))
    assert (before.attempt, after.attempt, after.next_attempt_in_s) == (2, 2, 0.0)


def test_a_dialect_that_this_version_does_not_know_is_found_again() -> None:
    world = World()
    world.start()
    world.loaded(stored(endpoint=str(HERE), dialect="telepathy"))
    world.opened()
    assert world.asked().dialect is Dialect.COMMAND
