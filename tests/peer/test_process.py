from __future__ import annotations

from datetime import UTC, datetime
from math import inf
from typing import Any

import pytest

from stui_supervisor.config import LOOK_RETRY_S, LOOKS_REFUSED_MAX
from stui_supervisor.failures import FailureKind
from stui_supervisor.moment import Moment
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.peer.process import Lineage, Look, Process, Who, unpinned, who_answers
from tests.support.core.world import FAR, HERE, THERE


def at(seconds: float) -> Moment:
    return Moment(0.0, datetime(2000, 1, 1, tzinfo=UTC)).after(seconds)


ONE = Who(identity_of("one"))


def process(**ping: Any) -> Process:
    return who_answers(ping).process


# What a ping says


def test_a_ping_tells_the_image_and_its_process() -> None:
    ping = {"image_id": 7, "boot_id": "b", "server": "s", "uptime": 3.5, "version": "9"}
    assert who_answers(ping) == Who(identity_of(7), Process(identity_of("b"), identity_of("s"), 3.5))


@pytest.mark.parametrize("lie", [None, "", True, [], {}, "12"])
def test_what_is_no_number_is_no_uptime(lie: object) -> None:
    assert process(uptime=lie).uptime_s is None


def test_a_boot_id_may_be_spelt_as_javascript_does() -> None:
    assert process(bootId=4) == process(boot_id=4)


# Whether it is the same process


@pytest.mark.parametrize(
    ("before", "now", "is_same"),
    [
        ({"boot_id": "a", "uptime": 9}, {"boot_id": "a", "uptime": 1}, True),
        ({"boot_id": "a", "uptime": 1}, {"boot_id": "b", "uptime": 9}, False),
        ({"boot_id": 7}, {"boot_id": "7"}, False),
        ({"uptime": 9}, {"uptime": 8.9}, False),
        ({"uptime": 9}, {"uptime": 9}, True),
        ({"boot_id": "a", "uptime": 9}, {"uptime": 10}, True),
        ({"boot_id": "a"}, {}, None),
        ({}, {}, None),
        ({"uptime": 9}, {}, None),
        ({"server": "a", "uptime": 9}, {"server": "b", "uptime": 10}, False),
        ({"server": "a"}, {"server": "a"}, None),
        ({"version": "1"}, {"version": "2"}, None),
        ({"uptime": 10**400}, {"uptime": 10**400 + 1}, True),
        ({"uptime": 1.5}, {"uptime": 10**400}, True),
    ],
)
def test_a_boot_id_tells_else_another_server_or_an_uptime(
    before: dict[str, object], now: dict[str, object], is_same: bool | None
) -> None:
    assert process(**now).is_same_as(process(**before)) is is_same


def test_a_process_that_began_after_the_other_one_was_lost_is_another_although_its_uptime_did_not_fall() -> None:
    lineage = Lineage()
    lineage.lost(HERE, process(uptime=3), at(100.0))
    assert lineage.goes_on(HERE, process(uptime=9), at(110.0))
    assert not lineage.goes_on(HERE, process(uptime=9), at(111.0))


def test_of_a_sleep_only_the_wall_clock_knows() -> None:
    lineage = Lineage()
    lineage.lost(HERE, process(uptime=3), at(100.0))
    woken = Moment(110.0, at(3_710.0).utc)
    assert lineage.last_seen(HERE, woken).is_another_than(process(uptime=3_000))
    assert not lineage.last_seen(HERE, woken).is_another_than(process(uptime=3_613))


def test_a_sleep_counts_also_where_the_wall_clock_was_put_back_over_it() -> None:
    lineage = Lineage()
    lineage.lost(HERE, process(uptime=3), at(100.0))
    lineage.slept(3_600.0)
    assert lineage.last_seen(HERE, Moment(110.0, at(50.0).utc)).is_another_than(process(uptime=3_000))


def test_a_wall_clock_that_was_put_back_hides_no_time() -> None:
    lineage = Lineage()
    lineage.lost(HERE, process(uptime=3), at(100.0))
    assert lineage.last_seen(HERE, Moment(1_100.0, at(50.0).utc)).is_another_than(process(uptime=900))


