"""Heartbeats are told from replies, however these come and whatever else does."""

from __future__ import annotations

import pytest

from stui_supervisor.config import HEARTBEAT_MAX_BYTES
from stui_supervisor.health.heartbeats import HeartbeatDetector, Heartbeats


def hearing(received_bytes: int = 500) -> HeartbeatDetector:
    """One that has had a first look while nothing was awaited."""
    new = HeartbeatDetector(lives_in_silence=False)
    new.saw(received_bytes, is_quiet=True)
    return new


@pytest.mark.parametrize("size", [12, 43, 1_000_000])
def test_replies_are_not_taken_for_heartbeats_whatever_their_frames_cost(size: int) -> None:
    one = hearing()
    for number in range(1, 10):
        one.replied()
        one.saw(500 + number * size, is_quiet=True)
    assert one.heartbeats is Heartbeats.ASSUMED


def test_a_single_arrival_without_a_reply_may_be_anything() -> None:
    one = hearing()
    for received in (509, 509, 509):
        one.saw(received, is_quiet=True)
    assert one.heartbeats is Heartbeats.ASSUMED


def test_two_arrivals_without_a_reply_are_heartbeats() -> None:
    one = hearing()
    for received in (509, 509, 518):
        one.saw(received, is_quiet=True)
    assert one.heartbeats is Heartbeats.HEARD


@pytest.mark.parametrize("grown", [60, 120, 50_000])
def test_a_reply_that_is_on_its_way_still_is_not_taken_for_a_heartbeat(grown: int) -> None:
    one = hearing()
    for step in range(1, 5):
        one.saw(500 + grown * step, is_quiet=False)
        if grown < HEARTBEAT_MAX_BYTES:
            one.replied()
    assert one.heartbeats is Heartbeats.ASSUMED


def test_a_reply_that_dripped_is_not_taken_for_heartbeats_once_it_is_whole() -> None:
    one, shown = hearing(), []
    for received in (510, 520, 522):
        one.saw(received, is_quiet=False)
    shown.append(one.heartbeats)
    one.replied()
    one.saw(522, is_quiet=True)
    shown.append(one.heartbeats)
    assert shown == [Heartbeats.HEARD, Heartbeats.ASSUMED]


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_guess_that_was_taken_back_is_not_made_again_without_another_byte(is_whole: bool) -> None:
    one = hearing()
    for received in (510, 520):
        one.saw(received, is_quiet=False)
    if is_whole:
        one.replied()
    else:
        one.saw(520, is_quiet=True)
    for _ in range(3):
        one.saw(520, is_quiet=False)
    assert one.heartbeats is Heartbeats.ASSUMED


def test_heartbeats_are_heard_while_a_reply_is_awaited() -> None:
    one = hearing()
    for received in (500, 509, 509, 518):
        one.saw(received, is_quiet=False)
    assert one.heartbeats is Heartbeats.HEARD


def test_a_first_heartbeat_is_late_once() -> None:
    one = hearing()
    told = [one.becomes_late(is_late=late) for late in (False, True, True, False, True)]
    assert told == [False, True, False, False, True]


def test_an_answer_of_a_peer_whose_heartbeat_is_late_shows_that_there_are_none() -> None:
    one = hearing()
    one.becomes_late(is_late=True)
    one.replied()
    assert one.heartbeats is Heartbeats.NONE


def test_a_peer_that_was_heard_is_never_late_and_none_that_greets_is_without_heartbeats_after_that() -> None:
    one = hearing()
    for received in (509, 518):
        one.saw(received, is_quiet=True)
    assert not one.becomes_late(is_late=True)
    one.greeted()
    assert one.heartbeats is Heartbeats.HEARD


def test_a_peer_that_greets_and_is_silent_all_the_same_has_no_heartbeats() -> None:
    one = hearing()
    one.becomes_late(is_late=True)
    one.greeted()
    assert one.heartbeats is Heartbeats.NONE


def test_a_peer_that_is_known_to_live_in_silence_may_be_heard_after_all() -> None:
    one = HeartbeatDetector(lives_in_silence=True)
    shown = [one.heartbeats]
    for received in (500, 509, 518):
        one.saw(received, is_quiet=True)
    shown.append(one.heartbeats)
    assert shown == [Heartbeats.NONE, Heartbeats.HEARD]
