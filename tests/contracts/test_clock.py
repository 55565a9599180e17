"""What every clock does: the machine's and the virtual one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stui_supervisor.adapters.host.clock import SystemClock
from stui_supervisor.ports import Clock
from stui_supervisor.testing import VirtualClock

CLOCKS = pytest.mark.parametrize("clock", [SystemClock(), VirtualClock()], ids=["system", "virtual"])


@CLOCKS
def test_the_monotonic_clock_never_runs_backwards(clock: Clock) -> None:
    seen = [clock.monotonic() for _ in range(1_000)]
    assert seen == sorted(seen)


@CLOCKS
def test_the_wall_clock_is_aware_and_in_utc(clock: Clock) -> None:
    assert clock.utc().utcoffset() == timedelta(0)


@CLOCKS
def test_what_has_elapsed_goes_on_as_the_monotonic_clock_does_on_a_machine_that_is_awake(clock: Clock) -> None:
    seen = [(clock.elapsed_s(), clock.monotonic()) for _ in range(1_000)]
    assert seen == sorted(seen)
    (first_elapsed, first), (last_elapsed, last) = seen[0], seen[-1]
    assert abs((last_elapsed - first_elapsed) - (last - first)) < 0.1


@CLOCKS
def test_a_machine_that_is_awake_does_not_seem_to_sleep(clock: Clock) -> None:
    before = clock.asleep_s()
    assert max(abs(clock.asleep_s() - before) for _ in range(1_000)) < 0.1
