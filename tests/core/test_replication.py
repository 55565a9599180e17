"""The image's copy of the context on an established link."""

from __future__ import annotations

import pytest

from stui_supervisor.config import SECTIONS_MAX, SESSION_OLD_S, Settings
from stui_supervisor.context.image_copy import read_copy
from stui_supervisor.context.section import Section
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Effect, SaveSnapshot, Send
from stui_supervisor.events import Problem, SessionSwitched
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.wire.service import decode_request, encode_result
from tests.support.core.places import at
from tests.support.core.pushes import codes, commands, pausing, pushed, wait_quietly
from tests.support.core.two_images import loses_the_session
from tests.support.core.world import HERE, THERE, World, endings, only, told, triggers

# When the image gets its copy


def test_the_image_gets_a_changed_context_once_the_user_has_paused_and_not_before() -> None:
    world = at("connected")
    world.context["work"] = "new"
    assert only(Send, world.wait(0.999)) == []
    assert commands(world.wait(0.001)) == ["update_session_state"]
    assert pushed(world) == {"session": "made", "work": "new"}
    assert read_copy(world.asked().parameters["state_data"], {}).sections == world.context.sections()


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
    assert read_copy(world.asked().parameters["state_data"], {}).sections == world.context.sections()


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
    assert commands(world.tell(inputs.Received(create.link, create.token, made))) == ["ping"]  # that look is old
    again = world.last_send
    pong = encode_result(decode_request(ping.body), {"image_id": "one"}, at=world.now.utc)
    assert world.tell(inputs.Received(ping.link, ping.token, pong)) == []
    assert world.last_send is again
    world.answer({"image_id": "one"})
    assert pushed(world) == {"session": "late", "work": "new"}
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
    loses(world)
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


def test_a_session_that_takes_no_push_is_not_made_again_and_gets_another_push_ever_more_rarely() -> None:
    world = denied()
    wait_quietly(world, 60.0)
    world.answer({"session_id": "s2"})
    assert codes(world.refuse("SessionError", "read-only")) == ["no_backend_session"]
    world.context["work"] = "new"
    assert wait_quietly(world, 59.9) == []
    assert wait_quietly(world, 0.1) == ["update_session_state"]
    effects = world.refuse("SessionError", "read-only")
    assert (commands(effects), codes(effects)) == ([], [])
    assert wait_quietly(world, 119.9) == []
    assert wait_quietly(world, 0.1) == ["update_session_state"]
    assert pushed(world) == {"session": "s2", "work": "new"}
    world.answer()
    world.context["work"] = "taken at once again"
    assert wait_quietly(world, 1.0) == ["update_session_state"]


def test_a_session_that_cannot_be_made_again_now_is_made_later() -> None:
    world = pausing(at("connected"))
    loses(world)
    assert codes(world.refuse("SessionError", "too many")) == ["no_backend_session"]
    assert wait_quietly(world, 60.0) == ["create_session"]
    world.answer({"session_id": "s2"})
    assert pushed(world) == {"session": "s2", "work": "new"}


def test_a_session_is_not_asked_for_while_a_request_is_in_flight() -> None:
    world = denied()
    world.submit("evaluate", code="1")
    assert commands(world.wait(100.0)) == []
    assert endings(world.answer()) == [(1, "replied")]
    assert commands(world.answer({"image_id": "one"})) == ["create_session"]


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


def loses(world: World) -> list[Effect]:
    """The image refuses a push, as it has lost the session, and is asked who it is before it gets another."""
    return [*world.refuse("SessionNotFound"), *world.answer({"image_id": "one"})]


def test_a_refused_push_makes_the_session_again_in_place_and_pushes() -> None:
    world = pausing(at("connected"))
    effects = loses(world)
    assert commands(effects) == ["ping", "create_session"]
    assert world.asked().parameters == {"client_id": world.record.client_id}
    effects += world.answer({"session_id": "again"})
    assert pushed(world) == {"session": "again", "work": "new"}
    effects += world.answer({"update_successful": True})
    assert (triggers(effects), told(Problem, effects), told(SessionSwitched, effects)) == ([], [], [])
    assert (world.state, world.record.backend_session) == (State.CONNECTED, "again")


def test_a_session_made_again_is_the_one_that_the_next_link_restores() -> None:
    world = pausing(at("connected"))
    loses(world)
    world.answer({"session_id": "again"})
    world.answer()
    world.lost()
    world.wait_for_deadline()
    world.opened()
    world.answer({"image_id": "one"})
    assert (world.asked().command, world.asked().parameters["session_id"]) == ("restore_session", "again")


def test_a_new_session_that_does_not_take_the_push_either_is_given_up_and_said_once() -> None:
    world = pausing(at("connected"))
    effects = loses(world)
    effects += world.answer({"session_id": "again"})
    effects += world.refuse("SessionError", "too large")
    assert commands(effects) == ["ping", "create_session", "update_session_state"]
    assert [(problem.code, problem.message) for problem in told(Problem, effects)] == [
        ("no_backend_session", "the backend did not take the session: SessionError: too large")
    ]
    world.context["work"] = "newer"
    effects = world.wait(9.9)
    assert (commands(effects), codes(effects), world.state) == ([], [], State.CONNECTED)


