"""Deadlines and idempotency keys: what a request carries to a backend that asks for them, and what a refusal means."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from typing import Any

import pytest

from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Effect, Send
from stui_supervisor.events import Problem
from stui_supervisor.machine.states import State
from stui_supervisor.requests.backend_clock import BackendClock
from stui_supervisor.requests.guarantees import members_for
from stui_supervisor.requests.request import Request
from stui_supervisor.wire.dialects import timestamp
from stui_supervisor.wire.service import decode_request
from tests.support.core.places import at
from tests.support.core.world import BEGIN, RESET, World, endings, only, request, told

BOTH = frozenset({"deadline", "idempotency"})
NONE: frozenset[str] = frozenset()


def linked(*capabilities: str) -> World:
    """A link to a backend that advertises these."""
    world = at("connecting, handshake")
    world.answer({"image_id": "one", "capabilities": list(capabilities)})
    world.shake_hands()
    return world


def same_clock() -> BackendClock:
    """An image's that shows what ours does."""
    clock = BackendClock()
    clock.showed(BEGIN.utc + timedelta(seconds=0.001), BEGIN.monotonic_s + 0.003, BEGIN.monotonic_s + 0.003)
    return clock


def carried(one: Request, capabilities: frozenset[str] = BOTH, clock: BackendClock | None = None) -> dict[str, Any]:
    """The parameters as the backend reads them."""
    members = members_for(one, capabilities, clock or same_clock(), BEGIN)
    return one.parameters | {name: json.loads(value) for name, value in members.items()}


def test_a_request_carries_its_deadline_and_its_id_as_the_key() -> None:
    one = request(7, parameters={"code": "1"}, timeout=2.5)
    assert carried(one) == {"code": "1", "deadline": "2026-03-01T12:00:02.500Z", "idempotency_key": "me-7"}


@pytest.mark.parametrize(
    ("capabilities", "carries"),
    [(NONE, set()), ({"deadline"}, {"deadline"}), ({"idempotency"}, {"idempotency_key"}), ({"publishing"}, set())],
)
def test_it_carries_what_was_asked_for_and_nothing_else(capabilities: set[str], carries: set[str]) -> None:
    assert set(carried(request(timeout=1.0), frozenset(capabilities))) == carries


def test_a_request_without_a_timeout_has_no_deadline() -> None:
    assert carried(request(7)) == {"idempotency_key": "me-7"}


def test_a_timeout_of_more_than_a_day_is_no_deadline() -> None:
    within, beyond = request(timeout=86_400.0), request(timeout=86_400.1)
    assert (set(carried(within)), set(carried(beyond))) == ({"deadline", "idempotency_key"}, {"idempotency_key"})


@pytest.mark.parametrize("timeout", [2.5e11, float(sys.maxsize), 1e300])
def test_a_link_comes_up_however_long_a_request_may_wait_for_it(timeout: float) -> None:
    world = at("connecting, handshake")
    world.submit("evaluate", timeout=timeout, code="1")
    world.answer({"image_id": "one", "capabilities": [*BOTH]})
    world.shake_hands()
    assert (world.state, endings(world.answer())) == (State.CONNECTED, [(1, "replied")])


def test_the_callers_own_parameters_are_left_alone() -> None:
    own = {"deadline": "never", "idempotency_key": 1}
    assert carried(request(parameters=own, timeout=1.0)) == own


def test_a_backend_that_advertises_nothing_gets_plain_messages() -> None:
    one = request(parameters={"code": "1"}, timeout=1.0)
    assert members_for(one, NONE, same_clock(), BEGIN) == {}


def test_the_supervisors_own_messages_carry_neither() -> None:
    world = linked(*BOTH)
    world.wait(10.0)
    assert (world.asked().command, world.asked().parameters) == ("ping", {})


def test_a_request_that_is_sent_again_may_run_twice_and_has_no_key_then() -> None:
    world = linked(*BOTH)
    world.submit("inspect", timeout=30.0, objectId="x")
    first = dict(world.asked().parameters)
    world.lost(RESET)
    world.wait_for_deadline()
    world.opened()
    world.answer({"image_id": "one", "capabilities": [*BOTH]})
    world.shake_hands()
    assert (first["idempotency_key"], set(world.asked().parameters)) == ("me-1", {"objectId", "deadline"})


def test_a_request_that_the_link_did_not_take_keeps_its_key() -> None:
    one = request(7)
    one.sendings += 1
    one.sendings -= 1  # as it is put back
    assert carried(one) == {"idempotency_key": "me-7"}


def test_each_link_asks_for_itself() -> None:
    world = linked(*BOTH)
    world.lost(RESET)
    world.wait_for_deadline()
    world.link("one")
    (sending,) = only(Send, world.submit("evaluate", timeout=1.0, code="1"))
    assert decode_request(sending.body).parameters == {"code": "1"}


@pytest.mark.parametrize(
    ("error_type", "ending"), [("DeadlineExceeded", "NotSent"), ("RepeatedRequest", "OutcomeUnknown")]
)
def test_a_refusal_as_promised_says_what_became_of_the_request(error_type: str, ending: str) -> None:
    world = linked(*BOTH)
    world.submit("evaluate", timeout=30.0, code="1")
    assert endings(world.refuse(error_type)) == [(1, ending)]


