from __future__ import annotations

from math import inf

from stui_supervisor.config import Settings
from stui_supervisor.context.section import Section
from stui_supervisor.session.save_schedule import SaveSchedule

NOW = 1_000.0
WORK = {"work": Section(b"1", 1, "one")}


def saver() -> SaveSchedule:
    return SaveSchedule(Settings())


def test_nothing_is_due_when_nothing_changed() -> None:
    one = saver()
    assert (one.next_deadline(), one.is_clean, one.ok) == (inf, True, True)


def test_changes_of_the_context_are_gathered_for_a_quarter_of_a_second_from_the_first() -> None:
    one = saver()
    one.context_changed(NOW)
    one.context_changed(NOW + 0.2)
    assert (one.next_deadline(), one.is_clean) == (NOW + 0.25, False)


def test_a_change_of_the_record_is_due_at_once() -> None:
    one = saver()
    one.context_changed(NOW)
    one.record_changed(NOW + 0.1)
    assert one.next_deadline() == NOW + 0.1


def test_a_record_that_changed_is_not_on_disk_before_it_is_written() -> None:
    one = saver()
    one.record_changed(NOW)
    before = one.is_clean
    one.begin(WORK)
    one.finished()
    assert (before, one.is_clean) == (False, True)


def test_a_change_of_the_context_does_not_put_off_what_is_due() -> None:
    one = saver()
    one.record_changed(NOW)
    one.context_changed(NOW)
    assert one.next_deadline() == NOW


def test_what_somebody_waits_for_is_due_at_once() -> None:
    one = saver()
    one.context_changed(NOW)
    one.wanted(NOW)
    assert one.next_deadline() == NOW


def test_a_write_holds_the_context_only_when_the_disk_has_another() -> None:
    one = saver()
    held = []
    for change in (one.record_changed, one.context_changed, one.record_changed):
        change(NOW)
        held.append(one.begin(WORK) is not None)
        one.finished()
    assert (held, one.is_clean) == ([False, True, False], True)


def test_one_write_is_under_way_at_a_time() -> None:
    one = saver()
    one.record_changed(NOW)
    one.begin(WORK)
    one.record_changed(NOW + 1.0)
    assert (one.next_deadline(), one.is_clean) == (inf, False)
    one.finished()
    assert one.next_deadline() == NOW + 1.0


def test_a_change_during_a_write_is_not_on_disk_when_it_ends() -> None:
    one = saver()
    one.context_changed(NOW)
    one.begin(WORK)
    one.context_changed(NOW)
    one.finished()
    assert (one.is_clean, one.next_deadline(), one.begin(WORK)) == (False, NOW + 0.25, WORK)


def test_a_failed_write_is_due_again_five_seconds_later_and_holds_what_it_held() -> None:
    one = saver()
    one.context_changed(NOW)
    one.begin(WORK)
    one.failed(NOW + 1.0)
    assert (one.ok, one.is_clean, one.next_deadline()) == (False, False, NOW + 6.0)
    assert one.begin(WORK) == WORK


def test_a_write_that_succeeds_ends_the_failure() -> None:
    one = saver()
    one.record_changed(NOW)
    one.begin(WORK)
    one.failed(NOW)
    one.begin(WORK)
    one.finished()
    assert (one.ok, one.is_clean) == (True, True)


def test_a_new_run_does_not_wait_for_the_answer_of_the_one_before() -> None:
    one = saver()
    one.context_changed(NOW)
    one.begin(WORK)
    one.record_changed(NOW + 1.0)
    one.begin_run()
    assert (one.next_deadline(), one.begin(WORK)) == (NOW + 1.0, WORK)


def test_the_end_of_a_write_that_nobody_began_changes_nothing() -> None:
    one = saver()
    one.context_changed(NOW)
    one.finished()
    assert (one.is_clean, one.begin(WORK)) == (False, WORK)


def test_who_waits_is_answered_by_the_write_that_holds_what_they_wait_for() -> None:
    one = saver()
    one.context_changed(NOW)
    one.wait(1, NOW)
    one.begin(WORK)
    one.context_changed(NOW)
    one.wait(2, NOW)
    assert one.finished() == [1]
    one.begin(WORK)
    assert one.finished() == [2]


def test_a_write_that_fails_is_no_failure_of_who_waits_for_a_later_change_and_the_next_one_begins_at_once() -> None:
    one = saver()
    one.context_changed(NOW)
    one.begin(WORK)
    one.wait(1, NOW)
    one.context_changed(NOW)
    one.wait(2, NOW)
    assert (one.failed(NOW), one.next_deadline()) == ([1], NOW)
    one.begin(WORK)
    assert (one.failed(NOW), one.next_deadline()) == ([2], NOW + 5.0)


def test_a_claim_that_fails_ends_the_wait_of_all_and_leaves_what_is_being_written() -> None:
    one = saver()
    one.context_changed(NOW)
    one.begin(WORK)
    one.wait(1, NOW)
    assert (one.claim_failed(NOW), one.is_clean) == ([1], False)
    one.finished()
    assert one.is_clean


def test_who_waits_for_what_is_being_written_makes_no_second_write() -> None:
    one = saver()
    one.context_changed(NOW)
    one.begin(WORK)
    one.wait(1, NOW)
    assert one.finished() == [1]
    assert one.next_deadline() == inf


def test_work_is_unwritten_until_a_write_of_it_begins_and_while_none_is_under_way() -> None:
    one = saver()
    one.context_changed(NOW)
    seen = [one.has_unwritten_work]
    one.begin(WORK)
    seen.append(one.has_unwritten_work)
    one.context_changed(NOW)
    seen.append(one.has_unwritten_work)
    one.finished()
    seen.append(one.has_unwritten_work)
    one.begin(WORK)
    one.failed(NOW)
    seen.append(one.has_unwritten_work)
    assert seen == [True, False, False, True, False]


def test_what_the_disk_has_is_the_last_context_that_it_took() -> None:
    one = saver()
    one.context_changed(NOW)
    one.begin(WORK)
    one.failed(NOW)
    seen = [dict(one.on_disk)]
    one.begin(WORK)
    one.finished()
    seen.append(dict(one.on_disk))
    one.record_changed(NOW)
    one.begin({})
    one.finished()
    assert [*seen, dict(one.on_disk)] == [{}, WORK, WORK]
