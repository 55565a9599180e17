from __future__ import annotations

from dataclasses import replace
from math import inf

from stui_supervisor.adapters.sessions.codec import encode_record
from stui_supervisor.config import RECORD_MAX_BYTES, Settings
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import CloseLink, Load, OpenLink, Release, Save
from stui_supervisor.events import ContextSaved, Problem
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.problems import ProblemCode
from stui_supervisor.session.records import Notice
from tests.support.core.places import at
from tests.support.core.two_images import ONE, linked
from tests.support.core.world import (
    HERE,
    THERE,
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

# What a start takes over


def test_what_was_stored_is_there_once_restoring_ends() -> None:
    world = World()
    assert only(Load, world.start()) == [Load(1, "default", None)]
    world.loaded(ONE)
    assert dict(world.context) == {"work": "one"}
    assert (world.core.session.id, world.record.client_id) == ("a", "c1")


def test_a_section_set_before_restoring_ends_wins_over_the_stored_one() -> None:
    world = World()
    world.start()
    world.context["work"] = "mine"
    effects = world.loaded(stored("a", {"work": section("stored", 7), "other": section("kept")}, endpoint=str(HERE)))
    assert dict(world.context) == {"work": "mine", "other": "kept"}
    assert saves(effects)[0] == ("a", {"work": b'"mine"', "other": b'"kept"'})


def test_a_section_set_before_the_start_is_saved_with_the_first_write() -> None:
    world = World()
    world.context["work"] = "mine"
    world.start()
    assert saves(world.loaded())[0] == ("a", {"work": b'"mine"'})


def test_a_load_after_the_limit_is_adopted_but_not_obeyed() -> None:
    world = World()
    world.start()
    effects = world.wait(2.0)
    assert triggers(effects) == [Trigger.NOTHING_TO_RESTORE]
    assert [problem.code for problem in told(Problem, effects)] == ["store_slow"]
    assert triggers(world.loaded(ONE)) == []
    assert (world.state, dict(world.context), world.core.session.id) == (State.DISCONNECTED, {"work": "one"}, "a")


def test_a_late_load_does_not_end_the_link_that_was_made_without_it() -> None:
    world = World()
    world.start(HERE)
    world.wait(2.0)
    world.link("one")
    effects = world.loaded(ONE)
    assert triggers(effects) == []
    assert (world.state, dict(world.context)) == (State.CONNECTED, {"work": "one"})
    assert [session for session, _ in saves(effects)] == ["a"]


def test_a_late_load_of_another_images_work_does_not_come_into_the_context_of_this_one() -> None:
    world = World()
    world.start(HERE)
    world.wait(2.0)
    world.link("two")
    effects = [*world.loaded(ONE), *world.wait(1.0)]
    assert dict(world.context) == {}
    assert [effect.record.image_id for effect in only(Save, effects) if effect.session_id == "a"] in ([], ["one"])


def test_a_late_load_during_a_handshake_begins_it_again_with_what_is_known_now() -> None:
    world = World()
    world.start(HERE)
    world.wait(2.0)
    world.opened()
    old = world.core.link
    effects = world.loaded(ONE)
    assert [effect for effect in effects if isinstance(effect, CloseLink | OpenLink)] == [
        CloseLink(old),
        OpenLink(old + 1, HERE, 1.0),
    ]
    world.opened()
    assert only(Load, world.answer({"image_id": "two"})) == [Load(2, "default", identity_of("two"))]


def test_only_the_latest_load_counts_and_an_earlier_ones_session_is_given_back() -> None:
    world = World()
    world.start(HERE)
    world.load_failed()
    world.wait(5.0)
    before = world.snapshot()
    effects = world.tell(inputs.Loaded(1, ONE))
    assert effects == [Release("a")]
    assert world.snapshot() == before


def test_a_load_that_fails_is_repeated_with_one_warning() -> None:
    world = World()
    world.start(HERE)
    effects = world.load_failed()
    assert world.state is State.CONNECTING
    assert world.core.status(world.now).store_ok is False
    world.link("one")
    for _ in range(3):
        effects += world.load_failed()
        effects += world.wait(5.0)
        assert world.core.session.loading
    assert [problem.code for problem in told(Problem, effects)] == ["store_failed"]
    world.loaded(ONE)
    assert (world.core.status(world.now).store_ok, world.core.session.id) == (True, "a")


def test_a_session_claimed_for_a_program_that_ended_meanwhile_is_written_and_given_back() -> None:
    world = World()
    world.start(HERE)
    world.context["work"] = "mine"
    assert only(Release, world.tell(inputs.Stop())) == []
    effects = world.loaded(stored("a"))
    assert (saves(effects), released(effects)) == ([("a", {"work": b'"mine"'})], ["a"])


def test_a_program_that_starts_again_does_not_wait_for_a_claim_of_the_run_before() -> None:
    world = World()
    world.start(HERE)
    world.tell(inputs.Stop())
    assert only(Load, world.start(HERE)) == [Load(2, "default", None)]
    assert world.tell(inputs.Loaded(1, ONE)) == [Release("a")]


def test_a_disk_that_gives_a_session_after_all_is_well_again() -> None:
    world = World(disk_works=False)
    world.start(HERE)
    world.load_failed()
    world.loaded(ONE)
    assert world.core.status(world.now).store_ok is True


def test_a_run_is_not_held_up_by_a_write_of_the_run_before_that_was_never_answered() -> None:
    world = linked(disk_works=False)
    world.tell(inputs.Stop())
    world.start(HERE)
    assert saves(world.loaded(ONE)) == [("a", None)]


def test_before_the_start_there_is_nothing_to_do() -> None:
    world = World()
    world.context["work"] = "mine"
    assert (world.tell(inputs.ContextChanged()), world.core.next_deadline()) == ([], inf)


def test_what_the_store_has_to_say_is_told() -> None:
    world = World()
    world.start()
    notice = Notice(code=ProblemCode.DAMAGED_FILE, message="a file was damaged", hint="look at the quarantine")
    (problem,) = told(Problem, world.tell(inputs.Loaded(1, ONE._replace(notices=(notice,)))))
    assert problem == Problem(at=world.now.utc, code=ProblemCode.DAMAGED_FILE, message=notice.message, hint=notice.hint)


# Saving


def test_every_transition_is_written_at_once_with_the_state_it_led_to() -> None:
    world = World()
    world.start()
    effects = [*world.loaded(ONE), *world.link("one"), *world.lost()]
    states = [effect.record.status["state"] for effect in only(Save, effects)]
    assert states == ["connecting", "connected", "recovering"]


def test_a_change_is_written_a_quarter_of_a_second_later_with_those_that_follow_it() -> None:
    world = linked()
    world.context["work"] = "new"
    assert world.core.next_deadline() == world.now.monotonic_s + 0.25
    assert saves(world.wait(0.2)) == []
    world.context["more"] = 1
    effects = world.wait(0.05)
    assert saves(effects) == [("a", {"work": b'"new"', "more": b"1"})]
    assert told(ContextSaved, effects) == [ContextSaved(at=world.now.utc, bytes=6)]
    assert world.core.status(world.now).context_saved_at == world.now.utc


def test_a_transition_takes_the_changes_before_it_along() -> None:
    world = linked()
    world.context["work"] = "new"
    assert saves(world.lost()) == [("a", {"work": b'"new"'})]


def test_a_context_that_is_on_disk_is_not_written_again() -> None:
    world = linked()
    assert saves(world.lost()) == [("a", None)]


def test_a_wish_to_save_writes_at_once() -> None:
    world = linked()
    world.context["work"] = "new"
    assert saves(world.tell(inputs.SaveContext())) == [("a", {"work": b'"new"'})]


def test_one_write_is_under_way_at_a_time_and_what_changed_meanwhile_follows() -> None:
    world = linked(disk_works=False)
    world.context["work"] = "new"
    assert saves(world.wait(1.0)) == []
    effects = world.tell(inputs.Saved("a", None))
    assert saves(effects) == [("a", {"work": b'"new"'})]


def test_a_failed_write_is_repeated_whole_with_one_warning_and_its_end_is_seen() -> None:
    world = linked()
    world.disk_works = False
    world.context["work"] = "new"
    effects = world.wait(0.25)
    for _ in range(3):
        effects += world.tell(save_failed(only(Save, effects)[-1]))
        assert world.core.status(world.now).store_ok is False
        effects += world.wait(5.0)
    assert saves(effects) == [("a", {"work": b'"new"'})] * 4
    assert [problem.code for problem in told(Problem, effects)] == ["store_failed"]
    world.tell(saved(only(Save, effects)[-1]))
    assert world.core.status(world.now).store_ok is True
    assert world.core.status(world.now).context_saved_at == world.now.utc


def test_a_disk_that_fails_again_is_told_again() -> None:
    world = linked()
    world.disk_works = False
    effects = []
    for text in ("new", "newer"):
        world.context["work"] = text
        writing = world.wait(0.25)
        effects += world.tell(save_failed(only(Save, writing)[-1]))
        writing = world.wait(5.0)
        effects += world.tell(saved(only(Save, writing)[-1]))
    assert [problem.code for problem in told(Problem, effects)] == ["store_failed"] * 2


def test_the_end_of_the_program_writes_what_changed_and_gives_the_session_back() -> None:
    world = linked()
    world.context["work"] = "new"
    effects = [*world.tell(inputs.Stop()), *world.answer()]
    assert saves(effects) == [("a", {"work": b'"new"'}), ("a", None)]
    assert released(effects) == ["a"]
    assert only(Save, effects)[-1].record.status["state"] == "disconnected"


def test_what_the_end_of_the_program_wrote_is_told_too() -> None:
    world = linked(disk_works=False)
    world.tell(inputs.Saved("a", None))
    world.context["work"] = "new"
    (write,) = only(Save, [*world.tell(inputs.Stop()), *world.answer()])
    assert told(ContextSaved, world.tell(saved(write))) == [ContextSaved(at=world.now.utc, bytes=5)]
    assert world.core.status(world.now).context_saved_at == world.now.utc


def test_a_stop_is_not_remembered_and_a_disconnect_is() -> None:
    stopped, disconnected = linked(), linked()
    assert only(Save, stopped.tell(inputs.Stop()))[-1].record.wanted is True
    assert only(Save, disconnected.tell(inputs.Disconnect()))[-1].record.wanted is False


def test_a_disconnect_while_disconnected_is_remembered_too() -> None:
    world = at("nothing restored")
    (save,) = only(Save, world.tell(inputs.Disconnect()))
    assert save.record.wanted is False


def test_a_disconnect_while_restoring_is_remembered_when_the_session_is_there() -> None:
    world = World()
    world.start()
    world.tell(inputs.Disconnect())
    effects = world.loaded(ONE)
    assert only(Save, effects)[-1].record.wanted is False
    assert (world.state, dict(world.context)) == (State.DISCONNECTED, {"work": "one"})


def test_without_a_session_nothing_is_loaded_and_nothing_is_written() -> None:
    world = World(Settings(keeps_session=False))
    effects = [*world.start(HERE), *world.link("one")]
    world.context["work"] = "mine"
    effects += [*world.wait(60.0), *world.tell(inputs.Stop())]
    assert [*only(Load, effects), *only(Save, effects), *only(Release, effects)] == []
    assert world.core.next_deadline() == inf


# The last-known-good endpoint


def test_the_last_known_good_endpoint_changes_only_when_a_link_is_established() -> None:
    world = linked()
    world.tell(inputs.Connect(THERE))
    world.opened()
    assert (world.record.endpoint, world.core.status(world.now).endpoint) == (str(HERE), str(THERE))
    world.shake_hands("one")
    assert world.record.endpoint == str(THERE)


def test_an_endpoint_that_never_answers_does_not_replace_the_good_one() -> None:
    world = linked()
    effects = world.tell(inputs.Connect(THERE))
    for _ in range(5):
        effects += world.lost()
        effects += world.wait_for_deadline()
    effects += world.tell(inputs.Stop())
    assert {effect.record.endpoint for effect in only(Save, effects)} == {str(HERE)}


def test_what_the_handshake_learnt_is_remembered() -> None:
    world = World()
    world.start(HERE)
    world.loaded(stored("a"))
    world.link("one")
    record = world.record
    assert (record.endpoint, record.image_id, record.backend_session) == (str(HERE), "one", "made")
    assert (record.dialect, record.wanted) == ("command", True)


def test_no_names_that_a_backend_gives_make_the_record_larger_than_its_page() -> None:
    world = World()
    world.start(HERE)
    world.loaded(stored("a"))
    world.opened()
    world.answer({"image_id": "\N{GRINNING FACE}" * 200})
    world.answer({"session_id": "\N{GRINNING FACE}" * 200})
    world.shake_hands()
    assert len(encode_record(replace(world.record, status={}))) < RECORD_MAX_BYTES - 512  # and its header


def test_two_clients_of_one_seed_share_a_client_id_and_others_do_not() -> None:
    names = []
    for seed in (1, 1, 2):
        world = World(seed=seed)
        world.start(HERE)
        world.loaded(stored("a"))
        world.opened()
        names.append(world.record.client_id)
    assert names[0] == names[1] != names[2]
