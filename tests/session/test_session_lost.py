"""Another process owns the session by now: what is in memory goes on in a new one."""

from __future__ import annotations

import pytest

from stui_supervisor.config import SESSION_OLD_S
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Load, Release, Save, SaveEnded, SaveSnapshot
from stui_supervisor.events import Problem, SessionSwitched
from stui_supervisor.machine.states import Trigger
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.session.records import SessionLost
from tests.support.core.pushes import wait_quietly
from tests.support.core.two_images import TWO, linked, meet, work_of
from tests.support.core.world import DISK_FULL, HERE, THERE, World, only, saved, section, stored, told, triggers

GONE = SessionLost("another process owns the session now", hint="it goes on in another")
NEW = stored("new", image_id="one")


def lost(effect: Save) -> inputs.SaveFailed:
    return inputs.SaveFailed(effect.session_id, GONE)


def changed() -> tuple[World, Save]:
    """Linked to image one, and the write of a change is under way; somebody waits for it."""
    world = linked()
    world.disk_works = False
    world.context["work"] = "changed"
    (write,) = only(Save, world.tell(inputs.SaveContext(1)))
    return world, write


def held(save: Save) -> dict[str, bytes | None]:
    return {name: part.value for name, part in (save.sections or {}).items()}


def test_who_waits_is_told_and_a_new_session_is_asked_for_at_once() -> None:
    world, write = changed()
    effects = world.tell(lost(write))
    assert only(SaveEnded, effects) == [SaveEnded(1, GONE)]
    assert only(Release, effects) == [Release("a")]
    assert only(Load, effects) == [Load(2, "default", identity_of("one"), is_new=True)]
    assert [problem.message for problem in told(Problem, effects)] == [GONE.message]


def test_the_new_session_gets_all_of_the_work_and_nothing_of_the_backends_session() -> None:
    world, write = changed()
    world.tell(lost(write))
    effects = world.loaded(NEW)
    (first,) = only(Save, effects)
    assert (first.session_id, held(first)) == ("new", {"work": b'"changed"'})
    assert (first.record.endpoint, first.record.image_id) == (write.record.endpoint, "one")
    assert first.record.backend_session is None
    assert first.record.client_id not in (None, write.record.client_id)
    assert work_of(world) == "changed"
    (event,) = told(SessionSwitched, effects)
    assert (event.session_id, event.image_id) == ("new", "one")
    world.tell(saved(first))
    assert (world.core.session.id, world.core.session.saver.is_clean) == ("new", True)
    assert world.core.status(world.now).store_ok is True


def test_the_image_is_asked_for_a_session_of_its_own_as_two_must_not_share_one() -> None:
    world, write = changed()
    world.tell(lost(write))
    world.wait(0.0)
    assert world.asked().command == "ping"
    world.answer({"image_id": "one"})
    assert (world.asked().command, world.asked().parameters) == (
        "create_session",
        {"client_id": world.record.client_id},
    )
    world.answer({"session_id": "another"})
    assert world.record.backend_session == "another"
    assert world.asked().parameters["session_id"] == "another"


def test_work_that_was_only_read_goes_to_the_new_session_as_well() -> None:
    world = linked()
    world.disk_works = False
    world.tell(inputs.Disconnect())
    world.tell(lost(world.unanswered[-1]))
    (first,) = only(Save, world.loaded(NEW))
    assert (held(first), first.record.wanted) == ({"work": b'"one"'}, False)


def test_a_new_session_that_cannot_be_made_is_asked_for_again_and_no_other_will_do() -> None:
    world, write = changed()
    world.tell(lost(write))
    world.load_failed()
    effects = world.wait(5.0)
    assert only(Load, effects) == [Load(3, "default", identity_of("one"), is_new=True)]
    assert work_of(world) == "changed"


