from __future__ import annotations

from dataclasses import replace

from stui_supervisor.core.effects import ReadProfile
from stui_supervisor.errors import StoreError
from stui_supervisor.profile import Profile
from stui_supervisor.session.profile_reading import ProfileReading

BROKEN = StoreError("the disk is gone")


def reading() -> ProfileReading:
    return ProfileReading("work", is_used=True)


def test_it_is_awaited_until_it_was_read() -> None:
    one = reading()
    assert (one.is_awaited, one.is_known) == (True, False)
    assert one.begin() == [ReadProfile(1, "work")]
    assert one.take_answer(1)
    assert (one.is_awaited, one.is_known) == (False, True)


def test_one_that_is_under_way_is_waited_for_and_none_begun_on_top() -> None:
    one = reading()
    assert [one.begin(), one.begin(), one.retry()] == [[ReadProfile(1, "work")], [], ([], 2.0)]


def test_only_the_answer_that_is_waited_for_counts_and_only_once() -> None:
    one = reading()
    one.begin()
    assert [one.take_answer(7), one.take_answer(1), one.take_answer(1)] == [False, True, False]


def test_a_failure_leaves_it_unknown_and_is_said_once_until_it_was_read() -> None:
    one = reading()
    one.begin()
    assert one.take_answer(1, BROKEN)
    assert (one.is_known, one.failure) == (False, BROKEN)
    assert [one.take_untold(), one.take_untold()] == [BROKEN, None]
    one.begin()
    assert one.take_answer(2)
    assert (one.failure, one.take_untold()) == (None, None)
    one.begin()
    assert one.take_answer(3, BROKEN)
    assert one.take_untold() == BROKEN


def test_what_was_read_once_stays_known_when_a_later_reading_fails() -> None:
    one = reading()
    one.begin()
    one.take_answer(1)
    one.begin()
    assert one.is_awaited
    one.take_answer(2, BROKEN)
    assert (one.is_known, one.is_awaited) == (True, False)


def test_it_is_read_again_ever_more_rarely_and_anew_when_somebody_asks() -> None:
    one = reading()
    waits = []
    for number in range(1, 8):
        effects, wait_s = one.retry()
        assert effects == [ReadProfile(number, "work")]
        waits.append(wait_s)
        one.take_answer(number, BROKEN)
    assert waits == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert one.begin() == [ReadProfile(8, "work")]
    assert one.retry() == ([], 2.0)


def test_what_changes_while_it_is_read_is_read_once_more() -> None:
    one = reading()
    one.begin()
    assert one.changed() == []
    one.take_answer(1)
    assert [one.again(), one.again()] == [[ReadProfile(2, "work")], []]


def unused() -> ProfileReading:
    return ProfileReading("work", is_used=False)


def test_a_profile_that_does_not_count_is_read_and_not_waited_for() -> None:
    one = unused()
    assert (one.begin(), one.is_awaited, one.is_known) == ([ReadProfile(1, "work")], False, True)
    one.take_answer(1, BROKEN)
    assert (one.is_awaited, one.is_known, one.failure) == (False, True, None)


def test_of_a_profile_that_does_not_count_only_what_is_settled_after_the_start_is_news() -> None:
    one, pinned = unused(), Profile(name="work", pin_image="one")
    linked = replace(pinned, recent=("tcp://127.0.0.1:5555",), wanted=False, favourite=True)
    assert [one.take_news(each) for each in (pinned, linked, pinned)] == [False, False, False]
    assert [one.take_news(each) for each in (replace(pinned, pin_image="two"), pinned)] == [True, True]


def test_what_could_not_be_read_at_the_start_is_news_once_it_can() -> None:
    one = unused()
    one.begin()
    one.take_answer(1, BROKEN)
    assert one.take_news(Profile(name="work"))


def test_a_new_run_begins_with_what_is_there_then() -> None:
    one = unused()
    one.take_news(Profile(name="work"))
    one.begin_run()
    assert not one.take_news(Profile(name="work", pin_image="one"))


def test_what_an_earlier_run_could_not_read_is_no_failure_of_a_new_one() -> None:
    one = reading()
    one.begin()
    one.take_answer(1, BROKEN)
    one.take_untold()
    one.begin_run()
    assert one.failure is None
    one.begin()
    one.take_answer(2, BROKEN)
    assert one.take_untold() == BROKEN


def test_of_a_profile_that_counts_everything_is_news() -> None:
    one = reading()
    assert [one.take_news(Profile(name="work")) for _ in range(2)] == [True, True]


def test_one_that_does_not_come_in_time_is_a_failure_in_words() -> None:
    one = reading()
    one.begin()
    one.overdue(2.0)
    assert str(one.failure) == "nothing was read within 2 s: see whether the disk answers"


def test_a_new_run_waits_for_no_answer_to_an_earlier_one() -> None:
    one = reading()
    one.begin()
    one.begin_run()
    assert one.begin() == [ReadProfile(2, "work")]
    assert not one.take_answer(1)
