"""What happens to two images' work when the disk is slow or fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Load, Release, Save, SaveEnded
from stui_supervisor.events import Problem, SessionSwitched
from stui_supervisor.machine.states import State
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.problems import ProblemCode
from stui_supervisor.session.records import Notice, SessionRecord
from stui_supervisor.testing import MemoryStore, StoredInMemory
from tests.support.core.two_images import ONE, TWO, linked, meet, work_of
from tests.support.core.world import (
    DISK_FULL,
    HERE,
    World,
    only,
    released,
    save_failed,
    saved,
    saves,
    section,
    stored,
    told,
    triggers,
)

DAMAGE = Notice(code=ProblemCode.DAMAGED_FILE, message="a file was damaged", hint="look at the quarantine")


def test_the_write_of_the_first_session_says_nothing_about_the_second() -> None:
    world = linked()
    meet(world, "two")
    world.context["work"] = "one, changed"
    world.disk_works = False
    effects = world.loaded(TWO)
    world.tell(saved(only(Save, effects)[-1]))
    assert world.core.status(world.now).context_saved_at is None


def test_a_late_answer_for_the_first_session_does_not_count_for_the_second() -> None:
    world = linked()
    meet(world, "two")
    world.context["work"] = "one, changed"
    world.disk_works = False
    (first,) = only(Save, world.loaded(TWO))
    world.context["work"] = "two, changed"
    effects = world.wait(0.25)
    world.tell(saved(first))
    effects += world.wait(1.0)
    second = only(Save, effects)[-1]
    effects = [*world.tell(save_failed(second)), *world.wait(10.0)]
    assert ("b", {"work": b'"two, changed"'}) in saves(effects)


@pytest.mark.parametrize("repeated", [True, False], ids=["written later", "never written"])
def test_work_whose_last_write_failed_during_the_switch_is_there_when_its_image_is_back(repeated: bool) -> None:
    world = linked()
    meet(world, "two")
    world.context["work"] = "one, changed"
    world.disk_works = False
    world.loaded(TWO)
    world.disk_fails()
    world.disk_works = repeated
    world.shake_hands("two")
    world.wait(10.0)
    if meet(world, "one"):
        world.loaded_again(ONE)
    world.shake_hands("one")
    assert work_of(world) == "one, changed"


def test_a_disk_that_does_not_take_the_first_images_work_is_told_once() -> None:
    world = linked()
    meet(world, "two")
    world.context["work"] = "one, changed"
    world.disk_works = False
    effects = world.loaded(TWO)
    for _ in range(10):
        effects += world.disk_fails()
        effects += world.wait(5.0)
    assert [problem.code for problem in told(Problem, effects)] == ["store_failed"]
    assert world.core.status(world.now).store_ok is False


@pytest.mark.parametrize("slow", [True, False], ids=["slow disk", "failing disk"])
def test_without_an_answer_from_the_disk_the_second_image_starts_with_an_empty_context(slow: bool) -> None:
    world = linked()
    meet(world, "two")
    effects = world.wait(2.0) if slow else world.load_failed()
    (event,) = told(SessionSwitched, effects)
    assert (event.image_id, dict(world.context)) == ("two", {})
    world.shake_hands("two")
    assert world.state is State.CONNECTED


@pytest.mark.parametrize("slow", [True, False], ids=["slow disk", "failing disk"])
def test_without_a_second_session_nothing_of_the_second_image_is_written_to_the_firsts(slow: bool) -> None:
    world = linked()
    meet(world, "two")
    effects = world.wait(2.0) if slow else world.load_failed()
    effects += world.shake_hands("two")
    world.context["work"] = "two"
    effects += world.wait(20.0)
    assert {(save.session_id, save.record.image_id) for save in only(Save, effects)} <= {("a", "one")}
    assert b'"two"' not in [part.value for save in only(Save, effects) for part in (save.sections or {}).values()]


@pytest.mark.parametrize("slow", [True, False], ids=["slow disk", "failing disk"])
def test_the_first_images_unsaved_work_survives_a_disk_that_takes_nothing(slow: bool) -> None:
    world = linked()
    meet(world, "two")
    world.context["work"] = "one, changed"
    world.disk_works = False
    _ = world.wait(2.0) if slow else world.load_failed()
    world.shake_hands("two")
    assert work_of(world) is None
    world.disk_fails()
    world.disk_works = True
    if meet(world, "one"):
        world.loaded(ONE)
    world.shake_hands("one")
    assert work_of(world) == "one, changed"


def test_a_disk_that_works_again_is_asked_for_a_session_of_the_image_that_answers() -> None:
    world = linked()
    meet(world, "two")
    effects = [*world.load_failed(), *world.shake_hands("two"), *world.wait(6.0)]
    assert only(Load, effects)[-1].image == identity_of("two")
    assert triggers(world.loaded(TWO)) == []
    assert (work_of(world), world.core.session.id) == ("two", "b")


def test_a_claim_that_comes_too_late_is_given_back() -> None:
    world = linked()
    meet(world, "two")
    world.wait(2.0)
    assert world.tell(inputs.Loaded(2, TWO)) == [Release("b")]


def late() -> World:
    """Nobody waits any longer for the session of image two."""
    world = linked()
    meet(world, "two")
    world.wait(2.0)
    return world


def superseded() -> World:
    """Image three answers while image two's session is awaited still."""
    world = linked()
    meet(world, "two")
    meet(world, "three")
    return world