def test_who_waits_for_a_later_change_is_answered_by_the_new_session() -> None:
    world, write = changed()
    world.context["work"] = "changed again"
    world.tell(inputs.SaveContext(2))
    assert only(SaveEnded, world.tell(lost(write))) == [SaveEnded(1, GONE)]
    (first,) = only(Save, world.loaded(NEW))
    assert held(first) == {"work": b'"changed again"'}
    assert only(SaveEnded, world.tell(saved(first))) == [SaveEnded(2)]


def test_a_program_that_ends_with_unsaved_work_makes_the_new_session_before_it_is_gone() -> None:
    world = linked()
    world.disk_works = False
    world.context["work"] = "last words"
    world.tell(inputs.Stop())
    world.tell(inputs.Stop())  # does not wait for the image
    effects = [effect for save in list(world.unanswered) for effect in world.tell(lost(save))]
    assert only(Load, effects) == [Load(2, "default", identity_of("one"), is_new=True)]
    effects = world.loaded(NEW)
    (written,) = only(Save, effects)
    assert (written.session_id, held(written)) == ("new", {"work": b'"last words"'})
    assert only(Release, effects) == [Release("new")]


def test_a_program_that_ends_with_nothing_unsaved_makes_no_new_session() -> None:
    world = linked()
    world.disk_works = False
    world.tell(inputs.Stop())
    effects = [effect for save in list(world.unanswered) for effect in world.tell(lost(save))]
    assert only(Load, effects) == []


def test_the_session_of_an_image_that_is_away_goes_to_a_new_one_of_that_image() -> None:
    world = linked()
    meet(world, "two")
    world.context["work"] = "one, changed"
    world.disk_works = False
    (write,) = only(Save, world.loaded(TWO))
    effects = world.tell(lost(write))
    assert only(Load, effects) == [Load(3, "default", identity_of("one"), is_new=True)]
    (first,) = [save for save in only(Save, world.loaded(NEW)) if save.session_id == "new"]
    assert held(first) == {"work": b'"one, changed"'}
    assert work_of(world) == "two"
    assert only(Release, world.tell(saved(first))) == [Release("new")]


def test_a_switch_to_another_image_meanwhile_does_not_get_the_new_session() -> None:
    world, write = changed()
    world.tell(lost(write))
    meet(world, "two")
    effects = world.loaded(NEW)
    assert effects == [Release("new"), Load(3, "default", identity_of("two"))]
    effects = world.loaded(TWO)
    assert work_of(world) == "two"
    assert only(Load, effects) == [Load(4, "default", identity_of("one"), is_new=True)]


@pytest.mark.parametrize("first", ["snapshot", "save"])
def test_a_copy_that_gave_way_is_kept_in_the_new_session(first: str) -> None:
    world, write = changed()
    copy = {"work": section("the other copy")}
    answers: list[inputs.Input] = [inputs.SnapshotFailed(GONE, "a", copy), lost(write)]
    effects = [
        effect for answer in (answers if first == "snapshot" else answers[::-1]) for effect in world.tell(answer)
    ]
    assert len(only(Load, effects)) == 1
    assert only(SaveSnapshot, world.loaded(NEW)) == [SaveSnapshot("new", copy)]


def test_a_copy_that_only_failed_is_told_and_asked_for_no_more() -> None:
    world = linked()
    effects = world.tell(inputs.SnapshotFailed(DISK_FULL, "a", {"work": section("copy")}))
    assert only(Load, effects) == []
    assert [problem.code for problem in told(Problem, effects)] == ["store_failed"]


def test_a_new_run_goes_on_in_whatever_session_is_the_newest() -> None:
    world, write = changed()
    world.tell(lost(write))
    world.load_failed()
    for _ in range(2):
        world.tell(inputs.Stop())
    (load,) = only(Load, world.start())
    assert load.is_new is False


