"""The image's copy of the context and ours, where they differ."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from stui_supervisor import inputs
from stui_supervisor.adapters.session_bodies import StoredContext, decode_context, encode_context
from stui_supervisor.config import COPY_MAX_BYTES, SECTIONS_MAX
from stui_supervisor.context import Section
from stui_supervisor.effects import Effect, Save, SaveSnapshot
from stui_supervisor.events import Problem
from stui_supervisor.record import Claimed
from stui_supervisor.states import BackendVerdict, State
from tests.support.core_places import at
from tests.support.core_world import DISK_FULL, HERE, World, only, section, stored, told, triggers
from tests.support.pushes import codes, commands, pausing, pushed


def merging(ours: dict[str, int], theirs: dict[str, int]) -> tuple[World, list[Effect]]:
    """A link to a session whose copy of the context is another one; sections by name and counter."""
    world = World()
    world.start()
    world.loaded(
        stored(
            sections={name: section(f"our {name}", counter) for name, counter in ours.items()},
            endpoint=str(HERE),
            image_id="one",
            backend_session="s1",
        )
    )
    world.opened()
    remote = {name: section(f"their {name}", counter) for name, counter in theirs.items()}
    return world, world.shake_hands("one", remote)


def test_exactly_the_copies_that_give_way_are_kept_as_a_snapshot_and_said() -> None:
    world, effects = merging({"a": 1, "b": 2, "only ours": 1}, {"a": 2, "b": 1, "only theirs": 1})
    assert only(SaveSnapshot, effects) == [
        SaveSnapshot("a", {"a": section("our a", 1), "b": section("their b", 1)}),
    ]
    assert dict(world.context) == {
        "a": "their a",
        "b": "our b",
        "only ours": "our only ours",
        "only theirs": "their only theirs",
    }
    (problem,) = told(Problem, effects)
    assert (problem.code, problem.message) == ("context_differed", "the image had another copy of: a, b")
    assert commands(effects)[-1] == "update_session_state"


TOO_MANY = {f"s{number}": section("theirs", 9) for number in range(SECTIONS_MAX + 1)}
TOO_LARGE = {"theirs": section("t" * COPY_MAX_BYTES, 9)}


@pytest.mark.parametrize(("copy", "code"), [(TOO_MANY, "too_many_sections"), (TOO_LARGE, "copy_too_large")])
def test_a_copy_that_no_snapshot_could_hold_is_left_as_it_is_and_said(copy: dict[str, Section], code: str) -> None:
    world = pausing(at("connected"))
    world.answer()
    world.lost()
    world.wait_for_deadline()
    world.opened()
    effects = world.shake_hands("one", copy)
    world.context["work"] = "newer"
    effects += world.wait(9.9)
    assert (codes(effects), only(SaveSnapshot, effects)) == ([code], [])
    assert "update_session_state" not in commands(effects)
    assert (world.state, dict(world.context)) == (State.CONNECTED, {"work": "newer"})


def test_after_a_copy_that_was_left_alone_one_that_can_be_read_is_brought_up_to_date() -> None:
    world = at("connected")
    world.context["work"] = "new"
    for copy in (TOO_MANY, {}):
        world.lost()
        world.wait_for_deadline()
        world.opened()
        effects = world.shake_hands("one", copy)
    assert (codes(effects), commands(effects)[-1]) == ([], "update_session_state")
    world.context["work"] = "newer"
    world.wait(1.0)
    assert pushed(world) == {"session": "made", "work": "newer"}


def test_copies_that_agree_lead_to_no_snapshot_and_no_word() -> None:
    world = at("connected")
    world.context["work"] = "mine"
    world.lost()
    world.wait_for_deadline()
    world.opened()
    effects = world.shake_hands("one", world.context.sections())
    assert (only(SaveSnapshot, effects), codes(effects), "update_session_state" in commands(effects)) == ([], [], False)


def linked_again(world: World, copy: Mapping[str, Section]) -> list[Effect]:
    """The link is lost and comes back to an image that has this copy."""
    world.lost()
    world.wait_for_deadline()
    world.opened()
    return world.shake_hands("one", copy)


def test_what_was_pushed_before_the_user_went_on_typing_is_no_other_copy() -> None:
    world = pausing(at("connected"))
    copy = world.context.sections()
    world.answer()
    for number in range(5):
        world.context["work"] = number
    effects = linked_again(world, copy)
    assert (codes(effects), only(SaveSnapshot, effects), commands(effects)[-1]) == ([], [], "update_session_state")
    world.context["work"] = "newer"
    effects = linked_again(world, copy)  # the push did not arrive
    assert (codes(effects), only(SaveSnapshot, effects), dict(world.context)) == ([], [], {"work": "newer"})


def test_what_was_pushed_before_the_last_change_of_an_earlier_run_is_no_other_copy() -> None:
    world = pausing(at("connected"))
    copy = world.context.sections()
    world.answer()
    world.context["work"] = "changed in the last moment"
    (save,) = only(Save, world.tell(inputs.Stop()))
    assert save.sections is not None
    body = encode_context(StoredContext(save.sections))
    world = World()
    world.start()
    world.loaded(Claimed(session_id="a", record=save.record, sections=decode_context(body).sections, fresh=False))
    world.opened()
    effects = world.shake_hands("one", copy)
    assert (codes(effects), only(SaveSnapshot, effects), commands(effects)[-1]) == ([], [], "update_session_state")
    assert dict(world.context) == {"work": "changed in the last moment"}


def test_work_of_another_machine_is_told_of_although_ours_was_pushed_before_it() -> None:
    world = pausing(at("connected"))
    world.answer()
    world.context["work"] = "newer"
    theirs = section("of another machine", 1)
    effects = linked_again(world, {"work": theirs})
    assert (codes(effects), only(SaveSnapshot, effects)) == (
        ["context_differed"],
        [SaveSnapshot("a", {"work": theirs})],
    )
    assert dict(world.context) == {"work": "newer"}


def test_a_snapshot_that_cannot_be_written_costs_a_warning() -> None:
    world, _ = merging({"a": 1}, {"a": 2})
    effects = world.tell(inputs.SnapshotFailed(DISK_FULL))
    assert (codes(effects), triggers(effects)) == (["store_failed"], [])


def test_without_a_claimed_session_only_gaps_are_filled() -> None:
    world = World()
    world.start(HERE)
    world.load_failed()
    world.link("one")
    world.context["work"] = "mine"
    world.lost()
    world.wait_for_deadline()
    world.opened()
    assert world.core.session.id is None
    effects = world.shake_hands("one", {"work": section("theirs", 9), "other": section("theirs", 9)})
    assert dict(world.context) == {"work": "mine", "other": "theirs"}
    assert (only(SaveSnapshot, effects), "context_differed" in codes(effects)) == ([], False)
    assert world.core.status(world.now).backend_verdict is BackendVerdict.RESUMED


def test_what_is_read_from_the_disk_after_the_link_is_up_reaches_the_image_too() -> None:
    world = World()
    world.start(HERE)
    world.wait(2.0)
    world.link("one")
    assert world.state is State.CONNECTED
    world.loaded(stored(sections={"work": section("stored")}, endpoint=str(HERE), image_id="one"))
    assert dict(world.context) == {"work": "stored"}
    world.wait(1.0)
    assert pushed(world) == {"session": "made", "work": "stored"}
