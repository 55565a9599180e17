from __future__ import annotations

from math import inf

from stui_supervisor.replication.retry_schedule import RetrySchedule


def test_nothing_is_due_before_anything_was_denied() -> None:
    denied = RetrySchedule()
    assert (denied.next_deadline(), denied.take(1e9)) == (inf, False)


def test_each_time_it_waits_twice_as_long() -> None:
    denied, due = RetrySchedule(), []
    for _ in range(4):
        denied.denied(0.0)
        due.append(denied.next_deadline())
    assert due == [60.0, 120.0, 240.0, 480.0]


def test_only_the_first_time_on_a_link_is_news() -> None:
    denied = RetrySchedule()
    first = [denied.denied(0.0), denied.denied(0.0)]
    denied.begin()
    assert (first, denied.denied(0.0)) == ([True, False], True)


def test_it_is_taken_once_when_it_is_due() -> None:
    denied = RetrySchedule()
    denied.denied(100.0)
    assert [denied.take(159.9), denied.take(160.0), denied.take(161.0)] == [False, True, False]


def test_a_new_link_forgets_what_was_due() -> None:
    denied = RetrySchedule()
    denied.denied(0.0)
    denied.begin()
    assert denied.next_deadline() == inf


def test_one_error_that_passes_is_no_news_and_it_is_asked_again_soon() -> None:
    denied = RetrySchedule()
    found = [(denied.denied(0.0, is_passing=True), denied.next_deadline()) for _ in range(3)]
    assert found == [(False, 5.0), (True, 60.0), (False, 120.0)]