def test_what_the_image_says_of_a_session_that_was_given_up_meanwhile_is_not_taken() -> None:
    world = linked()
    wait_quietly(world, SESSION_OLD_S)
    world.disk_works = False
    world.context["work"] = "changed"
    (write,) = only(Save, world.tell(inputs.SaveContext(1)))
    assert wait_quietly(world, 1.0) == ["restore_session"]
    world.tell(lost(write))
    world.answer({"session_state": {"work": "theirs", "more": "theirs"}})
    assert dict(world.context) == {"work": "changed"}


def again() -> World:
    """Linked once, ended with everything on the disk, and started again."""
    world = linked()
    world.tell(inputs.Stop())
    world.start()
    return world


def test_who_starts_again_and_finds_the_session_taken_leaves_its_copy_in_the_image_to_the_other_process() -> None:
    world = again()
    before = world.record
    world.loaded(stored("b", image_id="one", client_id="client of b", backend_session="b's"))
    assert (world.record.backend_session, world.record.client_id) == ("b's", "client of b")
    world.opened()
    world.answer({"image_id": "one"})
    assert world.asked().parameters == {"session_id": "b's", "client_id": "client of b"}
    assert work_of(world) == "one"
    assert before.backend_session not in (None, "b's")


def test_so_does_who_had_linked_before_it_was_found_taken() -> None:
    world = again()
    before = world.record
    world.wait(2.0)
    world.link("one")
    assert world.record.backend_session == before.backend_session
    world.loaded(stored("b", image_id="one", backend_session="b's"))
    world.wait(0.0)
    assert world.asked().command == "ping"
    world.answer({"image_id": "one"})
    (client,) = world.asked().parameters.values()
    assert (world.asked().command, client) == ("create_session", world.record.client_id)
    assert client not in (None, before.client_id)


def test_who_starts_again_goes_on_with_what_another_process_has_learnt_since() -> None:
    world = again()
    world.loaded(stored("a", image_id="one", endpoint=str(THERE), backend_session="newer", client_id="c1"))
    assert (world.record.endpoint, world.record.backend_session) == (str(THERE), "newer")


def test_who_starts_again_stays_disconnected_where_another_process_was_told_so() -> None:
    world = again()
    effects = world.loaded(stored("a", image_id="one", endpoint=str(HERE), wanted=False))
    assert triggers(effects) == [Trigger.LEFT_DISCONNECTED]


def test_what_no_disk_had_taken_before_the_new_start_still_counts() -> None:
    world = linked(disk_works=False)
    before = world.record
    world.tell(inputs.Stop())
    world.start()
    world.loaded(stored("a", image_id="one", endpoint=str(THERE), backend_session="older", wanted=False))
    assert (world.record.endpoint, world.record.backend_session) == (before.endpoint, before.backend_session)
    assert world.record.wanted


def test_a_change_between_the_runs_says_nothing_of_the_wish_to_be_linked() -> None:
    world = linked()
    world.tell(inputs.Stop())
    world.context["between"] = "the runs"
    world.start()
    effects = world.loaded(stored("a", image_id="one", endpoint=str(HERE), wanted=False))
    assert triggers(effects) == [Trigger.LEFT_DISCONNECTED]


def test_two_works_are_not_made_one_where_another_process_has_the_session_of_the_run_before() -> None:
    world = again()
    effects = world.loaded(stored("b", {"work": section("b's"), "more": section("b's")}, image_id="one"))
    assert only(Release, effects) == [Release("b")]
    (load,) = only(Load, effects)
    assert (load.is_new, load.image) == (True, identity_of("one"))
    world.loaded(NEW)
    assert (dict(world.context), world.core.session.id) == ({"work": "one"}, "new")


def test_the_session_that_a_person_has_chosen_is_gone_on_with_as_it_is() -> None:
    world = again()
    world.context["since"] = "the start"
    world.loaded(stored("b", {"more": section("b's")}, image_id="two")._replace(is_chosen=True))
    assert dict(world.context) == {"more": "b's", "since": "the start"}
    assert (world.core.session.id, world.record.image_id) == ("b", "two")
