"""The image's copy of the context and ours, where they differ."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from stui_supervisor.adapters.sessions.codec import StoredContext, decode_context, encode_context
from stui_supervisor.config import CONTEXT_MAX_DEPTH, COPY_MAX_BYTES, SECTION_NAME_MAX_LENGTH, SECTIONS_MAX, Settings
from stui_supervisor.context.context import METADATA_KEY, Section
from stui_supervisor.context.deletions import FORGOTTEN
from stui_supervisor.context.image_copy import encode_state_data
from stui_supervisor.context.section import checksum
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Effect, Save, SaveSnapshot
from stui_supervisor.events import Problem
from stui_supervisor.machine.states import BackendVerdict, State
from stui_supervisor.session.held_session import HeldSession
from stui_supervisor.session.records import ClaimedSession, SessionRecord
from stui_supervisor.session.save_schedule import SaveSchedule
from tests.support.core.places import at
from tests.support.core.pushes import codes, commands, pausing, pushed
from tests.support.core.sections import nested
from tests.support.core.world import DISK_FULL, HERE, World, only, section, stored, told, triggers


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
    world.loaded(
        ClaimedSession(session_id="a", record=save.record, sections=decode_context(body).sections, fresh=False)
    )
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


def resuming(sections: Mapping[str, Section], state: object) -> tuple[World, list[Effect]]:
    """A start with these stored sections, linked to an image that kept the session with this state."""
    world = World()
    world.start()
    world.loaded(stored(sections=sections, endpoint=str(HERE), image_id="one", backend_session="s1"))
    world.opened()
    world.answer({"image_id": "one"})
    return world, world.answer({"session_state": state})


def test_what_comes_back_after_so_many_deletions_that_some_are_forgotten_is_told() -> None:
    copy = {"old": section("old", 3), "new": section("new", 6)}
    world, effects = resuming({FORGOTTEN: Section(None, 5, "")}, json.loads(encode_state_data(copy)))
    assert dict(world.context) == {"old": "old", "new": "new"}
    (problem,) = told(Problem, effects)
    assert (problem.code, problem.message) == (
        "deletions_forgotten",
        "these came from the image, and may have been deleted here: old",
    )


@pytest.mark.parametrize(("known", "expected"), [((), ["context_differed"]), ((checksum(b'"a"'),), [])])
def test_what_remains_under_a_deletion_of_an_earlier_version_is_told_unless_it_is_our_own_past(
    known: tuple[int, ...], expected: list[str]
) -> None:
    tags = {"work": {"counter": 2, "writer": "earlier", "deleted": True}}
    world, effects = resuming(
        {"work": Section(None, 2, "earlier", known=known)}, {"work": "a", METADATA_KEY: {"sections": tags}}
    )
    assert (dict(world.context), codes(effects)) == ({}, expected)
    kept = [effect.sections for effect in only(SaveSnapshot, effects)]
    assert kept == ([{"work": Section(b'"a"', 2, "earlier")}] if expected else [])


def test_what_no_context_takes_is_kept_and_told_once_while_it_stays_in_the_image() -> None:
    world = at("connected")
    state: dict[str, object] = {"deep": nested(CONTEXT_MAX_DEPTH + 1)}
    said: list[str] = []
    kept = 0
    for _ in range(3):
        world.lost()
        world.wait_for_deadline()
        world.opened()
        world.answer({"image_id": "one"})
        effects = world.answer({"session_state": state})
        said += codes(effects)
        kept += len(only(SaveSnapshot, effects))
    assert (said, kept) == (["context_differed"], 1)


@pytest.mark.parametrize(
    "theirs",
    [
        {"": "theirs"},
        {"x" * (SECTION_NAME_MAX_LENGTH + 1): "theirs"},
        {METADATA_KEY: "theirs"},
        {f"{METADATA_KEY}:x": "theirs"},
        "theirs",
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_another_client_wrote_under_a_name_that_no_section_has_is_kept_and_told_before_a_push_takes_its_place(
    theirs: object,
) -> None:
    world, effects = resuming({"work": section("ours", 3)}, theirs)
    (kept,) = only(SaveSnapshot, effects)
    on_the_disk = decode_context(encode_context(StoredContext(kept.sections))).sections
    assert [json.loads(part.value or b"") for part in on_the_disk.values()] in ([theirs], ["theirs"])
    assert (codes(effects), pushed(world)) == (["context_differed"], {"session": "s1", "work": "ours"})


def test_of_two_copies_that_lose_against_one_deletion_both_are_kept() -> None:
    deleted = {METADATA_KEY: {"sections": {"work": {"counter": 9, "writer": "another of mine", "deleted": True}}}}
    world, effects = resuming({"work": section("ours", 3)}, {**deleted, "work": "theirs"})
    kept = [json.loads(copy.sections["work"].value or b"") for copy in only(SaveSnapshot, effects)]
    assert (kept, codes(effects), dict(world.context)) == (["theirs", "ours"], ["context_differed"], {})


def without_a_disk() -> World:
    """Linked, with work of our own, and a link that was lost and has opened again."""
    world = World()
    world.start(HERE)
    world.load_failed()
    world.link("one")
    world.context["work"] = "mine"
    world.lost()
    world.wait_for_deadline()
    world.opened()
    assert world.core.session.id is None
    return world


THEIRS = {"work": section("theirs", 9), "other": section("theirs", 9)}


def test_without_a_claimed_session_what_was_changed_here_stays_and_the_images_copy_is_told_and_waits_for_a_disk() -> (
    None
):
    world = without_a_disk()
    effects = world.shake_hands("one", THEIRS)
    assert dict(world.context) == {"work": "mine", "other": "theirs"}
    assert only(SaveSnapshot, effects) == []
    (problem,) = told(Problem, effects)
    assert (problem.code, problem.message, problem.hint) == (
        "context_differed",
        "the image had another copy of: work",
        "the newer copy is in use, as far as that can be known; the other one is kept in memory until a disk takes it",
    )
    assert world.core.status(world.now).backend_verdict is BackendVerdict.RESUMED
    world.wait(world.settings.save_retry_s)
    effects = world.loaded(stored(endpoint=str(HERE), image_id="one"))
    assert only(SaveSnapshot, effects) == [SaveSnapshot("a", {"work": section("theirs", 9)})]


def test_a_copy_that_waits_for_a_disk_is_not_offered_twice_unless_the_disk_failed() -> None:
    world = without_a_disk()
    world.shake_hands("one", THEIRS)
    world.wait(world.settings.save_retry_s)
    kept = SaveSnapshot("a", {"work": section("theirs", 9)})
    assert only(SaveSnapshot, world.loaded(stored(endpoint=str(HERE), image_id="one"))) == [kept]
    world.context["work"] = "newer"
    assert only(SaveSnapshot, world.wait(1.0)) == []
    failed = inputs.SnapshotFailed(DISK_FULL, kept.session_id, kept.sections)
    assert codes(world.tell(failed)) == ["store_failed"]
    world.context["work"] = "newest"
    assert only(SaveSnapshot, world.wait(1.0)) == [kept]
    assert codes(world.tell(failed)) == []
    assert only(SaveSnapshot, world.tell(inputs.Stop())) == [kept]


def test_copies_that_wait_for_a_disk_are_bounded_and_the_latest_stay() -> None:
    holding = HeldSession(SessionRecord(profile="default"), SaveSchedule(Settings()))
    for counter in range(1, 13):
        assert holding.keep({"x": Section(b"1" * 1_000_000, counter, "w")}) == []
    assert [copy["x"].counter for copy in holding.unkept] == list(range(4, 13))


def test_a_stored_copy_that_loses_against_what_was_set_before_it_was_read_is_kept_and_told() -> None:
    world = World()
    world.start(HERE)
    for name in ("set", "same", "set and deleted"):
        world.context[name] = name
    del world.context["set and deleted"]
    there = {
        name: section(name if name == "same" else "stored", 5) for name in [*world.context, "set and deleted", "b"]
    }
    effects = world.loaded(stored(sections=there, endpoint=str(HERE)))
    assert dict(world.context) == {"set": "set", "same": "same", "b": "stored"}
    lost = {name: there[name] for name in ("set", "set and deleted")}
    assert only(SaveSnapshot, effects) == [SaveSnapshot("a", lost)]
    (problem,) = told(Problem, effects)
    assert (problem.code, problem.message) == (
        "context_differed",
        "the stored session had another copy of: set, set and deleted",
    )


def test_a_stored_copy_that_is_read_late_wins_over_an_older_one_of_the_image_which_is_kept_and_told() -> None:
    world = World()
    world.start(HERE)
    world.wait(2.0)
    world.opened()
    world.answer({"image_id": "one"})
    world.answer({"session_id": "made"})
    world.context["mine"] = "typed"
    old = {"work": section("of the image", 3), "only there": section("of the image", 1)}
    world.lost()
    world.wait_for_deadline()
    world.opened()
    world.shake_hands("one", old)
    there = {"work": section("stored", 5), "mine": section("stored", 9)}
    effects = world.loaded(stored(sections=there, endpoint=str(HERE), image_id="one"))
    assert dict(world.context) == {"work": "stored", "mine": "typed", "only there": "of the image"}
    assert only(SaveSnapshot, effects) == [SaveSnapshot("a", {"work": old["work"], "mine": there["mine"]})]
    assert codes(effects) == ["context_differed"]


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