def overtaken() -> World:
    """Image one answers before the disk has said which session was the latest."""
    world = World()
    world.start(HERE)
    world.wait(2.0)
    world.link("one")
    return world


def ended() -> World:
    """The program has been told to stop since it asked."""
    world = World()
    world.start()
    world.tell(inputs.Stop())
    return world


@pytest.mark.parametrize("world_of", [late, superseded, overtaken, ended])
def test_a_session_whose_files_were_damaged_is_told_of_once_though_it_is_given_back(
    world_of: Callable[[], World],
) -> None:
    world = world_of()
    effects = world.loaded(TWO._replace(notices=(DAMAGE,)))
    assert released(effects) == ["b"]
    assert told(Problem, effects) == [
        Problem(at=world.now.utc, code=DAMAGE.code, message=DAMAGE.message, hint=DAMAGE.hint)
    ]


def test_an_image_that_is_met_again_before_the_disk_has_answered_gets_one_session_and_not_one_for_each_time() -> None:
    store = MemoryStore()
    world = World(store=store)
    world.start(HERE)
    world.link("one")
    world.store_waits = True
    for _ in range(5):
        meet(world, "two")
    while not world.is_store_idle:
        world.store_step()
    assert [one.record.image_id for one in store.disk.sessions.values()] == ["one", "two"]


def test_a_claim_that_is_under_way_when_its_image_is_met_again_is_used_as_soon_as_it_comes() -> None:
    world = linked()
    assert meet(world, "two") == [Load(2, "default", identity_of("two"))]
    assert meet(world, "two") == []
    effects = world.loaded(TWO)
    assert (work_of(world), released(effects)) == ("two", ["a"])


def test_a_claim_for_an_image_that_went_away_is_given_back_before_the_next_image_is_asked_for() -> None:
    world = linked()
    meet(world, "two")
    assert meet(world, "three") == []
    assert world.loaded(TWO) == [Release("b"), Load(3, "default", identity_of("three"))]
    world.loaded(stored("c", {"work": section("three")}, image_id="three"))
    assert work_of(world) == "three"


def test_a_first_claim_that_comes_late_and_brings_the_image_that_answers_now_is_used() -> None:
    world = World()
    world.start(HERE)
    world.wait(2.0)
    world.link("one")
    assert meet(world, "two") == []
    effects = world.loaded(TWO)
    assert (work_of(world), released(effects), only(Load, effects)) == (
        "two",
        [],
        [Load(2, "default", identity_of("one"))],
    )


