from __future__ import annotations

from math import inf

from stui_supervisor.config import COPY_GIVEN_UP_S
from stui_supervisor.replication.unread_copy import UnreadCopy


def test_an_unread_copy_is_asked_for_ever_more_rarely_on_a_link_and_that_is_told_once() -> None:
    unread = UnreadCopy()
    found = [(unread.failed("s1", now), unread.next_deadline()) for now in (0.0, 10.0, 30.0)]
    assert found == [(True, 5.0), (False, 20.0), (False, 50.0)]
    assert [unread.take(49.9), unread.take(50.0), unread.take(51.0)] == [False, True, False]
    unread.begin()
    assert (unread.next_deadline(), unread.failed("s1", 60.0), unread.next_deadline()) == (inf, True, 65.0)


def test_it_is_given_up_after_an_hour_without_success_over_all_links() -> None:
    unread = UnreadCopy()
    assert not unread.is_given_up(None, 1e9)
    for now in (100.0, 2_000.0):
        unread.begin()
        unread.failed("s1", now)
    end = 100.0 + COPY_GIVEN_UP_S
    assert [unread.is_given_up("s1", now) for now in (end - 1, end)] == [False, True]
    assert not unread.is_given_up("s2", end)
    unread.failed("s2", end)
    assert not unread.is_given_up("s2", end + 1)


def test_one_that_was_read_begins_a_new_hour() -> None:
    unread = UnreadCopy()
    unread.failed("s1", 0.0)
    unread.read()
    assert (unread.next_deadline(), unread.is_given_up("s1", COPY_GIVEN_UP_S)) == (inf, False)
    unread.failed("s1", COPY_GIVEN_UP_S)
    assert not unread.is_given_up("s1", COPY_GIVEN_UP_S + 1)
