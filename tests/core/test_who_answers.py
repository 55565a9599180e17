"""Who answers on a link: asked before anything of the user's goes out on an old look, and what follows from it."""

from __future__ import annotations

from typing import Any

import pytest

from stui_supervisor.config import LOOK_RETRY_S, LOOKS_REFUSED_MAX, Settings
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Effect, Load, Save, Send
from stui_supervisor.events import Problem, SessionSwitched
from stui_supervisor.failures import FailureKind
from stui_supervisor.machine.states import BackendVerdict, State, Trigger
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.session.records import ClaimedSession
from stui_supervisor.wire.service import decode_request, encode_result
from tests.support.core.places import at
from tests.support.core.pushes import codes, commands, pausing, pushed
from tests.support.core.two_images import TWO, meet
from tests.support.core.world import HERE, THERE, World, endings, moves, only, stored, told, triggers

ONE_OFF = Settings(keeps_session=False)
ONE = {"image_id": "one"}


def asks(world: World, seconds: float = 1.0, answer: dict[str, Any] | None = None) -> list[str]:
    """A user asks once a second and is answered after a while; what is said on the link meanwhile."""
    said = commands(world.submit("evaluate", code="1"))
    while world.core._leaves.exchange.flight is not None:
        said += commands(world.answer((answer or ONE) if world.asked().command == "ping" else {"result": "1"}))
    return [*said, *commands(world.wait(seconds))]


# Before a request


def test_a_steady_stream_of_requests_is_interrupted_by_one_ping_in_ten_seconds() -> None:
    world = at("connected")
    said = [command for _ in range(61) for command in asks(world)]
    assert said.count("evaluate") == 61
    assert said.count("ping") == 6


def test_requests_closer_than_a_look_gets_old_are_sent_at_once() -> None:
    world = at("connected")
    world.wait(9.0)
    assert commands(world.submit("evaluate", code="1")) == ["evaluate"]


def test_a_request_waits_for_the_answer_to_who_it_is_however_long_that_takes() -> None:
    world = at("connected")
    asks(world, 9.0)
    asks(world, 5.0)
    world.submit("evaluate", code="2")
    assert world.asked().command == "ping"
    effects = world.wait(600.0)
    assert (endings(effects), commands(effects), triggers(effects)) == ([], [], [Trigger.HEALTH_LOST])
    assert commands(world.answer(ONE)) == ["evaluate"]


def test_a_request_whose_time_is_over_before_it_is_known_who_answers_was_not_sent() -> None:
    world = at("connected")
    asks(world, 9.0)
    asks(world, 5.0)
    world.submit("evaluate", code="2", timeout=2.0)
    assert endings(world.wait(2.0)) == [(2 + 1, "NotSent")]


def test_another_image_that_shows_itself_before_a_request_does_not_get_it() -> None:
    world = at("connected")
    asks(world, 9.0)
    asks(world, 5.0)
    world.submit("evaluate", code="meant for one")
    assert triggers(world.answer({"image_id": "two"})) == [Trigger.LINK_LOST]
    world.wait_for_deadline()
    world.opened()
    world.answer({"image_id": "two"})
    effects = world.loaded(TWO)
    assert (endings(effects), len(told(SessionSwitched, effects))) == ([(3, "NotSent")], 1)


def test_the_first_request_after_a_handshake_that_took_long_is_preceded_by_a_ping() -> None:
    world = at("connecting, handshake")
    world.answer(ONE)
    world.wait(9.9)
    world.answer({"session_id": "made"})
    world.wait(0.2)
    assert commands(world.submit("evaluate", code="1")) == ["ping"]


def test_the_first_request_after_a_sleep_is_preceded_by_a_ping() -> None:
    world = at("connected, asking")
    world.tell(inputs.Woke(5.0))
    assert commands(world.answer({"result": "1"})) == ["ping"]
    assert commands(world.answer(ONE)) == ["evaluate"]


def test_a_push_goes_out_on_no_older_look_than_a_request() -> None:
    world = at("connected")
    asks(world, 5.0)
    asks(world, 4.5)
    world.context["work"] = "new"
    assert commands(world.wait(1.0)) == ["ping"]
    assert commands(world.answer(ONE)) == ["update_session_state"]


def made_after(seconds: float) -> World:
    """The image takes so long to make the session that our work is for."""
    world = at("connecting, handshake")
    world.context["work"] = "mine"
    world.answer(ONE)
    request = world.last_send
    world.wait(seconds)
    made = encode_result(decode_request(request.body), {"session_id": "made"}, at=world.now.utc)
    world.tell(inputs.Received(request.link, request.token, made))
    return world


def test_in_a_handshake_too_work_goes_out_on_no_older_look() -> None:
    assert made_after(9.9).asked().command == "update_session_state"
    world = made_after(10.1)
    assert world.asked().command == "ping"
    assert commands(world.answer(ONE)) == ["update_session_state"]


