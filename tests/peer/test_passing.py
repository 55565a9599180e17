from __future__ import annotations

import pytest

from stui_supervisor.config import COPY_GIVEN_UP_S
from stui_supervisor.peer.passing import is_passing
from stui_supervisor.replication.unread_copy import UnreadCopy
from stui_supervisor.wire.strict_json import MalformedMessage
from tests.support.core.handshakes import error, ok


@pytest.mark.parametrize(
    "error_type", ["InternalError", "Timeout", "RuntimeError", "EvaluationError", "unheard of", ""]
)
def test_an_error_that_says_nothing_of_the_session_passes(error_type: str) -> None:
    assert is_passing(error(error_type=error_type))


@pytest.mark.parametrize(
    "error_type",
    ["SessionNotFound", "SessionError", "Error", "ObjectNotFound", "InvalidRequest", "UnsupportedOperation"],
)
def test_an_error_that_says_what_there_is_does_not(error_type: str) -> None:
    assert not is_passing(error(error_type=error_type))


def test_what_cannot_be_read_passes_and_a_result_is_no_error() -> None:
    assert (is_passing(MalformedMessage("?")), is_passing(ok())) == (True, False)


def test_a_push_that_is_answered_and_was_not_taken_passes() -> None:
    assert [is_passing(ok(update_successful=taken)) for taken in (True, False, None)] == [False, True, False]


def test_an_unread_copy_is_asked_for_ever_more_rarely_on_a_link_and_that_is_told_once() -> None:
    unread = UnreadCopy()
    found = [(unread.failed("s1", now), unread.next_deadline()) for now in (0.0, 10.0, 30.0)]
    assert found == [(True, 5.0), (False, 20.0), (False, 50.0)]
    assert [unread.take(49.9), unread.take(50.0), unread.take(51.0)] == [False, True, False]
    unread.begin()
    assert (unread.next_deadline(), unread.failed("s1", 60.0), unread.next_deadline()) == (None, True, 65.0)


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
    assert (unread.next_deadline(), unread.is_given_up("s1", COPY_GIVEN_UP_S)) == (None, False)
    unread.failed("s1", COPY_GIVEN_UP_S)
    assert not unread.is_given_up("s1", COPY_GIVEN_UP_S + 1)