def test_a_switch_that_the_disk_refused_is_seen_in_the_status() -> None:
    world = linked()
    meet(world, "two")
    world.load_failed()
    assert world.core.status(world.now).store_ok is False


def test_a_switch_that_fails_is_told_once_as_a_problem_of_the_disk() -> None:
    world = linked()
    meet(world, "two")
    effects = [*world.load_failed(), *world.shake_hands("two")]
    assert [problem.code for problem in told(Problem, effects)] == ["store_failed"]


def test_an_image_whose_session_was_given_back_meanwhile_has_to_claim_it_again() -> None:
    world = linked()
    meet(world, "two")
    world.context["work"] = "one, changed"
    world.disk_works = False
    (write,) = only(Save, world.loaded(TWO))
    world.shake_hands("two")
    assert released(world.tell(saved(write))) == ["a"]
    assert meet(world, "one") == [Load(3, "default", identity_of("one"))]


def test_what_was_in_memory_only_is_written_to_each_images_own_session_once_there_is_a_disk() -> None:
    store = MemoryStore()
    store.disk.failure = DISK_FULL
    world = World(store=store)
    world.start(HERE)
    world.context["work"] = "one"
    world.link("one")
    meet(world, "two")
    world.context["work"] = "two"
    world.shake_hands("two")
    assert (world.state, store.disk.sessions) == (State.CONNECTED, {})
    store.disk.failure = None
    world.wait(10.0)
    held = {stored.record.image_id: stored for stored in store.disk.sessions.values()}
    assert {image_id: one.sections["work"].value for image_id, one in held.items()} == {
        "one": b'"one"',
        "two": b'"two"',
    }
    assert {image_id: one.owner is store for image_id, one in held.items()} == {"one": False, "two": True}


def test_work_that_was_parked_without_a_disk_wins_over_the_stored_and_leaves_the_rest_of_it_there() -> None:
    store = MemoryStore()
    known = SessionRecord(profile="default", endpoint=str(HERE), image_id="one")
    sections = {"work": section("old", 7), "other": section("kept", 3)}
    store.disk.sessions["a"] = StoredInMemory(known, sections, 1, None)
    store.disk.failure = DISK_FULL
    world = World(store=store)
    world.start(HERE)
    world.context["work"] = "new"
    world.link("one")
    meet(world, "two")
    world.shake_hands("two")
    store.disk.failure = None
    world.wait(10.0)
    written = store.disk.sessions["a"].sections
    assert {name: part.value for name, part in written.items()} == {"work": b'"new"', "other": b'"kept"'}
    # The image may still hold the old copy, and of two copies the higher counter wins.
    assert written["work"].counter > 7


def test_images_that_take_turns_each_keep_their_own_work_through_a_disk_that_fails_now_and_then() -> None:
    store = MemoryStore()
    world = World(store=store)
    world.start(HERE)
    world.link("0")
    for turn in range(60):
        image_id = str(turn % 3)
        store.disk.failure = DISK_FULL if turn % 7 in (2, 3) else None
        meet(world, image_id)
        world.shake_hands(image_id)
        # What cannot be read now comes back when it can; what is set meanwhile wins over it.
        there = f"{image_id}, {turn - 3}" if turn >= 3 else None
        assert work_of(world) in ((there, None) if store.disk.failure else (there,))
        world.context["work"] = f"{image_id}, {turn}"
        world.wait(turn % 2)
    store.disk.failure = None
    world.wait(30.0)
    for _ in range(2):  # the second does not wait for the image
        world.tell(inputs.Stop())
    held = [one for one in store.disk.sessions.values() if one.sections]
    assert sorted(str(one.record.image_id) for one in held) == ["0", "1", "2"]
    assert {one.record.image_id: one.sections["work"].value for one in held} == {
        "0": b'"0, 57"',
        "1": b'"1, 58"',
        "2": b'"2, 59"',
    }
    assert [one.owner for one in store.disk.sessions.values()] == [None] * len(store.disk.sessions)


