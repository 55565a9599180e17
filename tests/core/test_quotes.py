"""A backend that quotes the token, at every place where its words come in: nothing that leaves the core has it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from stui_supervisor.adapters.sessions.codec import encode_record
from stui_supervisor.config import SECTION_NAME_MAX_LENGTH
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Effect, Finish, Save, SaveSnapshot, Send
from stui_supervisor.errors import BackendError, CredentialError
from stui_supervisor.events import Notification, Problem
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.machine.states import BackendVerdict, State
from stui_supervisor.requests.request import Purpose
from stui_supervisor.security.secret import MASK
from tests.security.test_spellings import SPELLINGS
from tests.support.core.world import HERE, World, only, section, stored, told
from tests.support.files.canary import CANARY, encodings_in

QUOTES = pytest.mark.parametrize("quoted", [spell(CANARY) for spell in SPELLINGS.values()], ids=list(SPELLINGS))


def started() -> World:
    world = World(has_credentials=True, can_subscribe=True)
    world.start(HERE)
    world.loaded(stored())
    world.credential(CANARY)
    return world


def linked() -> World:
    world = started()
    world.link()
    return world


def shown(world: World, effects: Sequence[Effect]) -> str:
    """Everything that a person, a log, a program or the disk gets to see."""
    rejection = world.core.rejection
    values = [value for one in only(Save, effects) for value in (one.sections or {}).items()]
    records = [encode_record(one.record).decode() for one in only(Save, effects)]
    kept = [one.sections for one in only(SaveSnapshot, effects)]
    return repr([effects, world.core.status(world.now), rejection, str(rejection), values, records, kept, world.record])


def is_clean(text: str, quoted: str) -> bool:
    return quoted not in text and CANARY not in text and not encodings_in(text.encode())


def everything(world: World, effects: Sequence[Effect]) -> list[Effect]:
    """What follows by itself, the writes among it."""
    return [*effects, *world.wait(1.5)]


REFUSALS: dict[str, Callable[[World, str], list[Effect]]] = {
    "refused credential": lambda world, quoted: world.refuse("AuthenticationFailed", f"no such token: {quoted}"),
    "error": lambda world, quoted: world.refuse("Error", quoted),
    "error type": lambda world, quoted: world.refuse(quoted, "no"),
    "version": lambda world, quoted: world.bring(json.dumps({"version": f"2.{quoted}", "payload": {}}).encode()),
    "bare version": lambda world, quoted: world.bring(json.dumps({"version": quoted, "payload": {}}).encode()),
    "status": lambda world, quoted: world.bring(json.dumps({"status": quoted}).encode()),
    "key twice": lambda world, quoted: world.bring(f"{{{json.dumps(quoted)}:1,{json.dumps(quoted)}:1}}".encode()),
    "image": lambda world, quoted: world.answer({"image_id": quoted}),
    "image of another shape": lambda world, quoted: world.answer({"image_id": {"name": [quoted]}}),
    "server": lambda world, quoted: world.answer({"server": quoted, "version": quoted, "capabilities": [quoted]}),
    "publisher": lambda world, quoted: world.answer({"notifications": f"tcp://192.0.2.1:5556/{quoted}"}),
    "publisher's host": lambda world, quoted: world.answer({"notifications": quoted}),
}


@QUOTES
@pytest.mark.parametrize("place", REFUSALS)
def test_in_the_answer_to_a_first_ping(place: str, quoted: str) -> None:
    world = started()
    world.opened()
    effects = REFUSALS[place](world, quoted)
    while world.core._leaves.attempt.phase.name == "HANDSHAKE" and world.asked().command != "ping":
        effects += world.answer({"session_id": "made"} if world.asked().command == "create_session" else {})
    assert is_clean(shown(world, everything(world, effects)), quoted)


@QUOTES
@pytest.mark.parametrize("key", ["session_id", "client_id", "error"])
def test_in_the_answer_to_create_session(key: str, quoted: str) -> None:
    world = started()
    world.opened()
    world.answer({"image_id": "Pharo"})
    assert world.asked().command == "create_session"
    if key == "error":
        effects = world.refuse("QuotaExceeded", quoted)
    else:
        effects = world.answer({"session_id": "made", key: quoted})
    effects += world.shake_hands()
    assert is_clean(shown(world, everything(world, effects)), quoted)
    assert world.state is State.CONNECTED


def test_a_session_that_is_named_by_the_token_is_not_used_and_that_is_told() -> None:
    world = started()
    world.opened()
    world.answer({"image_id": "Pharo"})
    (problem,) = told(Problem, world.answer({"session_id": f"{CANARY}-1"}))
    assert (problem.code, world.record.backend_session, world.state) == ("no_backend_session", None, State.CONNECTED)


@QUOTES
def test_an_image_named_by_the_token_is_known_again_and_told_from_another(quoted: str) -> None:
    world = linked()
    for number, name in enumerate([quoted, quoted, f"other {quoted}"]):
        world.lost()
        world.wait_for_deadline()
        world.credential(CANARY)
        world.opened()
        world.answer({"image_id": name})
        if number == 2:
            assert world.core._leaves.attempt.phase.name == "SWITCHING"
            return
        world.shake_hands(name)
        assert world.core.status(world.now).backend_verdict is BackendVerdict.RESUMED
        assert MASK in (world.record.image_id or "")


def opened_again() -> World:
    """A second link, to a backend that has our session."""
    world = started()
    world.context["mine"] = "work"
    world.opened()
    world.answer({})
    world.answer({"session_id": "made"})
    world.shake_hands()
    world.lost()
    world.wait_for_deadline()
    world.credential(CANARY)
    world.opened()
    return world


@QUOTES
def test_in_the_image_s_copy_of_the_work_it_is_left_there_and_the_rest_is_taken(quoted: str) -> None:
    world = opened_again()
    state = {"quoting": section(json.dumps(quoted, ensure_ascii=False)[1:-1], 9)}
    effects = world.shake_hands(state={**state, "theirs": section("new", 9)})
    effects = everything(world, effects)
    assert dict(world.context) == {"mine": "work", "theirs": "new"}
    assert [problem.code for problem in told(Problem, effects)] == ["copy_quotes_token"]
    assert is_clean(shown(world, effects), quoted)
    assert [b"quoting" in send.body for send in only(Send, effects) if b"update_session_state" in send.body] == []


@QUOTES
@pytest.mark.parametrize("is_name", [False, True])
def test_in_what_no_section_can_be_named_like_it_is_left_there_too(quoted: str, *, is_name: bool) -> None:
    world = opened_again()
    world.answer({})
    long = "x" * SECTION_NAME_MAX_LENGTH
    effects = world.answer({"session_state": {quoted + long: "theirs"} if is_name else {"": {"note": quoted}}})
    effects = everything(world, effects)
    assert [problem.code for problem in told(Problem, effects)] == ["copy_quotes_token"]
    assert is_clean(shown(world, effects), quoted)
    assert [send for send in only(Send, effects) if b"update_session_state" in send.body] == []


@QUOTES
def test_in_the_error_of_a_user_s_request(quoted: str) -> None:
    world = linked()
    world.submit()
    effects = world.refuse(f"Type{quoted}", f"not with {quoted}")
    (finished,) = only(Finish, effects)
    assert isinstance(finished.error, BackendError)
    assert is_clean(repr(finished.error) + str(finished.error) + finished.error.error_type, quoted)


@QUOTES
def test_in_a_user_s_reply_that_cannot_be_read(quoted: str) -> None:
    world = linked()
    world.submit()
    (finished,) = only(Finish, world.bring(f"{{{json.dumps(quoted)}:1,{json.dumps(quoted)}:1}}".encode()))
    assert CANARY[:8] not in str(finished.error)
    assert is_clean(str(finished.error), quoted)


def test_a_user_s_own_reply_comes_as_it_is() -> None:
    world = linked()
    world.submit()
    (finished,) = only(Finish, world.answer({"result": CANARY}))
    assert finished.reply is not None
    assert finished.reply.result == {"result": CANARY}


def test_a_token_that_the_user_gives_with_a_request_is_masked_in_its_error() -> None:
    world = World()
    world.start(HERE)
    world.loaded(stored())
    world.link()
    world.submit("ping", auth_token=CANARY)
    (finished,) = only(Finish, world.refuse("AuthenticationFailed", f"not {CANARY}"))
    assert str(finished.error) == f"AuthenticationFailed: not {MASK}"


@QUOTES
def test_in_a_later_ping(quoted: str) -> None:
    world = linked()
    effects = world.wait(10.0)
    assert world.core._leaves.exchange.flight is not None
    assert world.core._leaves.exchange.flight.purpose is Purpose.PING
    effects += world.answer({"image_id": quoted, "server": quoted})
    assert is_clean(shown(world, everything(world, effects)), quoted)


@QUOTES
@pytest.mark.parametrize("place", ["push", "session"])
def test_in_the_refusal_of_a_push_or_of_the_session_after_it(place: str, quoted: str) -> None:
    world = linked()
    world.context["work"] = 1
    effects = world.wait(1.0)
    assert world.asked().command == "update_session_state"
    effects += world.refuse("SessionNotFound", quoted)
    if place == "session":
        effects += world.refuse("QuotaExceeded", quoted)
    assert is_clean(shown(world, everything(world, effects)), quoted)


@QUOTES
def test_in_a_notification(quoted: str) -> None:
    world = started()
    world.opened()
    world.shake_hands(publishes="tcp://127.0.0.1:5556")
    world.tell(inputs.Subscribed(1))
    body: Any = {"text": quoted, quoted: [1]}
    effects = world.tell(inputs.Published(1, [quoted.encode(), json.dumps(body).encode()]))
    (event,) = told(Notification, effects)
    twice = f"{{{json.dumps(quoted)}:1,{json.dumps(quoted)}:1}}"
    assert is_clean(repr(event), quoted)
    (problem,) = told(Problem, world.tell(inputs.Published(1, [b"topic", twice.encode()])))
    assert is_clean(repr(problem), quoted)


@QUOTES
@pytest.mark.parametrize("place", ["attempt", "link", "subscription", "credential"])
def test_in_what_a_transport_or_a_program_s_own_credentials_say_of_their_failure(place: str, quoted: str) -> None:
    world = started()
    failure = Failure(FailureKind.UNREACHABLE, f"cannot send {quoted}")
    if place == "attempt":
        effects = world.lost(failure)
    elif place == "link":
        world.link()
        effects = world.lost(failure)
    elif place == "subscription":
        world.opened()
        world.shake_hands(publishes="tcp://127.0.0.1:5556")
        world.wait(1.5)
        effects = world.tell(inputs.SubscriptionLost(world.subscription.number if world.subscription else 0, failure))
    else:
        world.lost()
        world.wait_for_deadline()
        error = CredentialError(f"{quoted} is no token", hint=f"{quoted}?")
        effects = world.tell(inputs.CredentialFailed(world.core.link, error))
    assert is_clean(shown(world, everything(world, effects)), quoted)


def test_messages_do_not_show_themselves() -> None:
    world = started()
    effects = world.opened()
    (send,) = only(Send, effects)
    assert encodings_in(send.body) == {"JSON"}
    received = inputs.Received(1, b"token", send.body)
    assert is_clean(repr([effects, received]), CANARY)
