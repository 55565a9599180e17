from __future__ import annotations

import asyncio
from math import inf

import pytest

from stui_supervisor.config import SLEEP_LOOK_S
from stui_supervisor.runtime.timer import Timer
from stui_supervisor.testing import VirtualClock
from tests.support.programs.watching import until


class Life:
    """A timer, its deadline, how often it has rung, and whether it watches."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.deadline = inf
        self.rung = 0
        self.is_watching = False
        self.timer = Timer(self.clock, lambda: self.deadline, self.ring, [self])

    def ring(self) -> None:
        self.rung += 1
        self.deadline = inf

    def begin(self) -> None:
        self.is_watching = True

    def end(self) -> None:
        self.is_watching = False

    async def arm(self, deadline: float) -> None:
        self.deadline = deadline
        self.timer.arm_soon()
        await asyncio.sleep(0)


async def test_it_rings_at_its_deadline_and_rests_without_one() -> None:
    one = Life()
    await one.arm(one.clock.monotonic() + 0.01)
    assert (one.timer.is_armed, one.is_watching) == (True, True)
    await until(lambda: one.rung)
    assert (one.rung, one.timer.is_armed, one.is_watching) == (1, False, False)


async def test_it_rings_before_a_distant_deadline_to_see_whether_the_machine_has_slept() -> None:
    one = Life()
    now = one.clock.monotonic()
    await one.arm(now + 100 * SLEEP_LOOK_S)
    assert one.timer.armed_for == now + SLEEP_LOOK_S
    one.timer.close()


@pytest.mark.parametrize(("deadline_s", "armed_for_s"), [(2.0, 1.0), (0.5, 0.5)])
async def test_only_an_earlier_deadline_arms_it_anew(deadline_s: float, armed_for_s: float) -> None:
    one = Life()
    now = one.clock.monotonic()
    await one.arm(now + 1.0)
    await one.arm(now + deadline_s)
    assert one.timer.armed_for == now + armed_for_s
    one.timer.close()


async def test_once_closed_it_does_not_ring() -> None:
    one = Life()
    await one.arm(one.clock.monotonic())
    one.timer.close()
    assert not one.timer.is_armed
    await asyncio.sleep(0.01)
    assert one.rung == 0