def test_nothing_shows_that_a_process_goes_on_before_any_was_lost() -> None:
    assert not Lineage().goes_on(HERE, process(boot_id="a", uptime=9), at(1.0))
    assert not Lineage().last_seen(HERE, at(1.0)).is_another_than(process(boot_id="a", uptime=9))


def test_at_another_endpoint_only_a_boot_id_shows_it() -> None:
    lineage = Lineage()
    lineage.lost(HERE, process(boot_id="a", uptime=3), at(100.0))
    assert lineage.goes_on(THERE, process(boot_id="a", uptime=1), at(101.0))
    assert not lineage.goes_on(THERE, process(boot_id="b", uptime=9), at(101.0))
    lineage.lost(HERE, process(uptime=3), at(102.0))
    assert not lineage.goes_on(THERE, process(uptime=9), at(103.0))


def test_a_process_is_another_than_the_one_that_was_last_at_its_own_endpoint() -> None:
    lineage = Lineage()
    lineage.lost(HERE, process(boot_id="a", uptime=50), at(100.0))
    lineage.lost(THERE, process(boot_id="b", uptime=99), at(110.0))
    assert not lineage.last_seen(HERE, at(120.0)).is_another_than(process(boot_id="a", uptime=70))
    assert lineage.last_seen(HERE, at(120.0)).is_another_than(process(boot_id="b", uptime=119))
    assert not lineage.last_seen(FAR, at(120.0)).is_another_than(process(boot_id="c", uptime=1))


# How old the look is


def test_a_look_is_old_until_there_is_one_and_when_its_time_has_come() -> None:
    look = Look()
    assert look.is_old(0.0, 10.0)
    look.saw(ONE, at(5.0))
    assert [look.is_old(now, 10.0) for now in (5.0, 14.9, 15.0)] == [False, False, True]
    assert look.image == identity_of("one")


def test_a_look_before_a_sleep_is_old() -> None:
    look = Look()
    look.saw(ONE, at(5.0))
    look.slept(60.0)
    assert look.is_old(5.1, 10.0)
    assert look.seen == Moment(-55.0, at(5.0).utc)


def test_an_answer_that_is_an_error_is_no_look_and_is_asked_for_again_after_a_pause() -> None:
    look = Look()
    assert not look.refused(5.0)
    assert (look.is_old(5.0, 10.0), look.next_deadline()) == (True, 5.0 + LOOK_RETRY_S)
    assert [look.try_again(now) for now in (5.0, 5.0 + LOOK_RETRY_S)] == [False, True]
    assert look.next_deadline() == inf


def test_errors_in_a_row_are_too_many_and_an_answer_between_begins_anew() -> None:
    look = Look()
    answers = [look.refused(float(number)) for number in range(LOOKS_REFUSED_MAX)]
    assert answers == [False] * (LOOKS_REFUSED_MAX - 1) + [True]
    look.saw(ONE, at(9.0))
    assert (look.refused(10.0), look.image) == (False, identity_of("one"))


# A pin


def test_an_image_that_is_not_the_pinned_one_or_not_named_is_said_in_words() -> None:
    other, nobody = unpinned(identity_of("two"), "one"), unpinned(None, "one")
    assert (other and other.kind, other and other.message) == (FailureKind.DIFFERENT_IMAGE, "'two', not 'one'")
    assert (nobody and nobody.kind, nobody and nobody.message) == (
        FailureKind.IMAGE_NOT_NAMED,
        "it is pinned to 'one'",
    )


def test_the_pinned_image_and_any_image_without_a_pin_are_right() -> None:
    assert [unpinned(identity_of("one"), "one"), unpinned(identity_of("two"), None), unpinned(None, None)] == [None] * 3


def test_names_are_quoted_in_their_own_script_and_move_no_cursor() -> None:
    failure = unpinned(identity_of("Образ\x1b[2J"), "Другой")
    assert failure is not None
    assert failure.message == "'Образ[2J', not 'Другой'"


def test_a_long_pin_is_not_quoted_at_full_length() -> None:
    failure = unpinned(identity_of("two"), "x" * 10_000)
    assert failure is not None
    assert len(failure.message) < 100
