from __future__ import annotations

from stui_supervisor.runtime.sleep_watch import SleepWatch
from stui_supervisor.testing import VirtualClock

NIGHT_S = 28_800.0


def watching() -> tuple[SleepWatch, VirtualClock]:
    clock = VirtualClock()
    clock.sleep(NIGHT_S)  # before anybody minded
    watch = SleepWatch(clock)
    watch.begin()
    return watch, clock


def test_a_sleep_is_told_once_with_its_length() -> None:
    watch, clock = watching()
    clock.sleep(NIGHT_S)
    assert [watch.slept_s(), watch.slept_s()] == [NIGHT_S, None]


def test_time_that_passes_awake_is_no_sleep() -> None:
    watch, clock = watching()
    clock.advance_to(NIGHT_S)
    assert watch.slept_s() is None


def test_clocks_that_drift_apart_slowly_never_add_up_to_a_sleep() -> None:
    watch, clock = watching()
    told = []
    for _ in range(10_000):
        clock.sleep(0.001)
        told.append(watch.slept_s())
    assert set(told) == {None}


def test_beginning_twice_forgets_no_sleep() -> None:
    watch, clock = watching()
    clock.sleep(60.0)
    watch.begin()
    assert watch.slept_s() == 60.0


def test_what_was_slept_while_nobody_minded_is_not_told() -> None:
    watch, clock = watching()
    watch.end()
    clock.sleep(60.0)
    watch.begin()
    clock.sleep(2.0)
    assert watch.slept_s() == 2.0
