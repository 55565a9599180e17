"""What one subscription is known to have brought; tests/test_listening.py has the gaps that follow from it."""

from __future__ import annotations

from math import inf

from stui_supervisor.config import NOTIFICATIONS_HEARTBEAT_INTERVAL_S, NOTIFICATIONS_HEARTBEAT_TIMEOUT_S
from stui_supervisor.moment import Moment
from stui_supervisor.notifications.gaps import Arrivals, Completeness, Gap
from tests.support.core.world import BEGIN

SILENCE_S = NOTIFICATIONS_HEARTBEAT_INTERVAL_S + NOTIFICATIONS_HEARTBEAT_TIMEOUT_S
DELAY_S = 0.5


def at(seconds: float) -> Moment:
    return BEGIN.after(seconds)


def looked(*looks: tuple[float, int | None]) -> Arrivals:
    """A subscription that began at 0 s and was looked at, with what had come by then."""
    arrivals = Arrivals(BEGIN, DELAY_S, BEGIN)
    for seconds, received_bytes in looks:
        arrivals.looked(received_bytes, at(seconds))
    return arrivals


def pause(arrivals: Arrivals) -> Moment | None:
    return arrivals.completeness().pause


def test_of_a_subscription_nothing_is_known_but_its_begin() -> None:
    assert looked().completeness() == Completeness(BEGIN, None, DELAY_S)
    assert looked((1.0, 100), (2.0, 100), (3.0, 100)).completeness().complete_until(0.0) == BEGIN


def test_an_answer_counts_once_a_further_look_shows_that_nothing_followed_it() -> None:
    assert pause(looked((1.0, 100), (2.0, 107))) is None
    assert pause(looked((1.0, 100), (2.0, 107), (3.0, 107))) == at(1.0)
    assert pause(looked((1.0, 100), (2.0, 107), (3.0, 5_000), (4.0, 5_000))) is None


def test_a_later_answer_takes_the_place_of_an_earlier_one() -> None:
    assert pause(looked((1.0, 100), (2.0, 107), (3.0, 107), (6.0, 114), (8.0, 114))) == at(3.0)
    assert pause(looked((1.0, 100), (2.0, 107), (3.0, 114), (4.0, 114))) == at(2.0)


def test_what_grows_with_messages_is_no_answer() -> None:
    arrivals = looked((1.0, 100))
    for second in range(2, 20):
        arrivals.came(at(second - 0.5))
        arrivals.looked(100 + 7 * second, at(second))
    assert pause(arrivals) is None


def test_where_no_bytes_are_counted_a_silence_counts_that_no_living_publisher_could_keep() -> None:
    looks = [(float(second), None) for second in range(1, 40)]
    assert pause(looked(*looks)) == at(39.0 - SILENCE_S)


def test_a_silence_in_which_this_process_stood_still_counts_for_nothing() -> None:
    arrivals = looked((1.0, 100))
    arrivals.held_up(at(600.0))
    arrivals.looked(107, at(600.0))
    arrivals.looked(107, at(601.0))
    assert pause(arrivals) is None


def test_what_was_complete_is_counted_back_by_the_longest_delay_and_not_behind_the_begin() -> None:
    known = looked((1.0, 100), (2.0, 107), (3.0, 107)).completeness()
    assert known.complete_until(0.1) == at(1.0 - DELAY_S)
    assert known.complete_until(0.7).utc == at(1.0 - 0.7).utc
    assert known.complete_until(5.0) == BEGIN


def test_before_a_subscription_there_is_nothing_to_say() -> None:
    gap = Gap()
    gap.came(10, BEGIN)
    gap.crowded(BEGIN)
    gap.held_up(BEGIN)
    gap.looked(100, BEGIN)
    gap.broken()
    assert (gap.has_worked, gap.take(at(60.0)), gap.next_deadline()) == (False, None, inf)


def test_a_pause_after_a_crowd_does_not_hide_what_the_crowd_may_have_cost() -> None:
    gap = Gap()
    gap.opened(BEGIN, 0.0)
    gap.crowded(at(1.0))
    for second, received_bytes in ((2.0, 100), (3.0, 107), (4.0, 107)):
        gap.looked(received_bytes, at(second))
    missed = gap.take(at(5.0))
    assert missed is not None
    assert (missed.since, missed.until) == (BEGIN.utc, at(5.0).utc)
