"""What is wrong now, as the status lists it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stui_supervisor.context.section import Section
from stui_supervisor.core import inputs
from stui_supervisor.errors import StoreError
from stui_supervisor.events import PresentProblem
from stui_supervisor.failures import FAILURES, FailureKind
from stui_supervisor.machine.states import DegradedReason, State, Work
from stui_supervisor.problems import ProblemCode
from stui_supervisor.session.records import Notice
from stui_supervisor.status.present import Present, lasting
from tests.support.core.places import at
from tests.support.core.world import HERE, REFUSED, World, section, stored

AT = datetime(2026, 11, 22, 13, 30, tzinfo=UTC)
DAMAGE = Notice(code=ProblemCode.DAMAGED_FILE, message="a file was damaged", hint="look")


def codes(world: World) -> list[str]:
    return [each.code for each in world.core.status(world.now).problems]


def test_a_link_that_is_up_has_no_problem() -> None:
    world = at("connected")
    world.wait(2.0)
    assert codes(world) == []


def test_what_keeps_the_link_away_is_listed_with_what_to_do_once_it_has_lasted_a_second() -> None:
    world = at("connecting, opening")
    began = world.now.utc
    world.lost(REFUSED)
    assert codes(world) == []
    world.wait(1.0)
    assert world.core.status(world.now).problems == (
        PresentProblem(
            code=FailureKind.REFUSED,
            message=world.core.status(world.now).last_error or "",
            hint=FAILURES[FailureKind.REFUSED].hint,
            since=began,
        ),
    )


def test_a_rejection_is_listed_until_something_changes() -> None:
    world = at("rejected")
    world.wait(1.0)
    (problem,) = world.core.status(world.now).problems
    assert world.core.rejection is not None
    assert (problem.code, problem.message, problem.hint) == (
        FailureKind.AUTHENTICATION,
        world.core.rejection.message,
        world.core.rejection.hint,
    )
    world.tell(inputs.Connect(HERE))
    world.wait(1.0)
    assert FailureKind.AUTHENTICATION not in codes(world)


def test_the_worst_of_a_degraded_link_is_listed() -> None:
    world = at("degraded")
    world.wait(1.0)
    assert codes(world) == [DegradedReason.BUSY]


def test_a_profile_that_cannot_be_read_is_listed_once_and_what_follows_from_it_is_not() -> None:
    world = at("recovering, profile")
    world.wait(3.0)
    assert (world.state, codes(world)) == (State.RECOVERING, [ProblemCode.PROFILE_NOT_READABLE])


def test_a_disk_that_takes_nothing_is_listed_until_it_does_again() -> None:
    present = Present()
    present.note(ProblemCode.STORE_FAILED, "it is full", "make room", AT)
    present.note(ProblemCode.PUSH_FAILED, "not taken", "wait", AT)  # over with the telling
    world = at("connected")
    status = world.core.status(world.now)

    def listed(*, is_store_ok: bool) -> list[str]:
        problems = present.with_link(status, None, is_store_ok=is_store_ok, is_profile_known=True)
        return [each.code for each in problems]

    assert listed(is_store_ok=False) == [ProblemCode.STORE_FAILED]
    assert listed(is_store_ok=True) == []
    assert listed(is_store_ok=False) == [ProblemCode.STORE_FAILED]  # asking has changed nothing
    present.settle(is_store_ok=True, is_profile_known=True)
    assert listed(is_store_ok=False) == []


def test_damage_is_listed_for_as_long_as_the_run_lasts() -> None:
    world = World()
    world.start(HERE)
    world.tell(inputs.Loaded(1, stored()._replace(notices=(DAMAGE,))))
    world.opened()
    world.shake_hands("one")
    world.wait(1.0)
    assert codes(world) == [ProblemCode.DAMAGED_FILE]


def test_what_lasts_under_a_second_is_not_shown() -> None:
    problem = PresentProblem(code=ProblemCode.STORE_FAILED, message="m", hint="h", since=AT)
    assert lasting((problem,), AT + timedelta(seconds=0.9)) == ()
    assert lasting((problem,), AT + timedelta(seconds=1)) == (problem,)


@pytest.mark.parametrize(
    ("sections", "is_older", "work"),
    [
        ({}, False, Work.FRESH),
        ({"x": section("1")}, False, Work.RESTORED),
        ({"x": section("1")}, True, Work.OLDER_COPY),
    ],
)
def test_the_work_says_where_it_came_from_until_it_is_changed(
    sections: dict[str, Section], is_older: bool, work: Work
) -> None:
    world = World()
    world.start(HERE)
    world.loaded(stored(sections=sections)._replace(is_older_copy=is_older))
    assert world.core.status(world.now).work is work
    world.context["y"] = 2
    world.tell(inputs.ContextChanged())
    assert world.core.status(world.now).work is Work.UNSAVED


def test_a_save_that_failed_is_listed_after_a_second() -> None:
    world = at("connected")
    world.context["y"] = 2
    world.tell(inputs.ContextChanged())
    world.wait(1.0)
    world.tell(inputs.SaveFailed(world.core.session.id or "", StoreError("it is full", hint="make room")))
    world.wait(1.0)
    status = world.core.status(world.now)
    assert (status.store_ok, codes(world)) == (False, [ProblemCode.STORE_FAILED])
