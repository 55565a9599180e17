"""The fakes that programs may use in their own tests; their ports' contract suites hold the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stui_supervisor.ports import Clock
from stui_supervisor.testing import FakeNetwork, VirtualClock

NOON = datetime(2000, 1, 1, 12, tzinfo=UTC)


def test_a_virtual_clock_stands_until_it_is_told_to_go_on() -> None:
    clock = VirtualClock(NOON)
    assert (clock.monotonic(), clock.utc()) == (0.0, NOON)
    clock.advance_to(1.5)
    assert (clock.monotonic(), clock.utc()) == (1.5, NOON + timedelta(seconds=1.5))


def test_a_virtual_clock_never_runs_backwards() -> None:
    clock = VirtualClock(NOON)
    clock.advance_to(2.0)
    clock.advance_to(1.0)
    assert clock.monotonic() == 2.0


def test_setting_the_wall_clock_leaves_the_monotonic_one_alone() -> None:
    clock = VirtualClock(NOON)
    clock.advance_to(1.0)
    clock.set_wall(-3_600.0)
    assert (clock.monotonic(), clock.utc()) == (1.0, NOON + timedelta(seconds=1.0 - 3_600.0))


def test_during_sleep_the_wall_clock_goes_on_and_the_monotonic_one_stands() -> None:
    clock = VirtualClock(NOON)
    clock.advance_to(1.0)
    clock.sleep(28_800.0)
    assert (clock.monotonic(), clock.utc(), clock.asleep_s()) == (1.0, NOON + timedelta(seconds=28_801.0), 28_800.0)
    assert clock.elapsed_s() == 28_801.0


def test_a_virtual_clock_is_a_clock() -> None:
    clock: Clock = VirtualClock()
    assert clock.utc().tzinfo is UTC


def test_a_network_that_is_watched_tells_each_change_until_it_is_closed() -> None:
    network, told = FakeNetwork(), list[str]()
    network.change()
    network.watch(lambda: told.append("changed"))
    network.change()
    network.change()
    network.close()
    network.close()
    network.change()
    assert told == ["changed", "changed"]