def test_a_session_that_was_made_is_known_however_the_handshake_ends() -> None:
    world = made_after(10.1)
    world.lost()
    world.wait_for_deadline()
    world.opened()
    assert commands(world.answer(ONE)) == ["restore_session"]
    assert world.asked().parameters["session_id"] == "made"


def test_the_last_push_of_a_program_goes_out_on_no_older_look_either() -> None:
    world = at("connected")
    asks(world, 5.0)
    asks(world, 4.5)
    world.context["work"] = "new"
    world.wait(0.6)
    assert commands(world.tell(inputs.Stop())) == ["ping"]
    assert commands(world.answer(ONE)) == ["update_session_state"]
    assert triggers(world.answer()) == [Trigger.STOP]


def test_the_interval_is_a_setting() -> None:
    world = at("connected", Settings(ping_interval_s=3.0))
    assert [command for _ in range(7) for command in asks(world)].count("ping") == 2


def test_with_pings_that_are_further_apart_no_request_goes_out_on_an_older_look_all_the_same() -> None:
    world = at("connected", Settings(ping_interval_s=60.0))
    world.wait(9.9)
    assert commands(world.submit("evaluate", code="1")) == ["evaluate"]
    world.answer({"result": "1"})
    world.wait(0.1)
    assert commands(world.submit("evaluate", code="2")) == ["ping"]


# An image that does not say it


def refused_look(world: World) -> list[Effect]:
    """A request waits for the look, and the ping is answered with an error."""
    asks(world, 9.0)
    asks(world, 5.0)
    world.submit("evaluate", code="waits")
    return world.refuse("InternalError", "out of memory")


def test_an_error_is_no_look_and_the_image_is_asked_again_after_a_pause() -> None:
    world = at("connected")
    effects = refused_look(world)
    assert (commands(effects), triggers(effects)) == ([], [])
    assert commands(world.wait(LOOK_RETRY_S - 0.01)) == []
    assert commands(world.wait(0.01)) == ["ping"]
    assert commands(world.answer(ONE)) == ["evaluate"]


def test_an_image_that_never_says_it_gets_a_new_link() -> None:
    world = at("connected")
    refused_look(world)
    for _ in range(LOOKS_REFUSED_MAX - 1):
        world.wait(LOOK_RETRY_S)
        effects = world.refuse("InternalError", "out of memory")
    assert triggers(effects) == [Trigger.LINK_LOST]
    assert endings(effects) == []
    assert world.core.status(world.now).failure is FailureKind.NOT_IDENTIFIED


def test_a_ping_that_names_nothing_is_no_evidence() -> None:
    world = at("connected")
    asks(world, 9.0)
    asks(world, 5.0)
    world.submit("evaluate", code="1")
    assert commands(world.answer({})) == ["evaluate"]


def test_a_name_that_comes_only_with_a_later_ping_counts_from_then_on() -> None:
    world = World()
    world.start(HERE)
    world.loaded()
    world.link(None)
    world.wait(10.0)
    world.answer(ONE)
    world.wait(10.0)
    assert triggers(world.answer({"image_id": "two"})) == [Trigger.LINK_LOST]
    world.wait_for_deadline()
    world.opened()
    assert [load.image for load in only(Load, world.answer({"image_id": "two"}))] == [identity_of("two")]


def test_that_another_image_cannot_be_recognised_is_said_once_for_a_session() -> None:
    world = World()
    world.start(HERE)
    world.loaded(stored(endpoint=str(HERE)))
    (problem,) = told(Problem, world.link(None))
    assert (problem.code, problem.message) == (
        "image_not_named",
        "the backend does not say which image it is, so another image at this endpoint is not noticed",
    )
    world.lost()
    world.wait_for_deadline()
    assert codes(world.link(None)) == []
    later = World()
    later.start()
    later.loaded(ClaimedSession(session_id="a", record=world.record, sections={}, fresh=False))
    assert codes(later.link(None)) == []


def test_an_image_that_names_itself_is_nothing_to_tell() -> None:
    world = World()
    world.start(HERE)
    world.loaded()
    assert codes(world.link("one")) == []


# Before a session is made again


def test_a_session_is_not_made_again_in_another_image_that_took_the_place_of_ours() -> None:
    world = pausing(at("connected"))
    assert commands(world.refuse("SessionNotFound")) == ["ping"]
    effects = world.answer({"image_id": "two"})
    assert (commands(effects), triggers(effects)) == ([], [Trigger.LINK_LOST])


def test_a_session_that_was_denied_is_not_asked_for_again_from_another_image() -> None:
    world = at("connecting, handshake")
    world.answer(ONE)
    world.refuse("SessionError", "5 sessions already")
    effects: list[Effect] = []
    while (
        not effects
        or "ping" not in commands(effects)
        or not world.core._leaves.attempt.connection.look.is_before_session
    ):
        effects = world.wait_for_deadline()
        if "ping" in commands(effects) and not world.core._leaves.attempt.connection.look.is_before_session:
            world.answer(ONE)
    assert commands(world.answer({"image_id": "two"})) == []


