"""The image's copy of the context on an established link."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from stui_supervisor import inputs
from stui_supervisor.adapters.session_bodies import StoredContext, decode_context, encode_context
from stui_supervisor.config import COPY_MAX_BYTES, SECTIONS_MAX, Settings
from stui_supervisor.context import Section
from stui_supervisor.effects import Effect, Save, SaveSnapshot, Send
from stui_supervisor.events import Problem, SessionSwitched
from stui_supervisor.record import Claimed
from stui_supervisor.state_data import from_state_data
from stui_supervisor.states import BackendVerdict, State, Trigger
from stui_supervisor.wire.service import decode_request, encode_result
from tests.support.core_places import at
from tests.support.core_world import DISK_FULL, HERE, THERE, World, endings, only, section, stored, told, triggers


def commands(effects: list[Effect]) -> list[str]:
    """What was said on the link, in order."""
    return [decode_request(send.body).command for send in only(Send, effects)]


def codes(effects: list[Effect]) -> list[str]:
    """The problems that the user hears of, in order."""
    return [problem.code for problem in told(Problem, effects)]


def pushed(world: World) -> dict[str, object]:
    """The sections in the last message, and the session that they are for."""
    asked = world.asked()
    assert asked.command == "update_session_state"
    state = {name: value for name, value in asked.parameters["state_data"].items() if name != "stui_supervisor"}
    return {"session": asked.parameters["session_id"], **state}


def pausing(world: World) -> World:
    """The user has changed something and paused; the push is on its way."""
    world.context["work"] = "new"
    assert commands(world.wait(1.0)) == ["update_session_state"]
    return world


# When the image gets its copy


def test_the_image_gets_a_changed_context_once_the_user_has_paused_and_not_before() -> None:
    world = at("connected")
    world.context["work"] = "new"
    assert only(Send, world.wait(0.999)) == []
    assert commands(world.wait(0.001)) == ["update_session_state"]
    assert pushed(world) == {"session": "made", "work": "new"}
    assert from_state_data(world.asked().parameters["state_data"]) == world.context.sections()


def test_the_pause_is_a_setting() -> None:
    world = at("connected", Settings(share_delay_s=3.0))
    world.context["work"] = "new"
    assert only(Send, world.wait(2.9)) == []
    assert commands(world.wait(0.1)) == ["update_session_state"]


def test_continuous_typing_defers_the_push_and_leads_to_one() -> None:
    world = at("connected")
    effects: list[Effect] = []
    for number in range(8):
        world.context["work"] = number
        effects += world.wait(0.9)
    assert only(Send, effects) == []
    assert commands(world.wait(0.1)) == ["update_session_state"]
    assert pushed(world) == {"session": "made", "work": 7}


def test_nothing_is_pushed_when_nothing_changed() -> None:
    world = at("connected")
    assert commands(world.wait(8.0)) == []
    pausing(world)
    world.answer()
    world.context["work"] = "new"  # an equal value
    assert commands(world.wait(9.9)) == []


def test_a_deletion_is_a_change_too() -> None:
    world = pausing(at("connected"))
    world.answer()
    del world.context["work"]
    world.wait(1.0)
    assert pushed(world) == {"session": "made"}
    assert from_state_data(world.asked().parameters["state_data"]) == world.context.sections()


def test_nothing_is_pushed_to_a_backend_that_keeps_no_session() -> None:
    world = at("connecting, handshake")
    world.answer({"image_id": "one"})
    world.refuse("UnsupportedOperation")
    assert world.state is State.CONNECTED
    world.context["work"] = "new"
    assert only(Send, world.wait(9.9)) == []


def without_a_reply() -> tuple[World, Send]:
    """A handshake whose ``create_session`` was not answered for ten seconds: a ping is on its way behind it."""
    world = at("connecting, handshake")
    world.context["work"] = "new"
    world.answer({"image_id": "one"})
    create = world.last_send
    before = commands(world.wait(9.9))
    assert (before, commands(world.wait(0.1))) == ([], ["ping"])
    return world, create


def test_a_backend_that_answers_pings_and_makes_no_session_is_linked_without_one() -> None:
    world, create = without_a_reply()
    effects = world.answer({"image_id": "one"})
    assert (triggers(effects), codes(effects)) == ([Trigger.ESTABLISHED], ["no_backend_session"])
    assert only(Send, world.wait(5.0)) == []
    late = encode_result(decode_request(create.body), {"session_id": "late"}, at=world.now.utc)
    assert world.tell(inputs.Received(create.link, create.token, late)) == []


def test_a_busy_image_that_makes_the_session_before_it_answers_the_ping_is_linked_with_it() -> None:
    world, create = without_a_reply()
    ping = world.last_send
    made = encode_result(decode_request(create.body), {"session_id": "late"}, at=world.now.utc)
    world.tell(inputs.Received(create.link, create.token, made))
    assert pushed(world) == {"session": "late", "work": "new"}
    push = world.last_send
    pong = encode_result(decode_request(ping.body), {"image_id": "one"}, at=world.now.utc)
    assert world.tell(inputs.Received(ping.link, ping.token, pong)) == []
    assert world.last_send is push
    assert triggers(world.answer()) == [Trigger.ESTABLISHED]


def lost_in_the_first_push() -> World:
    """The backend has made a session; then the link ends."""
    world = at("connecting, handshake")
    world.context["work"] = "new"
    world.answer({"image_id": "one"})
    world.answer({"session_id": "first"})
    assert pushed(world) == {"session": "first", "work": "new"}
    world.lost()
    return world


def test_a_session_that_was_made_on_a_link_that_failed_is_the_one_that_the_next_attempt_restores() -> None:
    world = lost_in_the_first_push()
    world.wait_for_deadline()
    world.opened()
    world.answer({"image_id": "one"})
    assert (world.asked().command, world.asked().parameters["session_id"]) == ("restore_session", "first")
    world.answer({"session_id": "first"})
    assert pushed(world) == {"session": "first", "work": "new"}
    world.answer()
    assert (world.state, world.record.backend_session) == (State.CONNECTED, "first")


def test_a_session_that_was_made_on_a_link_that_failed_belongs_to_its_endpoint() -> None:
    world = lost_in_the_first_push()
    assert world.record.backend_session is None
    world.tell(inputs.Connect(THERE))
    world.opened()
    world.answer({"image_id": "one"})
    assert world.asked().command == "create_session"


def denied() -> World:
    """A link to a backend that has denied its session; the user has changed something since."""
    world = at("connecting, handshake")
    world.answer({"image_id": "one"})
    assert codes(world.refuse("SessionError", "5 sessions already")) == ["no_backend_session"]
    world.context["work"] = "new"
    return world


def wait_quietly(world: World, seconds: float) -> list[str]:
    """What is said on the link meanwhile, beside pings that are answered."""
    said, end = [], world.now.monotonic_s + seconds
    while world.now.monotonic_s < end:
        due = world.core.next_deadline()
        step = end - world.now.monotonic_s if due is None else min(due, end) - world.now.monotonic_s
        for command in commands(world.wait(max(step, 0.0))):
            said.append(command)
            if command == "ping":
                world.answer({"image_id": "one"})
    return [command for command in said if command != "ping"]


def test_a_session_that_was_denied_is_asked_for_again_after_a_minute_and_gets_the_work() -> None:
    world = denied()
    world.wait(3.0)
    world.submit("evaluate", code="1")
    world.answer()  # pings are due at other moments now
    assert wait_quietly(world, 56.9) == []
    assert wait_quietly(world, 0.1) == ["create_session"]
    effects = world.answer({"session_id": "s2"})
    assert (codes(effects), pushed(world)) == ([], {"session": "s2", "work": "new"})
    world.answer()
    world.context["work"] = "newer"
    world.wait(1.0)
    assert pushed(world) == {"session": "s2", "work": "newer"}
    world.refuse("SessionNotFound")
    assert codes(world.refuse("SessionError")) == ["no_backend_session"]
    assert wait_quietly(world, 60.0) == ["create_session"]


def test_a_session_that_is_denied_always_is_asked_for_ever_more_rarely_and_that_is_told_once() -> None:
    world = denied()
    said = []
    for minutes in (1, 2, 4, 8):
        said += [wait_quietly(world, 60.0 * minutes), codes(world.refuse("SessionError"))]
    assert said == [["create_session"], []] * 4
    world.lost()
    world.wait_for_deadline()
    world.opened()
    world.answer({"image_id": "one"})
    assert codes(world.refuse("SessionError")) == ["no_backend_session"]
    assert wait_quietly(world, 60.0) == ["create_session"]


def test_a_credential_that_is_refused_where_a_session_is_asked_for_again_needs_a_person() -> None:
    world = denied()
    wait_quietly(world, 60.0)
    assert triggers(world.refuse("AuthenticationFailed")) == [Trigger.REJECTED]


def test_a_session_that_was_given_late_and_takes_no_push_is_not_made_again() -> None:
    world = denied()
    wait_quietly(world, 60.0)
    world.answer({"session_id": "s2"})
    assert codes(world.refuse("SessionError", "read-only")) == ["no_backend_session"]
    assert wait_quietly(world, 3_600.0) == []


def test_a_session_that_cannot_be_made_again_now_is_made_later() -> None:
    world = pausing(at("connected"))
    world.refuse("SessionNotFound")
    assert codes(world.refuse("SessionError", "too many")) == ["no_backend_session"]
    assert wait_quietly(world, 60.0) == ["create_session"]
    world.answer({"session_id": "s2"})
    assert pushed(world) == {"session": "s2", "work": "new"}


def test_a_session_is_not_asked_for_while_a_request_is_in_flight() -> None:
    world = denied()
    world.submit("evaluate", code="1")
    assert commands(world.wait(100.0)) == []
    assert endings(world.answer()) == [(1, "replied")]
    assert world.asked().command == "create_session"


def test_a_backend_that_answers_nothing_said_of_sessions_is_asked_for_none_again() -> None:
    world, _ = without_a_reply()
    world.answer({"image_id": "one"})
    assert wait_quietly(world, 3_600.0) == []


def test_nothing_is_pushed_without_a_session_of_our_own() -> None:
    world = World(Settings(keeps_session=False))
    world.start(HERE)
    world.link("one")
    world.context["work"] = "new"
    assert (world.state, only(Send, world.wait(9.9))) == (State.CONNECTED, [])


def test_a_push_waits_for_what_is_in_flight_and_for_who_waits() -> None:
    world = at("connected, asking")
    world.context["work"] = "new"
    assert only(Send, world.wait(3.0)) == []
    effects = world.answer()
    assert (endings(effects), world.asked().parameters) == ([(1, "replied")], {"code": "2"})
    effects = world.answer()
    assert (endings(effects), pushed(world)) == ([(2, "replied")], {"session": "made", "work": "new"})


def test_a_request_waits_for_the_push_that_is_in_flight_and_goes_before_the_next() -> None:
    world = pausing(at("connected"))
    world.context["work"] = "newer"
    world.submit("evaluate", code="1")
    assert only(Send, world.wait(1.5)) == []
    world.answer()
    assert world.asked().parameters == {"code": "1"}
    world.answer()
    assert pushed(world) == {"session": "made", "work": "newer"}


def test_what_changes_during_a_push_is_pushed_after_the_next_pause() -> None:
    world = pausing(at("connected"))
    world.wait(0.5)
    world.context["work"] = "newer"
    assert only(Send, world.answer()) == []
    assert only(Send, world.wait(0.9)) == []
    world.wait(0.1)
    assert pushed(world) == {"session": "made", "work": "newer"}


def test_a_push_that_its_link_did_not_survive_is_made_up_for_by_the_next_handshake() -> None:
    world = pausing(at("connected"))
    assert triggers(world.lost()) == [Trigger.LINK_LOST]
    world.wait_for_deadline()
    effects = world.link("one")
    assert commands(effects)[-1] == "update_session_state"
    assert commands(world.wait(9.9)) == []


def test_an_unanswered_push_shows_that_the_image_is_busy() -> None:
    world = pausing(at("connected"))
    assert triggers(world.wait(5.0)) == [Trigger.HEALTH_LOST]
    assert triggers(world.answer()) == [Trigger.HEALTH_REGAINED]


# A session that is gone


def test_a_refused_push_makes_the_session_again_in_place_and_pushes() -> None:
    world = pausing(at("connected"))
    effects = world.refuse("SessionNotFound")
    assert (commands(effects), world.asked().parameters) == (["create_session"], {"client_id": world.record.client_id})
    effects += world.answer({"session_id": "again"})
    assert pushed(world) == {"session": "again", "work": "new"}
    effects += world.answer({"update_successful": True})
    assert (triggers(effects), told(Problem, effects), told(SessionSwitched, effects)) == ([], [], [])
    assert (world.state, world.record.backend_session) == (State.CONNECTED, "again")


def test_a_session_made_again_is_the_one_that_the_next_link_restores() -> None:
    world = pausing(at("connected"))
    world.refuse("SessionNotFound")
    world.answer({"session_id": "again"})
    world.answer()
    world.lost()
    world.wait_for_deadline()
    world.opened()
    world.answer({"image_id": "one"})
    assert (world.asked().command, world.asked().parameters["session_id"]) == ("restore_session", "again")


def test_a_new_session_that_does_not_take_the_push_either_is_given_up_and_said_once() -> None:
    world = pausing(at("connected"))
    effects = world.refuse("SessionNotFound")
    effects += world.answer({"session_id": "again"})
    effects += world.refuse("SessionError", "too large")
    assert commands(effects) == ["create_session", "update_session_state"]
    assert [(problem.code, problem.message) for problem in told(Problem, effects)] == [
        ("no_backend_session", "the backend did not take the session: SessionError: too large")
    ]
    world.context["work"] = "newer"
    effects = world.wait(9.9)
    assert (commands(effects), codes(effects), world.state) == ([], [], State.CONNECTED)


def test_a_session_that_cannot_be_made_again_is_said_once() -> None:
    world = pausing(at("connected"))
    world.refuse("SessionNotFound")
    effects = world.refuse("SessionError", "too many")
    world.context["work"] = "newer"
    effects += world.wait(9.9)
    assert (codes(effects), commands(effects), triggers(effects)) == (["no_backend_session"], [], [])


def test_a_push_answered_with_garbage_is_a_refused_one() -> None:
    world = pausing(at("connected"))
    assert commands(world.bring(b"[]")) == ["create_session"]


def test_a_session_is_made_again_as_often_as_the_backend_loses_it() -> None:
    world = at("connected")
    for number in range(3):
        world.context["work"] = number
        world.wait(1.0)
        assert commands(world.refuse("SessionNotFound")) == ["create_session"]
        world.answer({"session_id": f"s{number}"})
        assert pushed(world) == {"session": f"s{number}", "work": number}
        assert codes(world.answer()) == []


def test_after_a_refused_push_a_later_link_tries_again() -> None:
    world = pausing(at("connected"))
    world.refuse("SessionNotFound")
    world.refuse("SessionError", "too many")
    world.lost()
    world.wait_for_deadline()
    world.opened()
    world.answer({"image_id": "one"})
    world.refuse("SessionNotFound")
    world.answer({"image_id": "one"})
    world.answer({"session_id": "s2"})
    assert pushed(world) == {"session": "s2", "work": "new"}
    assert triggers(world.answer()) == [Trigger.ESTABLISHED]
    world.context["work"] = "newer"
    world.wait(1.0)
    assert pushed(world) == {"session": "s2", "work": "newer"}


def test_requests_go_on_while_no_session_is_kept() -> None:
    world = pausing(at("connected"))
    world.submit("evaluate", code="1")
    world.refuse("SessionNotFound")
    world.refuse("SessionError")
    assert endings(world.answer()) == [(1, "replied")]


# Copies that differ


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
