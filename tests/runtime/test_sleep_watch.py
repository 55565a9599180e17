from __future__ import annotations

from stui_supervisor.core.inputs import Input, Woke
from stui_supervisor.runtime.sleep_watch import SleepWatch
from stui_supervisor.testing import VirtualClock

NIGHT_S = 28_800.0


def watching() -> tuple[SleepWatch, VirtualClock, list[Input]]:
    clock, fed = VirtualClock(), list[Input]()
    clock.sleep(NIGHT_S)  # before it began
    watch = SleepWatch(clock, fed.append)
    watch.begin()
    return watch, clock, fed


def test_a_sleep_is_told_once_with_its_length() -> None:
    watch, clock, fed = watching()
    clock.sleep(NIGHT_S)
    watch.look()
    watch.look()
    assert fed == [Woke(NIGHT_S)]


def test_time_that_passes_awake_is_no_sleep() -> None:
    watch, clock, fed = watching()
    clock.advance_to(NIGHT_S)
    watch.look()
    assert fed == []


def test_clocks_that_drift_apart_slowly_never_add_up_to_a_sleep() -> None:
    watch, clock, fed = watching()
    for _ in range(10_000):
        clock.sleep(0.001)
        watch.look()
    assert fed == []


def test_beginning_twice_forgets_no_sleep() -> None:
    watch, clock, fed = watching()
    clock.sleep(60.0)
    watch.begin()
    watch.look()
    assert fed == [Woke(60.0)]


def test_what_was_slept_before_it_begins_again_is_not_told() -> None:
    watch, clock, fed = watching()
    watch.end()
    clock.sleep(60.0)
    watch.begin()
    clock.sleep(2.0)
    watch.look()
    assert fed == [Woke(2.0)]