def test_the_end_of_the_program_writes_the_work_of_the_image_that_is_away_as_well_and_gives_both_back() -> None:
    world = linked()
    meet(world, "two")
    world.context["work"] = "one, changed"
    world.disk_works = False
    world.loaded(TWO)
    world.disk_fails()  # nothing of it is on the disk yet
    world.shake_hands("two")
    world.context["work"] = "two, changed"
    effects = [*world.tell(inputs.Stop()), *world.tell(inputs.Stop())]  # the second does not wait for the image
    assert ("a", {"work": b'"one, changed"'}) in saves(effects)
    assert ("b", {"work": b'"two, changed"'}) in saves(effects)
    assert sorted(released(effects)) == ["a", "b"]


# Who waits for a save


def test_a_failure_of_the_first_images_session_is_not_one_of_who_waits_for_the_second() -> None:
    world = linked()
    meet(world, "two")
    world.context["work"] = "one, changed"
    world.disk_works = False
    (first,) = only(Save, world.loaded(TWO))
    (linking,) = only(Save, world.shake_hands("two"))
    world.tell(saved(linking))
    world.context["work"] = "two, changed"
    (second,) = only(Save, world.tell(inputs.SaveContext(7)))
    assert (first.session_id, second.session_id) == ("a", "b")
    assert only(SaveEnded, world.tell(save_failed(first))) == []
    assert only(SaveEnded, world.tell(saved(second))) == [SaveEnded(7)]


def test_who_waits_for_the_first_images_work_is_answered_by_its_own_write_after_the_switch() -> None:
    world = linked()
    world.disk_works = False
    world.context["work"] = "one, changed"
    (first,) = only(Save, world.tell(inputs.SaveContext(7)))
    meet(world, "two")
    world.loaded(TWO)
    assert only(SaveEnded, world.tell(save_failed(first))) == [SaveEnded(7, DISK_FULL)]


def test_a_switch_that_fails_is_no_failure_of_who_waits_for_the_session_in_use() -> None:
    world = linked()
    world.disk_works = False
    world.context["work"] = "one, changed"
    (first,) = only(Save, world.tell(inputs.SaveContext(7)))
    meet(world, "two")
    assert only(SaveEnded, world.load_failed()) == []
    assert only(SaveEnded, world.tell(saved(first))) == [SaveEnded(7)]


def test_a_failed_write_is_no_failure_of_who_waits_for_a_change_that_came_after_it_began() -> None:
    world = linked()
    world.disk_works = False
    world.context["work"] = "first"
    (first,) = only(Save, world.tell(inputs.SaveContext(1)))
    world.context["work"] = "second"
    assert world.tell(inputs.SaveContext(2)) == []
    effects = world.tell(save_failed(first))
    assert only(SaveEnded, effects) == [SaveEnded(1, DISK_FULL)]
    (second,) = only(Save, effects)
    assert only(SaveEnded, world.tell(saved(second))) == [SaveEnded(2)]


def test_a_claim_that_fails_ends_the_wait_for_what_it_was_to_hold() -> None:
    world = World()
    world.start(HERE)
    world.context["work"] = "new"
    assert only(SaveEnded, world.tell(inputs.SaveContext(1))) == []
    assert only(SaveEnded, world.load_failed()) == [SaveEnded(1, DISK_FULL)]


def test_a_claim_that_nobody_wants_any_more_ends_no_wait_when_it_fails() -> None:
    world = linked()
    meet(world, "two")
    world.wait(2.0)  # the switch goes on without the disk
    world.shake_hands("two")
    world.context["work"] = "two"
    world.tell(inputs.SaveContext(1))
    assert only(SaveEnded, world.tell(inputs.LoadFailed(1, DISK_FULL))) == []


def test_nobody_waits_for_what_is_on_the_disk() -> None:
    world = linked()
    assert world.tell(inputs.SaveContext(1)) == [SaveEnded(1)]