def test_a_session_that_cannot_be_made_again_is_said_once() -> None:
    world = pausing(at("connected"))
    loses(world)
    effects = world.refuse("SessionError", "too many")
    world.context["work"] = "newer"
    effects += world.wait(9.9)
    assert (codes(effects), commands(effects), triggers(effects)) == (["no_backend_session"], [], [])


def test_a_session_is_made_again_as_often_as_the_backend_loses_it() -> None:
    world = at("connected")
    for number in range(3):
        world.context["work"] = number
        world.wait(1.0)
        assert commands(loses(world)) == ["ping", "create_session"]
        world.answer({"session_id": f"s{number}"})
        assert pushed(world) == {"session": f"s{number}", "work": number}
        assert codes(world.answer()) == []


def test_after_a_refused_push_a_later_link_tries_again() -> None:
    world = pausing(at("connected"))
    loses(world)
    world.refuse("SessionError", "too many")
    loses_the_session(world, "s2")
    assert pushed(world) == {"session": "s2", "work": "new"}
    assert triggers(world.answer()) == [Trigger.ESTABLISHED]
    world.context["work"] = "newer"
    world.wait(1.0)
    assert pushed(world) == {"session": "s2", "work": "newer"}


def test_requests_go_on_while_no_session_is_kept() -> None:
    world = pausing(at("connected"))
    world.submit("evaluate", code="1")
    loses(world)
    world.refuse("SessionError")
    assert endings(world.answer()) == [(1, "replied")]


# Whose session it is by now


def changed_late() -> World:
    """The user has changed something long after our session was seen last; it is asked for."""
    world = at("connected")
    wait_quietly(world, SESSION_OLD_S - 0.5)
    world.context["work"] = "new"
    assert wait_quietly(world, 1.0) == ["restore_session"]
    assert world.asked().parameters == {"session_id": "made", "client_id": world.core._leaves.session.record.client_id}
    return world


@pytest.mark.parametrize(
    "answer",
    [{"client_id": "theirs"}, {"session_state": {"stui_supervisor": {"client": "theirs"}}}],
    ids=["named so", "pushed by another"],
)
def test_a_session_that_is_another_clients_by_now_is_not_pushed_to(answer: dict[str, object]) -> None:
    world = changed_late()
    assert commands(world.answer(answer)) == ["ping"]
    assert commands(world.answer({"image_id": "one"})) == ["create_session"]
    assert commands(world.answer({"session_id": "second"})) == ["update_session_state"]
    assert pushed(world) == {"session": "second", "work": "new"}
    assert codes(world.answer()) == []
    assert world.core._leaves.session.record.backend_session == "second"


def test_one_that_is_ours_still_is_pushed_to_and_not_asked_for_again_soon() -> None:
    world = changed_late()
    ours = {"stui_supervisor": {"client": world.core._leaves.session.record.client_id}, "work": "foreign"}
    assert commands(world.answer({"session_state": ours})) == ["update_session_state"]
    assert pushed(world) == {"session": "made", "work": "new"}
    world.answer()
    wait_quietly(world, SESSION_OLD_S - 2.0)
    world.context["work"] = "newer"
    assert wait_quietly(world, 1.0) == ["update_session_state"]
    assert pushed(world) == {"session": "made", "work": "newer"}


def test_what_another_client_has_written_meanwhile_is_kept_before_ours_takes_its_place() -> None:
    world = changed_late()
    effects = world.answer({"session_state": {"work": "foreign", "more": "foreign"}})
    assert [dict(kept.sections) for kept in only(SaveSnapshot, effects)] == [{"work": Section(b'"foreign"', 0, "")}]
    assert codes(effects) == ["context_differed"]
    assert pushed(world) == {"session": "made", "work": "new", "more": "foreign"}


def test_what_cannot_be_merged_then_is_left_alone() -> None:
    world = changed_late()
    effects = world.answer({"session_state": {str(number): 1 for number in range(SECTIONS_MAX + 1)}})
    assert (commands(effects), codes(effects)) == ([], ["too_many_sections"])


@pytest.mark.parametrize("refusal", ["SessionNotFound", "PermissionDenied"])
def test_what_cannot_be_restored_is_found_out_by_the_push(refusal: str) -> None:
    world = changed_late()
    assert commands(world.refuse(refusal)) == ["update_session_state"]
    assert commands(world.refuse(refusal)) == ["ping"]
    assert commands(world.answer({"image_id": "one"})) == ["create_session"]


def test_an_image_that_does_not_manage_to_say_it_is_asked_again_before_the_push() -> None:
    world = changed_late()
    assert commands(world.refuse("InternalError")) == []
    assert commands(world.wait(2.0)) == ["restore_session"]
    assert commands(world.answer({})) == ["update_session_state"]


def test_an_image_that_refuses_the_token_then_needs_a_person() -> None:
    world = changed_late()
    assert triggers(world.refuse("AuthenticationFailed")) == [Trigger.REJECTED]


def test_after_a_sleep_it_is_asked_too() -> None:
    world = at("connected")
    world.tell(inputs.Woke(60.0))
    world.answer({"image_id": "one"})
    world.context["work"] = "new"
    assert commands(world.wait(1.0)) == ["restore_session"]
