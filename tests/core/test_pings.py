"""What the answer to a ping on an established link means, and what of a backend's words may travel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from stui_supervisor.config import ERROR_TEXT_MAX_LENGTH
from stui_supervisor.core.effects import Effect, Load
from stui_supervisor.errors import AuthenticationFailed, IncompatibleBackend
from stui_supervisor.events import AttemptScheduled, Event, Problem, Transition
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.peer.identity import identity_of
from tests.support.core.places import at
from tests.support.core.world import HERE, World, endings, moves, only, stored, told, triggers

TOKEN = "a text of some length"  # noqa: S105  # what the keyring of these worlds gives
OTHER_DIALECT = json.dumps(
    {
        "id": "1",
        "version": "1.0.0",
        "payload": {"type": "Response", "data": {"response_type": "Pong", "data": {"message": "pong"}}},
    }
).encode()
OTHER_VERSION = json.dumps({"id": "1", "version": "2.0.0", "payload": {}}).encode()


def pinging(world: World | None = None) -> World:
    """A link that has been quiet, and whose ping is on its way."""
    world = world or at("connected")
    world.wait(10.0)
    assert world.asked().command == "ping"
    return world


def with_token() -> World:
    """Connected to a backend that was given the token."""
    world = World(has_credentials=True)
    world.start(HERE)
    world.loaded(stored())
    world.credential(TOKEN)
    world.link("one")
    assert world.state is State.CONNECTED
    return world


def text_of(world: World, effects: Sequence[Effect]) -> str:
    """Everything that a person or a file could get to see."""
    return f"{told(Event, effects)}{world.core.status(world.now)}{world.record}{world.core.rejection}"


@pytest.mark.parametrize("body", [b"", b"HTTP/1.1 400 Bad Request", b"[]", b"{}", b"\xff"])
def test_a_ping_answered_with_garbage_ends_the_link(body: bytes) -> None:
    world = pinging()
    effects = world.bring(body)
    assert moves(effects) == [(State.CONNECTED, Trigger.LINK_LOST, State.RECOVERING)]
    (move,), (scheduled,) = told(Transition, effects), told(AttemptScheduled, effects)
    assert move.reason == scheduled.failure
    assert move.reason.startswith("what answers there does not speak STUI's protocol")


def test_a_ping_answered_in_another_dialect_ends_the_link_and_the_next_one_speaks_it() -> None:
    world = pinging()
    effects = world.bring(OTHER_DIALECT)
    assert moves(effects) == [(State.CONNECTED, Trigger.LINK_LOST, State.RECOVERING)]
    assert "it speaks envelope now" in str(world.core.status(world.now).last_error)
    world.wait_for_deadline()
    world.opened()
    world.bring(OTHER_DIALECT)
    assert world.asked().dialect.value == "envelope"
    assert triggers(world.shake_hands("one")) == [Trigger.ESTABLISHED]


@pytest.mark.parametrize("place", ["connected", "degraded"])
def test_a_ping_answered_in_another_major_version_rejects(place: str) -> None:
    world = pinging()
    if place == "degraded":
        world.wait(5.0)
    before = world.state
    effects = world.bring(OTHER_VERSION)
    assert moves(effects) == [(before, Trigger.REJECTED, State.DISCONNECTED)]
    assert isinstance(world.core.rejection, IncompatibleBackend)
    assert world.core.next_deadline() is None


def test_a_ping_that_refuses_the_credential_rejects() -> None:
    world = pinging(with_token())
    assert triggers(world.refuse("AuthenticationFailed")) == [Trigger.REJECTED]
    assert isinstance(world.core.rejection, AuthenticationFailed)


def test_a_ping_answered_by_another_image_leads_to_a_new_handshake_with_its_own_session() -> None:
    world = pinging()
    effects = world.answer({"image_id": "two"})
    assert moves(effects) == [(State.CONNECTED, Trigger.LINK_LOST, State.RECOVERING)]
    assert world.core.status(world.now).last_error == told(Transition, effects)[0].reason
    world.wait_for_deadline()
    world.opened()
    assert [load.image for load in only(Load, world.answer({"image_id": "two"}))] == [identity_of("two")]


@pytest.mark.parametrize("image_id", ["one", "", None])
def test_a_ping_that_does_not_name_another_image_keeps_the_link(image_id: Any) -> None:
    world = pinging()
    assert (triggers(world.answer({"image_id": image_id})), world.state) == ([], State.CONNECTED)


def test_a_ping_refused_for_another_reason_is_an_answer() -> None:
    world = pinging()
    assert (triggers(world.refuse("RuntimeError")), world.state) == ([], State.CONNECTED)


def test_what_waited_behind_a_ping_goes_to_the_next_link() -> None:
    world = pinging()
    world.submit("evaluate", code="1")
    effects = world.bring(b"garbage")
    assert (triggers(effects), endings(effects)) == ([Trigger.LINK_LOST], [])
    world.wait_for_deadline()
    world.link("one")
    assert world.asked().parameters == {"code": "1"}


# The token, repeated by the backend


def test_a_token_that_a_rejection_repeats_is_masked_everywhere() -> None:
    world = World(has_credentials=True)
    world.start(HERE)
    world.loaded(stored())
    world.credential(TOKEN)
    world.opened()
    effects = world.refuse("AuthenticationFailed", f"no such token: {TOKEN}")
    assert triggers(effects) == [Trigger.REJECTED]
    assert TOKEN not in text_of(world, effects)
    assert "no such token" in text_of(world, effects)


def test_a_token_that_the_rejection_of_a_ping_repeats_is_masked_everywhere() -> None:
    world = pinging(with_token())
    effects = world.refuse("PermissionDenied", f"{TOKEN} is not known")
    assert triggers(effects) == [Trigger.REJECTED]
    assert TOKEN not in text_of(world, effects)


def test_a_token_that_a_failed_handshake_repeats_is_masked_everywhere() -> None:
    world = World(has_credentials=True)
    world.start(HERE)
    world.loaded(stored())
    world.credential(TOKEN)
    world.opened()
    effects = world.refuse("Error", f"cannot parse {TOKEN}")
    effects += world.refuse("Error", f"cannot parse {TOKEN}")
    assert triggers(effects) == [Trigger.ATTEMPT_FAILED]
    assert TOKEN not in text_of(world, effects)


def test_a_token_that_the_refusal_of_a_session_repeats_is_masked_everywhere() -> None:
    world = World(has_credentials=True)
    world.start(HERE)
    world.loaded(stored())
    world.credential(TOKEN)
    world.opened()
    world.answer({"image_id": "one"})
    effects = world.refuse("SessionError", f"too many sessions of {TOKEN}")
    assert [problem.code for problem in told(Problem, effects)] == ["no_backend_session"]
    assert TOKEN not in text_of(world, effects)


def test_a_token_that_the_refusal_of_a_session_made_again_repeats_is_masked_everywhere() -> None:
    world = with_token()
    world.context["work"] = 1
    world.wait(1.0)
    world.refuse("SessionNotFound")
    world.answer({"image_id": "one"})
    effects = world.refuse("SessionError", f"too many sessions of {TOKEN}")
    assert [problem.code for problem in told(Problem, effects)] == ["no_backend_session"]
    assert TOKEN not in text_of(world, effects)


def test_a_token_at_the_cut_of_a_long_text_leaves_no_part_of_itself() -> None:
    world = World(has_credentials=True)
    world.start(HERE)
    world.loaded(stored())
    world.credential(TOKEN)
    world.opened()
    padding = "." * (ERROR_TEXT_MAX_LENGTH - len("AuthenticationFailed: ") - len(TOKEN) // 2)
    effects = world.refuse("AuthenticationFailed", padding + TOKEN)
    assert TOKEN[: len(TOKEN) // 2] not in text_of(world, effects)


# Long words


def test_long_words_of_a_backend_are_cut_before_they_travel() -> None:
    world = at("connecting, handshake")
    world.answer({"image_id": "one"})
    (problem,) = told(Problem, world.refuse("SessionError", "x" * 100_000))
    assert len(problem.message) < ERROR_TEXT_MAX_LENGTH + 100
    assert problem.message.startswith("the backend did not take the session: SessionError: xxx")


@pytest.mark.parametrize("error_type", ["AuthenticationFailed", "Error", "x" * 100_000])
def test_a_long_reason_of_a_failure_is_cut(error_type: str) -> None:
    world = at("connecting, handshake")
    effects = world.refuse(error_type, "y" * 100_000)
    effects += [] if world.state is State.DISCONNECTED else world.refuse(error_type, "y" * 100_000)
    texts = [move.reason for move in told(Transition, effects)]
    texts += [scheduled.failure for scheduled in told(AttemptScheduled, effects)]
    assert texts
    assert max(map(len, [*texts, str(world.core.status(world.now).last_error)])) < ERROR_TEXT_MAX_LENGTH + 200
