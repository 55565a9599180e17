"""An image that does not manage to give, to take or to make something for a while: nothing is decided by that."""

from __future__ import annotations

import json

from stui_supervisor.config import COPY_GIVEN_UP_S, PASSING_TRIES, PUSHES_UNTOLD
from stui_supervisor.context.image_copy import encode_state_data
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Effect
from stui_supervisor.events import Problem
from stui_supervisor.machine.states import BackendVerdict, State, Trigger
from tests.support.core.places import at
from tests.support.core.pushes import codes, commands, pausing, pushed
from tests.support.core.world import World, endings, section, told, triggers

THEIRS = {"work": section("three hours", 7), "other": section("theirs", 1)}


def fails(world: World, times: int, error_type: str = "InternalError") -> list[Effect]:
    return [effect for _ in range(times) for effect in world.refuse(error_type)]


def not_given() -> tuple[World, list[Effect]]:
    """Linked again to an image that kept the session, and did not manage to give it; work was changed since."""
    world = at("connected")
    world.lost()
    world.wait_for_deadline()
    world.opened()
    world.answer({"image_id": "one"})
    effects = fails(world, PASSING_TRIES)
    world.context["mine"] = "typed"
    return world, effects


def given(world: World) -> list[Effect]:
    """The image gives the copy that it was asked for."""
    return world.answer({"session_state": json.loads(encode_state_data(THEIRS))})


def test_a_copy_that_is_not_given_does_not_prevent_the_link_and_is_told_once() -> None:
    world, effects = not_given()
    assert (triggers(effects), world.state) == ([Trigger.ESTABLISHED], State.CONNECTED)
    (problem,) = told(Problem, effects)
    assert (problem.code, problem.message) == (
        "copy_not_given",
        "the image did not give its copy of the work: InternalError: no",
    )
    assert world.record.backend_session == "made"
    effects = world.wait(5.0)
    effects += fails(world, PASSING_TRIES, "Timeout")
    assert codes(effects) == []


def test_until_it_is_given_nothing_is_pushed_over_it_and_no_session_is_made() -> None:
    world, _ = not_given()
    assert commands(world.wait(4.9)) == []
    said = []
    for wait_s in (0.1, 9.9):
        said += commands(world.wait(wait_s))
        said += commands(fails(world, PASSING_TRIES))
        world.context["mine"] = f"typed {wait_s}"
    assert set(said) == {"restore_session"}
    assert commands(world.tell(inputs.Stop())) == []


def test_once_it_is_given_it_is_merged_in_place_and_gets_what_is_newer_here() -> None:
    world, _ = not_given()
    effects = world.wait(5.0)
    assert (commands(effects), world.asked().parameters["session_id"]) == (["restore_session"], "made")
    effects = given(world)
    assert dict(world.context) == {"work": "three hours", "other": "theirs", "mine": "typed"}
    assert pushed(world) == {"session": "made", **dict(world.context)}
    effects += world.answer()
    assert (triggers(effects), codes(effects)) == ([], [])
    assert world.core.status(world.now).backend_verdict is BackendVerdict.RESUMED
    world.context["mine"] = "more"
    world.wait(1.0)
    assert pushed(world)["mine"] == "more"


def test_it_is_asked_for_again_on_the_next_link() -> None:
    world, _ = not_given()
    world.lost()
    world.wait_for_deadline()
    world.opened()
    world.answer({"image_id": "one"})
    assert world.asked().parameters["session_id"] == "made"
    given(world)
    assert world.context["work"] == "three hours"


def test_requests_go_before_it_and_it_goes_before_none() -> None:
    world, _ = not_given()
    world.submit("evaluate", code="1")
    assert commands(world.wait(4.9)) == []
    world.wait(0.1)
    assert endings(world.answer()) == [(1, "replied")]
    assert world.asked().command == "restore_session"
    world.submit("evaluate", code="2")
    given(world)
    world.answer()
    assert world.asked().parameters == {"code": "2"}


def test_a_session_that_is_gone_by_then_is_made_again_in_place() -> None:
    world, _ = not_given()
    world.wait(5.0)
    effects = world.refuse("SessionNotFound")
    effects += world.answer({"image_id": "one"})
    assert commands(effects) == ["ping", "create_session"]
    effects = world.answer({"session_id": "again"})
    assert pushed(world) == {"session": "again", "mine": "typed"}
    effects += world.answer()
    assert (triggers(effects), codes(effects), world.record.backend_session) == ([], [], "again")


