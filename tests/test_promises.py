"""Deadlines and idempotency keys: what a request carries to a backend that asks for them, and what a refusal means."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from stui_supervisor.effects import Send
from stui_supervisor.promises import body_for
from stui_supervisor.requests import Request
from stui_supervisor.states import State
from stui_supervisor.wire.dialects import Dialect
from stui_supervisor.wire.service import decode_request
from tests.support.core_places import at
from tests.support.core_world import BEGIN, RESET, World, endings, only, request

BOTH = frozenset({"deadline", "idempotency"})
NONE: frozenset[str] = frozenset()


def linked(*capabilities: str) -> World:
    """A link to a backend that advertises these."""
    world = at("connecting, handshake")
    world.answer({"image_id": "one", "capabilities": list(capabilities)})
    world.shake_hands()
    return world


def carried(one: Request, capabilities: frozenset[str] = BOTH) -> dict[str, Any]:
    """The parameters as the backend reads them."""
    return dict(decode_request(body_for(one, capabilities, BEGIN)).parameters)


@pytest.mark.parametrize("dialect", Dialect)
def test_a_request_carries_its_deadline_and_its_id_as_the_key(dialect: Dialect) -> None:
    one = request(7, parameters={"code": "1"}, timeout=2.5, dialect=dialect)
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
    assert body_for(one, NONE, BEGIN) is one.body


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
