from __future__ import annotations

from stui_supervisor.effects import ReadProfile
from stui_supervisor.errors import StoreError
from stui_supervisor.profile_reading import ProfileReading

BROKEN = StoreError("the disk is gone")


def test_each_read_has_a_number_and_is_awaited() -> None:
    reading = ProfileReading()
    assert [reading.begin("work"), reading.begin("work")] == [ReadProfile(1, "work"), ReadProfile(2, "work")]
    assert reading.is_awaited


def test_only_the_answer_to_the_latest_counts_and_only_once() -> None:
    reading = ProfileReading()
    reading.begin("work")
    reading.begin("work")
    assert [reading.ends_with(1), reading.is_awaited] == [False, True]
    assert [reading.ends_with(2), reading.is_awaited, reading.ends_with(2)] == [True, False, False]


def test_a_failure_is_kept_until_it_is_taken_and_forgotten_by_the_next_read() -> None:
    reading = ProfileReading()
    reading.begin("work")
    assert reading.ends_with(1, BROKEN)
    assert [reading.take_failure(), reading.take_failure()] == [BROKEN, None]
    reading.begin("work")
    assert reading.ends_with(2, BROKEN)
    reading.begin("work")
    assert reading.take_failure() is None