def test_another_image_that_answers_by_then_gets_a_handshake_of_its_own() -> None:
    world, _ = not_given()
    world.wait(5.0)
    world.refuse("SessionNotFound")
    assert triggers(world.answer({"image_id": "two"})) == [Trigger.LINK_LOST]


def test_a_credential_that_is_refused_by_then_needs_a_person() -> None:
    world, _ = not_given()
    world.wait(5.0)
    assert triggers(world.refuse("AuthenticationFailed")) == [Trigger.REJECTED]


def test_a_session_that_another_protocol_answers_for_by_then_ends_the_link() -> None:
    world, _ = not_given()
    world.wait(5.0)
    world.refuse("SessionNotFound")
    assert triggers(world.bring(b"[]")) == [Trigger.LINK_LOST]


def test_a_session_that_is_being_made_in_its_place_is_waited_for_at_the_end() -> None:
    world, _ = not_given()
    world.wait(5.0)
    world.refuse("SessionNotFound")
    world.answer({"image_id": "one"})
    world.tell(inputs.Stop())
    assert world.state is State.CONNECTED
    world.answer({"session_id": "again"})
    assert pushed(world) == {"session": "again", "mine": "typed"}
    world.answer()
    assert (world.state, world.record.backend_session) == (State.DISCONNECTED, "again")


def test_a_copy_that_is_not_given_for_an_hour_counts_as_gone() -> None:
    world, _ = not_given()
    begin, said = world.now.monotonic_s, list[str]()
    while "create_session" not in said and world.now.monotonic_s < begin + 3 * COPY_GIVEN_UP_S:
        asked = commands(world.wait_for_deadline())
        while asked and asked != ["create_session"]:
            said += asked
            is_ping = asked == ["ping"]
            asked = commands(world.answer({"image_id": "one"}) if is_ping else world.refuse("InternalError"))
        said += asked
    assert said[-2:] == ["ping", "create_session"]
    assert COPY_GIVEN_UP_S <= world.now.monotonic_s - begin < 2 * COPY_GIVEN_UP_S
    world.answer({"session_id": "new"})
    assert pushed(world) == {"session": "new", "mine": "typed"}


def test_a_push_that_is_not_taken_this_time_makes_no_session_and_goes_out_again() -> None:
    world = pausing(at("connected"))
    effects = world.refuse("InternalError")
    assert (commands(effects), commands(world.wait(1.9))) == ([], [])
    assert commands(world.wait(0.1)) == ["ping"]  # who answers is asked before
    assert commands(world.answer({"image_id": "one"})) == ["update_session_state"]
    assert pushed(world) == {"session": "made", "work": "new"}
    effects += world.bring(b"[]")
    effects += world.wait(4.0)
    effects += world.answer({"image_id": "one"})
    assert pushed(world) == {"session": "made", "work": "new"}
    assert codes(effects + world.answer()) == []
    world.context["work"] = "newer"
    assert commands(world.wait(1.0)) == ["update_session_state"]


def test_one_that_is_not_taken_again_and_again_is_told_once() -> None:
    world = pausing(at("connected"))
    effects: list[Effect] = []
    for _ in range(PUSHES_UNTOLD + 2):
        effects += world.refuse("Timeout")
        while world.asked().command != "update_session_state" or world.core._leaves.exchange.flight is None:
            effects += world.wait_for_deadline()
            if world.asked().command == "ping" and world.core._leaves.exchange.flight is not None:
                world.answer({"image_id": "one"})
    assert codes(effects) == ["push_failed"]
    assert set(commands(effects)) == {"update_session_state", "ping"}


def test_a_push_of_the_handshake_that_is_not_taken_this_time_goes_out_again_on_the_link() -> None:
    world = at("connecting, handshake")
    world.context["work"] = "new"
    world.answer({"image_id": "one"})
    world.answer({"session_id": "made"})
    effects = world.refuse("InternalError")
    assert (triggers(effects), codes(effects)) == ([Trigger.ESTABLISHED], [])
    assert commands(world.wait(2.0)) == ["update_session_state"]
    assert pushed(world) == {"session": "made", "work": "new"}


def test_a_session_that_is_not_made_this_time_is_asked_for_soon_and_not_told() -> None:
    world = at("connecting, handshake")
    world.answer({"image_id": "one"})
    effects = world.refuse("InternalError")
    assert (triggers(effects), codes(effects)) == ([Trigger.ESTABLISHED], [])
    assert commands(world.wait(5.0)) == ["ping"]
    assert commands(world.answer({"image_id": "one"})) == ["create_session"]
    assert codes(world.refuse("InternalError")) == ["no_backend_session"]
