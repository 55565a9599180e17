from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stui_supervisor.moment import Moment
from stui_supervisor.requests.backend_clock import BackendClock

NOON = datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
NOW = Moment(100.0, NOON)


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def showed(*times: tuple[float, float, float]) -> BackendClock:
    """A clock that showed these seconds after NOON in replies, sent and received by ours then."""
    clock = BackendClock()
    for at, sent, received in times:
        clock.showed(later(at), sent, received)
    return clock


def test_a_clock_that_was_never_shown_is_taken_for_one_like_ours() -> None:
    assert BackendClock().when(107.0, NOW) == later(7.0)


def test_it_is_taken_to_be_as_far_ahead_as_it_can_be() -> None:
    assert showed((0.0, 100.0, 103.0)).when(110.0, NOW) == later(10.002)


def test_a_time_without_a_fraction_may_be_of_any_moment_in_its_second() -> None:
    assert showed((-0.5, 100.0, 100.0)).when(110.0, NOW) == later(10.5)


def test_a_quick_reply_tells_more_and_a_slow_one_takes_nothing_away() -> None:
    assert showed((0.0, 100.0, 103.0), (3.0, 103.0, 103.1), (9.0, 104.0, 110.0)).when(120.0, NOW) == later(20.002)


def test_a_clock_that_is_set_forward_or_back_is_followed_with_the_next_reply() -> None:
    forward = showed((0.0, 100.0, 100.1), (3_600.0, 101.0, 101.1))
    back = showed((0.0, 100.0, 100.1), (-3_600.0, 101.0, 101.1))
    assert (forward.when(101.0, NOW), back.when(101.0, NOW)) == (later(3_600.002), later(-3_599.998))


def test_what_was_forgotten_is_known_again_with_the_next_reply() -> None:
    clock = showed((0.0, 100.0, 100.1))
    clock.forget()
    assert clock.when(101.0, NOW) == later(1.0)
    clock.showed(later(60.0), 101.0, 101.1)
    assert clock.when(101.0, NOW) == later(60.002)


def test_a_clock_is_distrusted_once_and_for_all() -> None:
    clock = showed((0.0, 100.0, 100.1))
    assert [clock.distrust(), clock.distrust()] == [True, False]
    clock.showed(later(1.0), 101.0, 101.1)
    assert clock.when(101.0, NOW) is None