def test_a_request_that_was_too_late_the_second_time_may_have_run_the_first_time() -> None:
    world = linked(*BOTH)
    world.submit("inspect", timeout=30.0, objectId="x")
    world.lost(RESET)
    world.wait_for_deadline()
    world.opened()
    world.answer({"image_id": "one", "capabilities": [*BOTH]})
    world.shake_hands()
    assert endings(world.refuse("DeadlineExceeded")) == [(1, "OutcomeUnknown")]


@pytest.mark.parametrize("error_type", ["DeadlineExceeded", "RepeatedRequest"])
def test_the_same_words_of_a_backend_that_promised_nothing_are_an_error_of_its_own(error_type: str) -> None:
    world = linked()
    world.submit("evaluate", timeout=30.0, code="1")
    assert endings(world.refuse(error_type)) == [(1, "BackendError")]


# Clocks


def bring_at(world: World, clock: str | None, error_type: str | None = None) -> list[Effect]:
    """The backend answers what it was asked last, at this time of its own."""
    asked = world.asked()
    named = {"image_id": "one", "session_id": "s", "capabilities": [*BOTH]}
    told = {"status": "error", "error_type": error_type} if error_type else {"status": "success", "result": named}
    return world.bring(json.dumps({"id": asked.id, "timestamp": clock, **told}).encode())


def linked_at(clock: str | None) -> World:
    """A link to a backend whose clock stands still at this time."""
    world = at("connecting, handshake")
    while world.state is not State.CONNECTED:
        bring_at(world, clock)
    return world


def deadlines(world: World, timeout: float = 5.0) -> list[object]:
    """What the next request carries, in a list that may be empty."""
    (sending,) = only(Send, world.submit("evaluate", timeout=timeout, code="1"))
    parameters = decode_request(sending.body).parameters
    return [parameters["deadline"]] if "deadline" in parameters else []


def by_ours(world: World) -> list[object]:
    """The same where the backend's clock is taken for one like ours."""
    return [timestamp(world.now.utc + timedelta(seconds=5.0))]


@pytest.mark.parametrize("clock", ["2026-03-01T11:00:00.500Z", "2031-03-01T12:00:00.500+00:00"])
def test_a_deadline_is_a_time_of_the_backends_clock_however_wrong_one_of_the_two_is(clock: str) -> None:
    expected = datetime.fromisoformat(clock) + timedelta(seconds=5.002)
    assert deadlines(linked_at(clock)) == [timestamp(expected)]


@pytest.mark.parametrize("clock", [None, "", "soon", "2026-03-01T12:00:00", "0001-01-01T00:00:00+09:00"])
def test_a_backend_that_does_not_tell_its_time_gets_a_deadline_by_ours(clock: str | None) -> None:
    world = linked_at(clock)
    assert deadlines(world) == by_ours(world)


def test_a_deadline_after_the_end_of_all_dates_is_left_out() -> None:
    assert deadlines(linked_at("9999-12-31T23:59:59.500Z")) == []


def test_a_backend_that_counts_whole_seconds_gets_a_deadline_that_is_not_too_early() -> None:
    assert deadlines(linked_at("2026-03-01T12:00:00Z")) == ["2026-03-01T12:00:06.000Z"]


def test_a_refusal_of_a_request_that_has_time_left_ends_the_deadlines_of_this_link() -> None:
    world = linked_at("2026-03-01T11:00:00.500Z")
    first = deadlines(world)
    effects = bring_at(world, "2026-03-01T11:00:00.500Z", "DeadlineExceeded")
    assert (len(first), endings(effects), [told.code for told in told(Problem, effects)]) == (
        1,
        [(1, "NotSent")],
        ["deadline_refused"],
    )
    second = deadlines(world)
    effects = bring_at(world, "2026-03-01T11:00:00.500Z", "DeadlineExceeded")
    assert (second, told(Problem, effects)) == ([], [])
    world.lost(RESET)
    world.wait_for_deadline()
    world.opened()
    while world.state is not State.CONNECTED:
        bring_at(world, "2026-03-01T11:00:00.500Z")
    assert len(deadlines(world)) == 1


def test_a_callers_own_deadline_that_is_over_says_nothing_of_the_clocks() -> None:
    world = linked_at("2026-03-01T12:00:00.500Z")
    world.submit("evaluate", timeout=5.0, code="1", deadline="2020-01-01T00:00:00Z")
    effects = bring_at(world, "2026-03-01T12:00:00.500Z", "DeadlineExceeded")
    assert (endings(effects), told(Problem, effects), len(deadlines(world))) == ([(1, "NotSent")], [], 1)


def test_after_sleep_a_deadline_is_by_our_clock_until_the_backend_has_told_its_time_again() -> None:
    world = linked_at("2026-03-01T12:00:00.500Z")
    world.tell(inputs.Woke(3_600.0))
    bring_at(world, None)  # the probe
    expected = by_ours(world)
    assert deadlines(world) == expected
    bring_at(world, "2026-03-01T13:00:00.500Z")
    assert deadlines(world) == ["2026-03-01T13:00:05.502Z"]


def test_a_ping_that_was_asked_in_both_dialects_says_nothing_of_the_clock() -> None:
    world = at("connecting, handshake")
    world.wait(5.0)
    bring_at(world, "2026-03-01T12:00:00.500Z")
    while world.state is not State.CONNECTED:
        bring_at(world, None)
    assert deadlines(world) == by_ours(world)
