"""This process stands still: what it could not see is no verdict on anybody else."""

from __future__ import annotations

import pytest

from stui_supervisor.config import DEFAULTS, STALL_S
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import OpenLink, Save
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.health.sample import PathSample
from stui_supervisor.machine.states import State, Trigger
from tests.support.core.places import at
from tests.support.core.world import HERE, World, endings, only, stored, triggers

STALLED_S = 10.0
AGAIN_S = DEFAULTS.heartbeat_interval_s + DEFAULTS.path_look_s
TOLD_LATE = inputs.TimePassed()


def asking(timeout: float | None = None) -> World:
    """Connected, and a request is in flight."""
    world = at("connected")
    world.submit("evaluate", timeout=timeout, code="1")
    return world


def test_a_reply_that_came_meanwhile_wins_over_the_timeout() -> None:
    world = asking(timeout=4.0)
    world.stand_still(STALLED_S)
    assert endings(world.tell(TOLD_LATE)) == []
    assert endings(world.answer({"result": "1"})) == [(1, "replied")]


def test_a_reply_that_still_does_not_come_is_waited_for_no_longer() -> None:
    world = asking(timeout=4.0)
    world.stand_still(STALLED_S)
    world.tell(TOLD_LATE)
    assert endings(world.wait(DEFAULTS.path_look_s - 0.1)) == []
    assert endings(world.wait(0.1)) == [(1, "OutcomeUnknown")]


def test_a_request_that_is_made_after_a_stall_ends_by_its_time() -> None:
    world = at("connected")
    world.stand_still(DEFAULTS.ping_interval_s + STALLED_S)
    world.tell(TOLD_LATE)
    world.submit("evaluate", timeout=0.5, code="1")
    assert endings(world.wait(0.5)) == [(1, "NotSent")]  # the image was asked who it is first


def test_an_image_whose_answer_came_meanwhile_is_not_busy() -> None:
    world = asking()
    world.stand_still(STALLED_S)
    assert triggers([*world.tell(TOLD_LATE), *world.answer({"result": "1"}), *world.wait(AGAIN_S)]) == []


def test_a_write_that_is_due_meanwhile_brings_no_verdict() -> None:
    world = asking()
    world.stand_still(STALLED_S)
    world.tell(TOLD_LATE)
    world.context["work"] = 1
    effects = world.wait(AGAIN_S - 0.1)
    assert (len(only(Save, effects)), triggers(effects)) == (1, [])


def test_an_image_that_owes_its_answer_still_is_busy() -> None:
    world = asking()
    world.stand_still(STALLED_S)
    assert triggers([*world.tell(TOLD_LATE), *world.wait(AGAIN_S)]) == [Trigger.HEALTH_LOST]


@pytest.mark.parametrize("stalled_s", [STALL_S + 0.1, STALLED_S, 28_800.0])
def test_a_connection_is_looked_at_again_before_it_counts_as_dead_or_frozen(stalled_s: float) -> None:
    world = at("connecting, opening")
    world.link_over_tcp("one")
    world.falls_silent(stalled_s)
    world.stand_still(DEFAULTS.silent_after_s + stalled_s)
    assert triggers(world.tell(TOLD_LATE)) == []
    world.falls_silent(0.1)
    assert triggers(world.wait(4.0)) == []
    world.falls_silent(DEFAULTS.dead_after_s)
    assert triggers(world.wait(2.0)) == [Trigger.LINK_LOST]


@pytest.mark.parametrize("place", ["connecting, opening", "recovering, opening"])
def test_a_link_that_opened_meanwhile_is_taken(place: str) -> None:
    world = at(place)
    world.stand_still(STALLED_S)
    assert triggers([*world.tell(TOLD_LATE), *world.link("one")]) == [Trigger.ESTABLISHED]


@pytest.mark.parametrize("place", ["connecting, opening", "recovering, opening"])
def test_a_link_that_says_nothing_then_either_has_failed(place: str) -> None:
    world = at(place)
    world.stand_still(STALLED_S)
    world.tell(TOLD_LATE)
    world.wait(AGAIN_S)
    assert world.core.status(world.now).last_error == str(Failure(FailureKind.TIMEOUT))


def test_an_image_that_answered_the_handshake_meanwhile_was_not_busy() -> None:
    world = at("connecting, handshake")
    asked = world.last_send
    world.stand_still(STALLED_S)
    world.tell(TOLD_LATE)
    assert world.core.status(world.now).last_error is None
    assert world.last_send == asked
    assert triggers(world.shake_hands("one")) == [Trigger.ESTABLISHED]


@pytest.mark.parametrize("place", ["connecting, credential", "recovering, credential"])
def test_a_credential_that_was_read_meanwhile_is_used(place: str) -> None:
    world = at(place)
    world.stand_still(STALLED_S)
    world.tell(TOLD_LATE)
    assert only(OpenLink, world.credential()) != []


def test_a_session_that_was_read_meanwhile_is_restored() -> None:
    world = at("restoring")
    world.stand_still(STALLED_S)
    assert triggers([*world.tell(TOLD_LATE), *world.loaded(stored())]) == [Trigger.RESTORED]


def test_the_next_attempt_does_not_wait_for_anything() -> None:
    world = at("recovering, waiting")
    world.stand_still(STALLED_S)
    assert only(OpenLink, world.tell(TOLD_LATE)) != []


def test_a_process_that_stands_still_again_and_again_looks_each_time_before_it_judges() -> None:
    world = asking()
    for _ in range(3):
        world.stand_still(STALLED_S)
        assert triggers(world.tell(TOLD_LATE)) == []
    assert world.state is State.CONNECTED


def test_a_network_that_changed_meanwhile_brings_no_look_before_its_time() -> None:
    world = at("connecting, opening")
    world.link_over_tcp("one")
    world.falls_silent(STALLED_S)
    world.stand_still(STALLED_S)
    assert triggers([*world.tell(inputs.NetworkChanged()), *world.tell(TOLD_LATE)]) == []
    world.falls_silent(0.1)
    assert triggers([*world.answer(), *world.wait(3.0)]) == []


def test_a_context_that_had_to_wait_for_a_long_answer_is_no_sign_of_a_stall() -> None:
    world = World()
    world.sample = PathSample(0.1, 0.1, 91, 0, has_outstanding=False)
    world.start(HERE)
    world.loaded()
    world.link()
    world.submit("evaluate", code="1")
    world.context["work"] = 1
    world.wait(DEFAULTS.share_delay_s + STALL_S)
    world.stand_still(DEFAULTS.path_look_s)  # a look at the connection is due as well
    world.answer({"result": "1"})
    world.submit("evaluate", timeout=0.1, code="2")
    assert endings(world.wait(0.1)) == [(2, "NotSent")]


def test_what_waited_behind_a_request_that_is_over_is_sent_without_waiting_for_a_verdict() -> None:
    world = asking()
    world.submit("evaluate", timeout=3.0, code="2")
    world.submit("evaluate", code="3")
    world.stand_still(DEFAULTS.answer_timeout_s + STALLED_S)
    world.tell(TOLD_LATE)
    world.answer({"result": "1"})
    assert endings(world.wait(DEFAULTS.path_look_s)) == [(2, "NotSent")]
    assert world.asked().command == "ping"  # what was known of it is old
    world.answer({"image_id": "one"})
    assert world.asked().parameters == {"code": "3"}