def test_a_push_answered_for_another_client_makes_a_session_of_our_own() -> None:
    world = pausing(at("connected"))
    assert commands(world.answer({"session_id": "made", "client_id": "somebody else"})) == ["ping"]
    assert commands(world.answer(ONE)) == ["create_session"]
    world.answer({"session_id": "ours"})
    assert pushed(world) == {"session": "ours", "work": "new"}


def test_what_the_backend_calls_us_is_kept_with_the_session() -> None:
    world = at("connecting, handshake")
    world.answer(ONE)
    world.answer({"session_id": 7, "client_id": 71})
    world.shake_hands()
    kept = world.record.session
    assert kept is not None
    assert (kept.id, kept.owner) == (7, identity_of(71))
    world.lost()
    world.wait_for_deadline()
    world.opened()
    world.answer(ONE)
    assert world.asked().parameters == {"session_id": 7, "client_id": 71}


def test_a_session_name_that_is_too_long_to_be_kept_serves_this_run_and_that_is_said() -> None:
    world = at("connecting, handshake")
    world.answer(ONE)
    long = "s" * 1_000
    effects = [*world.answer({"session_id": long}), *world.shake_hands()]
    assert (codes(effects), world.state) == (["session_not_remembered"], State.CONNECTED)
    world.lost()
    world.wait_for_deadline()
    world.opened()
    world.answer(ONE)
    assert (world.asked().command, world.asked().parameters["session_id"]) == ("restore_session", long)


# Images of every kind of name


@pytest.mark.parametrize(
    ("one", "two"),
    [(7, 8), (7, "7"), ("x" * 300 + "1", "x" * 300 + "2"), ("Рабочий образ " * 9, "Рабочий образ " * 10), ([1], [2])],
)
def test_the_work_of_one_image_is_not_given_to_another(one: object, two: object) -> None:
    world = World()
    world.start(HERE)
    world.loaded()
    world.opened()
    world.answer({"image_id": one})
    world.answer({"session_id": "s1"})
    world.context["work"] = "of one"
    world.lost()
    world.wait_for_deadline()
    world.opened()
    world.answer({"image_id": two})
    effects = world.loaded(stored("b", **fields(two)))
    (switch,) = told(SessionSwitched, effects)
    named = identity_of(two)
    assert named is not None
    assert (switch.image_id, world.core.status(world.now).image_id) == (named.text, named.text)
    assert "work" not in world.context


def fields(image: object) -> dict[str, Any]:
    named = identity_of(image)
    assert named is not None
    return {"image_id": named.text, "image_canonical": named.canonical}


# Without a session


def one_off() -> World:
    world = World(ONE_OFF)
    world.start(HERE)
    world.link("one")
    return world


def test_without_a_session_too_what_waits_for_one_image_is_not_sent_to_another() -> None:
    world = one_off()
    world.lost()
    world.submit("evaluate", code="meant for one")
    world.wait_for_deadline()
    effects = [*world.opened(), *world.answer({"image_id": "two"})]
    assert (endings(effects), commands(effects)) == ([(1, "NotSent")], ["ping"])
    assert world.core.status(world.now).backend_verdict is BackendVerdict.DIFFERENT_IMAGE
    assert moves(effects) == [(State.RECOVERING, Trigger.ESTABLISHED, State.CONNECTED)]
    assert commands(world.submit("evaluate", code="for two")) == ["evaluate"]


def test_without_a_session_what_was_asked_of_an_endpoint_that_was_named_since_is_sent_there() -> None:
    world = one_off()
    world.tell(inputs.Connect(THERE))
    world.submit("evaluate", code="for two")
    world.opened()
    assert commands(world.answer({"image_id": "two"})) == ["evaluate"]


@pytest.mark.parametrize("ping", [ONE, {}])
def test_without_a_session_what_waits_is_sent_to_the_same_image(ping: dict[str, Any]) -> None:
    world = one_off()
    world.lost()
    world.submit("evaluate", code="1")
    world.wait_for_deadline()
    world.opened()
    assert commands(world.answer(ping)) == ["evaluate"]


def test_what_was_submitted_for_the_other_image_once_the_session_was_switched_is_sent() -> None:
    world = at("connected")
    meet(world, "two")
    world.loaded(TWO)
    world.submit("evaluate", code="for two")
    assert "evaluate" in commands(world.shake_hands("two"))


def test_nothing_that_is_saved_lacks_the_canonical_form_of_its_image() -> None:
    world = World()
    world.start(HERE)
    world.loaded()
    world.opened()
    effects = [*world.answer({"image_id": 7}), *world.shake_hands()]
    assert {save.record.image for save in only(Save, effects) if save.record.image} == {identity_of(7)}
    assert only(Send, effects)
