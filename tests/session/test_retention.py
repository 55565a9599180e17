from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.config import COPIES_MAX_BYTES, COPY_DAYS, COPY_HOURS, IMAGES_KEPT, SESSIONS_KEPT
from stui_supervisor.session.claim_order import Candidate
from stui_supervisor.session.records import SessionRecord
from stui_supervisor.session.retention import Copy, Thinning, hour_of, outlived

NOON = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


Saved = tuple[int, Copy]  # its seq, which grows with each save


def copies(*ages: timedelta, size_bytes: int = 1) -> list[Saved]:
    """Copies of these ages, the oldest first."""
    return [(seq, Copy(hour_of(NOON - age), size_bytes)) for seq, age in enumerate(sorted(ages, reverse=True), start=1)]


def worth_keeping(known: list[Saved], newest: int = 0) -> set[int]:
    thinning = Thinning(newest)
    return {seq for seq, copy in sorted(known, reverse=True) if thinning.take(copy)}


def moments(kept: set[int], interval: timedelta, count: int) -> list[datetime]:
    """When the copies were saved, of so many that are so far apart."""
    return [NOON - (count - seq) * interval for seq in sorted(kept)]


def test_of_one_hour_the_last_copy_is_kept() -> None:
    known = copies(*(number * MINUTE for number in range(30)))
    assert worth_keeping(known) == {30}


def test_a_day_of_saving_each_minute_leaves_the_last_copy_of_each_hour() -> None:
    count = 24 * 60 - 30
    kept = worth_keeping(copies(*(number * MINUTE for number in range(count))))
    assert moments(kept, MINUTE, count) == [
        *(datetime(2026, 3, 30, hour, 59, tzinfo=UTC) for hour in range(13, 24)),
        *(datetime(2026, 3, 31, hour, 59, tzinfo=UTC) for hour in range(12)),
        NOON,
    ]


def test_two_months_of_saving_each_hour_leave_a_day_of_hours_and_a_month_of_days() -> None:
    count = 60 * 24
    kept = moments(worth_keeping(copies(*(number * HOUR for number in range(count)))), HOUR, count)
    assert kept[-COPY_HOURS:] == [NOON - number * HOUR for number in reversed(range(COPY_HOURS))]
    assert [moment.date() for moment in kept[:-COPY_HOURS]] == [
        (NOON - number * DAY).date() for number in reversed(range(2, COPY_DAYS))
    ]
    assert {moment.hour for moment in kept[:-COPY_HOURS]} == {23}


def test_a_holiday_costs_no_copy() -> None:
    known = copies(NOON - NOON, 100 * DAY, 100 * DAY + HOUR)
    assert worth_keeping(known) == {1, 2, 3}


def test_the_newest_that_are_asked_for_are_kept_whatever_their_hour() -> None:
    known = copies(*(number * MINUTE for number in range(30)))
    assert worth_keeping(known, newest=5) == {26, 27, 28, 29, 30}


def test_a_clock_that_ran_ahead_for_a_moment_costs_no_other_copy() -> None:
    known = [(seq, Copy(hour_of(NOON + seq * HOUR + ahead * DAY), 1)) for seq, ahead in enumerate((0, 9_999, 0))]
    assert worth_keeping(known) == {0, 1, 2}


def test_a_clock_that_was_put_back_costs_no_copy_of_the_hours_that_came_twice() -> None:
    hours = [10, 11, 12, 10, 11, 12]
    known = [(seq, Copy(hour_of(NOON) + hour, 1)) for seq, hour in enumerate(hours)]
    assert worth_keeping(known) == set(range(len(hours)))


def test_what_passes_the_limit_goes_the_oldest_first() -> None:
    known = copies(*(number * HOUR for number in range(4)), size_bytes=COPIES_MAX_BYTES // 3)
    assert worth_keeping(known) == {2, 3, 4}


@given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 4_000_000)), max_size=200))
def test_what_is_kept_is_bounded_and_stays_so_when_it_is_thinned_after_each_save(
    saves: list[tuple[int, int]],
) -> None:
    left: list[Saved] = []
    for seq, (hours, size_bytes) in enumerate(saves, start=1):
        left.append((seq, Copy(hour_of(NOON - hours * HOUR), size_bytes)))
        kept = worth_keeping(left)
        left = [saved for saved in left if saved[0] in kept]
        assert seq in kept
        assert len(left) <= COPY_HOURS + COPY_DAYS
        assert sum(copy.size_bytes for _, copy in left) <= COPIES_MAX_BYTES


