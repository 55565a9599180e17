"""Heartbeats are told from replies by the number of bytes, however these come."""

from __future__ import annotations

import pytest

from stui_supervisor.config import HEARTBEAT_MAX_BYTES
from stui_supervisor.hearing import Hearing, Heartbeats

TOKEN = b"12345678"
HEAD_BYTES = 2 + len(TOKEN) + 2  # of a reply on the wire: two frames before the body


def hearing(received_bytes: int = 500) -> Hearing:
    """One that has had a first look while nothing was awaited."""
    new = Hearing(lives_in_silence=False)
    new.saw(received_bytes, is_quiet=True)
    return new


@pytest.mark.parametrize("size", [0, 1, 255, 256, 1_000_000])
def test_a_reply_is_not_taken_for_a_heartbeat(size: int) -> None:
    one = hearing()
    one.replied(TOKEN, b"x" * size)
    one.saw(500 + HEAD_BYTES + size + (2 if size < 256 else 9), is_quiet=True)
    assert one.heartbeats is Heartbeats.ASSUMED


@pytest.mark.parametrize("grown", [60, 120, 50_000])
def test_a_reply_that_is_on_its_way_still_is_not_taken_for_a_heartbeat(grown: int) -> None:
    one = hearing()
    for step in range(1, 5):
        one.saw(500 + grown * step, is_quiet=False)
        if grown < HEARTBEAT_MAX_BYTES:
            one.replied(TOKEN, b"")
    assert one.heartbeats is Heartbeats.ASSUMED


def test_a_reply_that_dripped_is_not_taken_for_heartbeats_once_it_is_whole() -> None:
    one, shown = hearing(), []
    for received in (510, 520, 522):
        one.saw(received, is_quiet=False)
    shown.append(one.heartbeats)
    one.replied(TOKEN, b"x" * 8)
    one.saw(522, is_quiet=True)
    shown.append(one.heartbeats)
    assert shown == [Heartbeats.HEARD, Heartbeats.ASSUMED]


def test_heartbeats_are_heard_while_a_reply_is_awaited() -> None:
    one = hearing()
    for received in (500, 509, 509, 518):
        one.saw(received, is_quiet=False)
    assert one.heartbeats is Heartbeats.HEARD


def test_a_heartbeat_between_two_replies_is_heard() -> None:
    one = hearing()
    one.replied(TOKEN, b"x" * 10)
    one.saw(500 + HEAD_BYTES + 2 + 10 + 9, is_quiet=True)
    assert one.heartbeats is Heartbeats.HEARD


def test_a_server_that_leaves_out_the_empty_frame_is_heard_too() -> None:
    one, shown = hearing(), []
    for _ in range(50):
        one.replied(TOKEN, b"x" * 10)
    for received in (500 + 50 * 22, 500 + 50 * 22 + 9):
        one.saw(received, is_quiet=True)
        shown.append(one.heartbeats)
    assert shown == [Heartbeats.ASSUMED, Heartbeats.HEARD]


def test_a_first_heartbeat_is_late_once() -> None:
    one = hearing()
    told = [one.becomes_late(is_late=late) for late in (False, True, True, False, True)]
    assert told == [False, True, False, False, True]


def test_an_answer_of_a_peer_whose_heartbeat_is_late_shows_that_there_are_none() -> None:
    one = hearing()
    one.becomes_late(is_late=True)
    one.replied(TOKEN, b"")
    assert one.heartbeats is Heartbeats.NONE


def test_a_peer_that_was_heard_is_never_late_and_none_that_greets_is_without_heartbeats_after_that() -> None:
    one = hearing()
    one.saw(509, is_quiet=True)
    assert not one.becomes_late(is_late=True)
    one.greeted()
    assert one.heartbeats is Heartbeats.HEARD


def test_a_peer_that_greets_and_is_silent_all_the_same_has_no_heartbeats() -> None:
    one = hearing()
    one.becomes_late(is_late=True)
    one.greeted()
    assert one.heartbeats is Heartbeats.NONE


def test_a_peer_that_is_known_to_live_in_silence_may_be_heard_after_all() -> None:
    one = Hearing(lives_in_silence=True)
    shown = [one.heartbeats]
    for received in (500, 509):
        one.saw(received, is_quiet=True)
    shown.append(one.heartbeats)
    assert shown == [Heartbeats.NONE, Heartbeats.HEARD]
