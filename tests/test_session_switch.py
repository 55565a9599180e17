"""What happens to two images' work when one answers at the other's endpoint."""

from __future__ import annotations

import pytest

from stui_supervisor import inputs
from stui_supervisor.config import Settings
from stui_supervisor.effects import Load, Release, Save
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.events import ContextSaved, Problem, SessionSwitched
from stui_supervisor.inputs import Input
from stui_supervisor.states import BackendVerdict, State, Trigger
from stui_supervisor.testing import MemoryStore
from tests.support.core_world import (
    DISK_FULL,
    HERE,
    THERE,
    World,
    endings,
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

ONE = stored("a", {"work": section("one")}, endpoint=str(HERE), image_id="one", backend_session="s1", client_id="c1")
TWO = stored("b", {"work": section("two")}, endpoint=str(HERE), image_id="two", backend_session="s2", client_id="c2")


def linked() -> World:
    """Connected to image one with its session; everything is on disk."""
    world = World()
    world.start()
    world.loaded(ONE)
    world.link("one")
    return world


def meet(world: World, image_id: str) -> list[Load]:
    """The link is lost, and at the next one this image answers the ping; what the store is asked for."""
    world.lost()
    world.wait_for_deadline()
    world.opened()
    return only(Load, world.answer({"image_id": image_id}))


def switched() -> World:
    """Image two answers where image one did, and its own session is in use."""
    world = linked()
    meet(world, "two")
    world.loaded(TWO)
    world.shake_hands("two")
    return world


def work_of(world: World) -> object:
    return world.context.get("work")


def written_for(image_id: str, effects: list[Save]) -> set[str]:
    return {effect.session_id for effect in effects if effect.record.image_id == image_id}


def test_another_image_gets_its_own_session_and_the_user_is_told() -> None:
    world = linked()
    assert meet(world, "two") == [Load(2, "default", "two")]
    effects = world.loaded(TWO)
    (event,) = told(SessionSwitched, effects)
    assert (event.session_id, event.image_id, dict(world.context)) == ("b", "two", {"work": "two"})
    assert world.asked().parameters == {"session_id": "s2", "client_id": "c2"}
    world.shake_hands("two")
    assert (world.state, world.core.status(world.now).backend_verdict) == (
        State.CONNECTED,
        BackendVerdict.DIFFERENT_IMAGE,
    )


def test_the_first_images_unsaved_work_is_saved_under_its_own_session() -> None:
    world = linked()
    meet(world, "two")
    world.context["work"] = "one, changed"
    effects = world.loaded(TWO)
    assert saves(effects) == [("a", {"work": b'"one, changed"'})]
    assert only(Save, effects)[0].record.image_id == "one"
    assert released(effects) == ["a"]
    assert work_of(world) == "two"


def test_the_first_session_is_given_back_only_after_it_was_written() -> None:
    world = linked()
    meet(world, "two")
    world.context["work"] = "one, changed"
    world.disk_works = False
    effects = world.loaded(TWO)
    assert released(effects) == []
    (write,) = only(Save, effects)
    assert released(world.tell(saved(write))) == ["a"]


def test_after_the_switch_everything_is_written_to_the_second_session() -> None:
    world = linked()
    meet(world, "two")
    world.loaded(TWO)
    effects = world.shake_hands("two")
    world.context["work"] = "two, changed"
    effects += world.wait(1.0)
    assert saves(effects) == [("b", None), ("b", {"work": b'"two, changed"'})]
    assert only(Save, effects)[-1].record.image_id == "two"


def test_the_first_image_comes_back_to_its_own_work() -> None:
    world = switched()
    assert meet(world, "one") == [Load(3, "default", "one")]
    effects = world.loaded(ONE)
    assert (work_of(world), released(effects)) == ("one", ["b"])


def test_the_end_of_the_program_writes_the_second_images_work_and_gives_its_session_back() -> None:
    world = switched()
    world.context["work"] = "two, changed"
    effects = world.tell(inputs.Stop())
    assert (saves(effects), released(effects)) == ([("b", {"work": b'"two, changed"'})], ["b"])


def test_the_second_images_session_knows_at_once_whose_it_is_and_what_the_user_wants() -> None:
    world = linked()
    meet(world, "two")
    world.loaded(stored("b", wanted=False))
    (save,) = only(Save, world.tell(inputs.Stop()))
    record = save.record
    assert (save.session_id, record.image_id, record.wanted, record.endpoint) == ("b", "two", True, str(HERE))


def test_an_image_without_a_session_of_its_own_gets_an_empty_one() -> None:
    world = linked()
    meet(world, "two")
    world.loaded(stored("b", endpoint=str(HERE)))
    world.shake_hands("two")
    assert (dict(world.context), world.record.image_id, world.core.session.id) == ({}, "two", "b")


def test_what_waits_for_the_first_image_is_not_sent_to_the_second() -> None:
    world = linked()
    world.lost()
    world.submit("evaluate", code="1")
    world.wait_for_deadline()
    world.opened()
    world.answer({"image_id": "two"})
    assert endings(world.loaded(TWO)) == [(1, "NotSent")]


# A disk that is slow or fails


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
    assert only(Load, effects)[-1].image_id == "two"
    assert triggers(world.loaded(TWO)) == []
    assert (work_of(world), world.core.session.id) == ("two", "b")


def test_a_claim_that_comes_too_late_is_given_back() -> None:
    world = linked()
    meet(world, "two")
    world.wait(2.0)
    assert world.tell(inputs.Loaded(2, TWO)) == [Release("b")]


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
    assert meet(world, "one") == [Load(3, "default", "one")]


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
    world.tell(inputs.Stop())
    held = [one for one in store.disk.sessions.values() if one.sections]
    assert sorted(str(one.record.image_id) for one in held) == ["0", "1", "2"]
    assert {one.record.image_id: one.sections["work"].value for one in held} == {
        "0": b'"0, 57"',
        "1": b'"1, 58"',
        "2": b'"2, 59"',
    }
    assert [one.owner for one in store.disk.sessions.values()] == [None] * len(store.disk.sessions)


# A switch that is interrupted


@pytest.mark.parametrize(
    ("what", "state", "trigger"),
    [
        ("loss", State.RECOVERING, None),
        ("connect", State.CONNECTING, Trigger.CONNECT),
        ("disconnect", State.DISCONNECTED, Trigger.DISCONNECT),
        ("stop", State.DISCONNECTED, Trigger.STOP),
    ],
)
def test_an_interrupted_switch_leaves_the_first_images_work_where_it_was(
    what: str, state: State, trigger: Trigger | None
) -> None:
    world = linked()
    meet(world, "two")
    events: dict[str, Input] = {
        "connect": inputs.Connect(THERE),
        "disconnect": inputs.Disconnect(),
        "stop": inputs.Stop(),
    }
    effects = world.lost() if what == "loss" else world.tell(events[what])
    assert (world.state, triggers(effects)) == (state, [trigger] if trigger else [])
    assert written_for("two", only(Save, effects)) == set()
    late = world.tell(inputs.Loaded(2, TWO))
    assert late == [Release("b")]
    assert (work_of(world), world.record.image_id, told(SessionSwitched, late)) == ("one", "one", [])


def test_a_claim_that_was_asked_for_twice_is_used_as_soon_as_it_comes() -> None:
    world = linked()
    assert meet(world, "two") == [Load(2, "default", "two")]
    assert meet(world, "two") == [Load(3, "default", "two")]
    effects = world.tell(inputs.Loaded(2, TWO))
    assert (work_of(world), released(effects)) == ("two", ["a"])
    assert world.tell(inputs.Loaded(3, stored("c", image_id="two"))) == [Release("c")]


def test_a_one_off_link_does_not_care_which_image_answers() -> None:
    world = World(Settings(keeps_session=False))
    world.start(Endpoint.parse("tcp://127.0.0.1:5555"))
    world.link("one")
    world.lost()
    world.wait_for_deadline()
    world.opened()
    effects = world.answer({"image_id": "two"})
    assert (triggers(effects), only(Load, effects)) == ([Trigger.ESTABLISHED], [])


def test_the_first_images_context_saved_time_is_not_the_seconds() -> None:
    world = switched()
    world.context["work"] = "two, changed"
    effects = world.wait(1.0)
    assert len(told(ContextSaved, effects)) == 1
