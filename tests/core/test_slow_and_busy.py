"""An image that answers, but takes long even for a ping; and what else may be wrong at the same time."""

from __future__ import annotations

import pytest

from stui_supervisor.config import DEFAULTS
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Effect
from stui_supervisor.events import Transition
from stui_supervisor.machine.states import DegradedReason, State, Trigger
from tests.support.core.places import at
from tests.support.core.world import World, told, triggers

SLOW_S = DEFAULTS.slow_after_s


def ping(world: World, rtt_s: float) -> list[Effect]:
    """The next ping, answered after so long."""
    before = world.last_send
    effects: list[Effect] = []
    while world.last_send is before:
        effects += world.wait_for_deadline()
    assert world.asked().command == "ping"
    return [*effects, *world.wait(rtt_s), *world.answer({"image_id": "one"})]


def slow() -> World:
    """Degraded, because pings take long."""
    world = at("connected")
    assert triggers([*ping(world, SLOW_S), *ping(world, SLOW_S)]) == [Trigger.HEALTH_LOST]
    return world


def reason(world: World) -> DegradedReason | None:
    return world.core.status(world.now).degraded_reason


def test_two_slow_pings_in_a_row_degrade_the_link_and_say_why() -> None:
    world = at("connected")
    assert triggers(ping(world, SLOW_S)) == []
    (move,) = told(Transition, ping(world, 1.2))
    assert (move.to_state, move.reason, reason(world)) == (
        State.DEGRADED,
        "slow: a ping took 1.2 s",
        DegradedReason.SLOW,
    )
    assert world.core.status(world.now).last_error == "a ping took 1.2 s"


def test_an_image_that_may_be_slow_is_asked_again_soon() -> None:
    world = at("connected")
    ping(world, SLOW_S)
    began = world.now
    ping(world, 0.0)
    assert world.now.monotonic_s - began.monotonic_s == DEFAULTS.slow_ping_interval_s


def test_one_quick_ping_regains_the_link() -> None:
    world = slow()
    (move,) = told(Transition, ping(world, SLOW_S - 0.1))
    assert (move.to_state, move.reason, reason(world)) == (
        State.CONNECTED,
        "pings are answered quickly again",
        None,
    )


def test_a_request_may_take_as_long_as_it_computes() -> None:
    world = at("connected")
    for _ in range(3):
        world.submit("evaluate", code="1")
        assert triggers([*world.wait(4.0), *world.answer({"result": "1"})]) == []


def test_a_quick_reply_alone_does_not_regain_a_slow_link() -> None:
    world = slow()
    world.submit("evaluate", code="1")
    assert (triggers(world.answer({"result": "1"})), reason(world)) == ([], DegradedReason.SLOW)


def test_a_slow_image_that_does_not_answer_at_all_is_busy_and_then_slow_again() -> None:
    world = slow()
    world.submit("evaluate", code="1")
    moved = triggers(world.wait(5.0))
    seen = [reason(world)]
    moved += triggers(world.answer({"result": "1"}))
    seen.append(reason(world))
    moved += triggers(ping(world, 0.0))
    assert (moved, [*seen, reason(world)]) == (
        [Trigger.HEALTH_REGAINED],
        [DegradedReason.BUSY, DegradedReason.SLOW, None],
    )


def test_pings_that_take_longer_than_an_answer_may_are_slow_once_they_are_answered() -> None:
    world = at("connected")
    moved = triggers(ping(world, 6.0))
    assert (moved, reason(world)) == ([Trigger.HEALTH_LOST, Trigger.HEALTH_REGAINED], None)
    moved = triggers(ping(world, 6.0))
    assert (moved, reason(world)) == ([Trigger.HEALTH_LOST], DegradedReason.SLOW)


def test_a_slow_link_whose_bytes_come_through_again_is_still_slow() -> None:
    world = at("connecting, opening")
    world.link_over_tcp("one")
    ping(world, SLOW_S)
    ping(world, SLOW_S)
    seen = [reason(world)]
    world.falls_silent(DEFAULTS.silent_after_s)
    while reason(world) is DegradedReason.SLOW:
        world.wait_for_deadline()
    seen.append(reason(world))
    world.falls_silent(0.1)
    world.wait_for_deadline()
    assert [*seen, reason(world)] == [DegradedReason.SLOW, DegradedReason.SILENT, DegradedReason.SLOW]


@pytest.mark.parametrize("told_first", [True, False])
def test_a_ping_that_waited_for_this_process_was_not_slow(told_first: bool) -> None:
    world = at("connected")
    moved: list[Trigger] = []
    for _ in range(3):
        moved += triggers(world.wait(10.0))
        rtt_ms = world.core.status(world.now).rtt_ms
        world.stand_still(10.0)
        moved += triggers(world.tell(inputs.TimePassed())) if told_first else []
        moved += triggers(world.answer({"image_id": "one"}))
        assert world.core.status(world.now).rtt_ms == rtt_ms
    assert moved == []


def test_a_slow_image_says_nothing_about_the_next_link() -> None:
    world = slow()
    world.lost()
    world.wait_for_deadline()
    world.link("one")
    assert (world.state, reason(world)) == (State.CONNECTED, None)
    assert triggers(ping(world, SLOW_S)) == []
