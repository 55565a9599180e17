from __future__ import annotations

import pytest

from stui_supervisor.config import Settings
from stui_supervisor.health.pings import Finding, PingWatch
from stui_supervisor.requests.request import Flight, Purpose

OPENED = 1_000.0


def liveness() -> PingWatch:
    """Of a link that opened at OPENED."""
    one = PingWatch(Settings())
    one.link_up(OPENED)
    return one


def flight(sent_at: float) -> Flight:
    return Flight((b"t",), sent_at, Purpose.REQUEST, None)


def test_a_quiet_link_is_left_alone_for_ten_seconds_and_then_asked() -> None:
    one = liveness()
    assert one.next_look(None) == OPENED + 10.0
    assert one.look(None, OPENED + 9.9) is Finding.NOTHING
    assert one.look(None, OPENED + 10.0) is Finding.PING_DUE


def test_every_reply_puts_the_ping_off() -> None:
    one = liveness()
    one.heard(OPENED + 7.0)
    assert one.next_look(None) == OPENED + 17.0


def test_an_answer_is_missed_after_five_seconds() -> None:
    one = liveness()
    asked = flight(OPENED + 8.0)
    assert one.next_look(asked) == OPENED + 13.0
    assert one.look(asked, OPENED + 12.9) is Finding.NOTHING
    assert one.look(asked, OPENED + 13.0) is Finding.NO_ANSWER


def test_an_image_that_owes_an_answer_is_looked_at_every_five_seconds_and_never_asked_again() -> None:
    one = liveness()
    asked = flight(OPENED)
    seen = [(one.next_look(asked), one.look(asked, OPENED + 5.0 * count)) for count in range(1, 5)]
    assert seen == [(OPENED + 5.0 * count, Finding.NO_ANSWER) for count in range(1, 5)]


def test_a_look_that_comes_late_does_not_make_the_next_one_early() -> None:
    one = liveness()
    asked = flight(OPENED)
    one.look(asked, OPENED + 300.0)
    assert one.next_look(asked) == OPENED + 305.0


@pytest.mark.parametrize(("after_s", "lasted"), [(0.0, False), (9.9, False), (10.0, True), (3_600.0, True)])
def test_health_has_lasted_after_ten_seconds(after_s: float, lasted: bool) -> None:
    assert liveness().has_lasted(OPENED + after_s) is lasted


def test_health_begins_again_when_it_was_lost() -> None:
    one = liveness()
    one.healthy(OPENED + 60.0)
    assert one.has_lasted(OPENED + 69.0) is False


def pinged(*rtts_s: float) -> PingWatch:
    one = liveness()
    for rtt_s in rtts_s:
        one.pinged(rtt_s)
    return one


@pytest.mark.parametrize(
    ("rtts_s", "slow"),
    [((), False), ((1.0,), False), ((1.0, 1.0), True), ((1.0, 0.9, 1.0), False), ((4.0, 1.0, 0.9), False)],
)
def test_two_slow_pings_in_a_row_make_a_slow_image_and_one_fast_one_ends_it(
    rtts_s: tuple[float, ...], slow: bool
) -> None:
    assert pinged(*rtts_s).is_slow is slow


@pytest.mark.parametrize(("rtts_s", "after_s"), [((0.9,), 10.0), ((1.0,), 2.0), ((1.0, 1.0), 2.0)])
def test_an_image_that_was_slow_once_is_asked_more_often(rtts_s: tuple[float, ...], after_s: float) -> None:
    assert pinged(*rtts_s).next_look(None) == OPENED + after_s


def test_a_new_link_knows_nothing_of_a_slow_image() -> None:
    one = pinged(1.0, 1.0)
    one.link_up(OPENED + 20.0)
    assert (one.is_slow, one.next_look(None)) == (False, OPENED + 30.0)


def test_an_answer_that_is_due_gets_its_whole_time_again_after_a_sleep() -> None:
    one = liveness()
    asked = flight(OPENED)
    one.woke(OPENED + 4.9)
    assert (one.next_look(asked), one.look(asked, OPENED + 9.8)) == (OPENED + 9.9, Finding.NOTHING)
