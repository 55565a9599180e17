from __future__ import annotations

from math import inf

from stui_supervisor.config import Settings
from stui_supervisor.replication.push_schedule import PushSchedule


def up(delay_s: float = 1.0) -> PushSchedule:
    """A link is established, and its backend keeps a session."""
    sharing = PushSchedule(Settings(share_delay_s=delay_s))
    sharing.link_up(takes_it=True)
    return sharing


def test_nothing_is_due_while_nothing_changed() -> None:
    assert up().next_deadline() == inf


def test_a_change_is_due_once_the_user_has_paused() -> None:
    sharing = up(2.5)
    sharing.changed(10.0)
    assert sharing.next_deadline() == 12.5


def test_each_change_begins_the_wait_anew() -> None:
    sharing = up()
    for now in (10.0, 10.9, 11.8):
        sharing.changed(now)
    assert sharing.next_deadline() == 12.8


def test_a_push_leaves_nothing_due_until_the_next_change() -> None:
    sharing = up()
    sharing.changed(10.0)
    sharing.pushed()
    assert sharing.next_deadline() == inf
    sharing.changed(20.0)
    assert sharing.next_deadline() == 21.0


def test_a_backend_that_keeps_no_session_is_owed_nothing() -> None:
    sharing = up()
    sharing.changed(10.0)
    sharing.link_up(takes_it=False)
    assert sharing.next_deadline() == inf


def test_a_copy_that_cannot_be_merged_is_owed_nothing_until_another_is_found() -> None:
    sharing = PushSchedule(Settings())
    sharing.found(is_readable=False)
    sharing.link_up(takes_it=True)
    sharing.changed(10.0)
    assert sharing.next_deadline() == inf
    sharing.found(is_readable=True)
    sharing.link_up(takes_it=True)
    assert sharing.next_deadline() == 11.0


def test_what_changed_before_the_link_is_due_on_it() -> None:
    sharing = PushSchedule(Settings())
    sharing.changed(10.0)
    assert sharing.next_deadline() == inf
    sharing.link_up(takes_it=True)
    assert sharing.next_deadline() == 11.0


def test_a_session_is_made_again_once_after_refusals_in_a_row() -> None:
    sharing = up()
    assert [sharing.session_lost() for _ in range(2)] == [True, False]


def test_a_push_that_was_taken_allows_another_session_later() -> None:
    sharing = up()
    sharing.session_lost()
    sharing.accepted()
    assert sharing.session_lost()


def test_a_new_link_allows_another_session() -> None:
    sharing = up()
    sharing.session_lost()
    sharing.link_up(takes_it=True)
    assert sharing.session_lost()


def test_a_push_that_was_not_managed_is_made_again_ever_later_and_told_when_that_lasts() -> None:
    sharing = up()
    found = [(sharing.put_off(100.0), sharing.next_deadline(), sharing.is_put_off) for _ in range(7)]
    assert found == [
        (False, 102.0, False),
        (False, 104.0, False),
        (True, 108.0, True),
        (False, 116.0, True),
        (False, 132.0, True),
        (False, 160.0, True),
        (False, 160.0, True),
    ]


def test_a_change_hurries_no_push_that_was_put_off_and_one_that_was_taken_forgets_it() -> None:
    sharing = up()
    sharing.put_off(100.0)
    sharing.changed(100.5)
    assert sharing.next_deadline() == 102.0
    sharing.pushed()
    sharing.accepted()
    sharing.changed(101.0)
    assert (sharing.next_deadline(), sharing.put_off(101.0)) == (102.0, False)