def session(name: str, age: timedelta, live_sections: int = 1, image: str | None = "one") -> Candidate:
    record = SessionRecord(profile="default", image_id=image)
    return Candidate(session_id=name, record=record, saved_at=NOON - age, seq=1, live_sections=live_sections)


def names(candidates: list[Candidate]) -> list[str]:
    return [candidate.session_id for candidate in candidates]


def test_what_nobody_used_for_a_month_is_outlived_the_oldest_first() -> None:
    ages = {"new": DAY, "newer": 2 * DAY, "month": 30 * DAY, "old": 31 * DAY, "older": 99 * DAY}
    assert names(outlived([session(name, age) for name, age in ages.items()], NOON, 30)) == ["older", "old"]


def test_the_last_few_with_work_of_each_image_are_never_outlived() -> None:
    known = [
        *(session(f"one {number}", (40 + number) * DAY) for number in range(SESSIONS_KEPT + 1)),
        session("two", 50 * DAY, image="two"),
        session("unknown", 60 * DAY, image=None),
        session("empty", 39 * DAY, live_sections=0),
    ]
    assert names(outlived(known, NOON, 30)) == [f"one {SESSIONS_KEPT}", "empty"]


def test_which_are_the_last_is_said_by_the_order_of_saving_and_not_by_the_clock() -> None:
    known = [
        session(f"{turn}", (90 - turn) * DAY if turn else 40 * DAY)._replace(turn=turn)
        for turn in range(SESSIONS_KEPT + 2)
    ]
    assert names(outlived(known, NOON, 30)) == ["0", "1"]


def test_an_empty_session_does_not_stand_for_the_work_of_an_image() -> None:
    known = [session("empty", DAY, live_sections=0), session("work", 40 * DAY)]
    assert outlived(known, NOON, 30) == []


def test_what_was_linked_last_says_where_to_go_and_is_never_outlived() -> None:
    linked = [session(name, age, live_sections=0) for name, age in (("last", 40 * DAY), ("before", 41 * DAY))]
    known = [one._replace(record=replace(one.record, endpoint="tcp://127.0.0.1:1")) for one in linked]
    other = known[1]._replace(session_id="other", record=replace(known[1].record, profile="other"))
    assert names(outlived([*known, other, session("never linked", 39 * DAY, live_sections=0)], NOON, 30)) == [
        "before",
        "never linked",
    ]


def test_of_a_server_that_names_another_image_each_time_the_last_ones_with_work_are_kept() -> None:
    known = [session(f"{age}", timedelta(days=31 + age), image=f"random {age}") for age in range(IMAGES_KEPT + 3)]
    assert names(outlived(known, NOON, 30)) == [f"{IMAGES_KEPT + over}" for over in (2, 1, 0)]
    assert names(outlived(known[:5], NOON, 30, images=2)) == ["4", "3", "2"]


def test_images_are_counted_for_each_profile_and_by_their_work_alone() -> None:
    empty = [session(f"empty {number}", DAY, 0, image=f"random {number}") for number in range(IMAGES_KEPT)]
    known = [session(f"{age}", timedelta(days=40 + age), image=f"image {age}") for age in range(IMAGES_KEPT)]
    other = [one._replace(record=replace(one.record, profile="other")) for one in known]
    assert outlived([*empty, *known, *other], NOON, 30) == []


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 5)), max_size=60), st.integers(1, 4))
def test_however_many_images_there_were_what_stays_is_bounded_by_what_was_used_lately(
    saves: list[tuple[int, int]], images: int
) -> None:
    known = [session(f"{number}", days * DAY, image=f"{image}") for number, (days, image) in enumerate(saves)]
    left = {one.session_id for one in known} - set(names(outlived(known, NOON, 30, images)))
    assert sum(one.session_id in left and NOON - one.saved_at > 30 * DAY for one in known) <= images * SESSIONS_KEPT
