"""Requests that name something of a process which may be gone when the next link is up."""

from __future__ import annotations

from typing import Any

import pytest

from stui_supervisor.config import Settings
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Finish
from stui_supervisor.machine.states import BackendVerdict
from tests.support.core.places import at
from tests.support.core.pushes import commands
from tests.support.core.world import HERE, THERE, World, endings, only, triggers

ONE_OFF = Settings(keeps_session=False)
ONE = {"image_id": "one"}


def one_off() -> World:
    world = World(ONE_OFF)
    world.start(HERE)
    world.link("one")
    return world


def waiting(ping: dict[str, Any], settings: Settings = ONE_OFF) -> World:
    """An evaluation keeps the image busy, an object of its process is asked for behind it, and the link is lost."""
    world = World(settings)
    world.start(HERE)
    if settings is not ONE_OFF:
        world.loaded()
    world.opened()
    world.answer({**ONE, **ping})
    world.shake_hands("one")
    world.submit("evaluate", code="busy")
    world.submit("inspect", objectId=42)
    assert endings(world.lost()) == [(1, "OutcomeUnknown")]
    world.wait_for_deadline()
    world.opened()
    return world


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({}, {}),
        ({"boot_id": "a"}, {"boot_id": "b"}),
        ({"boot_id": "a", "uptime": 5}, {"boot_id": "b", "uptime": 9}),
        ({"uptime": 100}, {"uptime": 1}),
        ({"boot_id": "a"}, {}),
        ({"server": "a", "uptime": 1}, {"server": "b", "uptime": 2}),
    ],
)
def test_an_object_of_a_process_that_may_be_gone_is_not_asked_for(before: dict[str, Any], now: dict[str, Any]) -> None:
    world = waiting(before)
    effects = world.answer({**ONE, **now})
    (finish,) = only(Finish, effects)
    assert (endings(effects), commands(effects)) == ([(2, "NotSent")], [])
    assert str(finish.error) == (
        "the backend may have been started again, and what the request names by its id may be something else there: "
        "look it up again, then ask for that"
    )


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"boot_id": "a"}, {"boot_id": "a"}),
        ({"boot_id": "a", "uptime": 9}, {"boot_id": "a", "uptime": 1}),
        ({"uptime": 100}, {"uptime": 101}),
        ({"uptime": 1}, {"uptime": 1}),
    ],
)
def test_an_object_of_a_process_that_goes_on_is_asked_for(before: dict[str, Any], now: dict[str, Any]) -> None:
    assert commands(waiting(before).answer({**ONE, **now})) == ["inspect"]


@pytest.mark.parametrize("answers", [{}, {"session_state": {"work": 1}}])
def test_a_session_that_was_made_on_the_way_to_a_link_that_failed_shows_no_process_that_goes_on(
    answers: dict[str, Any],
) -> None:
    world = waiting({}, Settings())
    world.context["notes"] = 1
    world.answer(ONE)
    world.refuse("SessionNotFound")
    world.answer(ONE)
    assert world.asked().command == "create_session"
    world.answer({"session_id": "s1", **answers})
    assert world.asked().command == "update_session_state"
    world.lost()
    world.wait_for_deadline()
    world.opened()
    world.answer(ONE)
    assert (world.asked().command, world.asked().parameters["session_id"]) == ("restore_session", "s1")
    effects = [*world.answer({"session_id": "s1", **answers}), *world.answer()]
    assert world.core.status(world.now).backend_verdict is BackendVerdict.RESTARTED
    assert endings(effects) == [(2, "NotSent")]


def test_a_session_that_was_missed_on_the_way_is_not_asked_for_again_as_one_of_its_number_may_be_anybodys() -> None:
    world = waiting({}, Settings())
    world.answer(ONE)
    number = world.asked().parameters["session_id"]
    world.refuse("SessionNotFound")
    world.answer(ONE)
    assert world.asked().command == "create_session"
    world.lost()
    world.wait_for_deadline()
    world.opened()
    world.answer(ONE)
    assert world.asked().command == "create_session"
    effects = world.answer({"session_id": number})
    assert world.core.status(world.now).backend_verdict is BackendVerdict.RESTARTED
    assert endings(effects) == [(2, "NotSent")]


def test_an_object_is_asked_for_where_the_session_was_resumed() -> None:
    world = at("connected, asking")
    world.submit("inspect", objectId=42)
    world.lost()
    world.wait_for_deadline()
    effects = world.link("one")
    assert world.core.status(world.now).backend_verdict is BackendVerdict.RESUMED
    assert commands([*effects, *world.answer()])[-2:] == ["evaluate", "inspect"]


def test_where_the_session_was_lost_what_names_nothing_of_the_process_is_sent_all_the_same() -> None:
    world = at("connected, asking")
    world.submit("inspect", objectId=42)
    world.lost()
    world.wait_for_deadline()
    world.opened()
    world.answer(ONE)
    world.refuse("SessionNotFound")
    world.answer(ONE)
    effects = [*world.answer({"session_id": "s2"}), *world.shake_hands()]
    assert (endings(effects), commands(effects)[-1]) == ([(3, "NotSent")], "evaluate")


def test_an_object_that_was_being_asked_for_is_not_asked_for_again_and_may_have_been_answered() -> None:
    world = one_off()
    world.submit("inspect", objectId=42)
    assert endings(world.lost()) == []
    world.wait_for_deadline()
    effects = [*world.opened(), *world.answer(ONE)]
    assert (endings(effects), commands(effects)) == ([(1, "OutcomeUnknown")], ["ping"])


def test_on_a_runs_first_link_it_is_sent() -> None:
    world = World(ONE_OFF)
    world.start(HERE)
    world.submit("inspect", objectId=42)
    world.lost()
    world.wait_for_deadline()
    world.opened()
    assert commands(world.answer(ONE)) == ["inspect"]


def test_a_process_that_is_another_on_the_same_link_is_not_asked_for_objects_of_the_one_before() -> None:
    world = World(ONE_OFF)
    world.start(HERE)
    world.opened()
    world.answer({**ONE, "boot_id": "a"})
    world.wait(10.0)
    world.submit("inspect", objectId=42)
    world.submit("evaluate", code="1")
    effects = world.answer({**ONE, "boot_id": "b"})
    assert (endings(effects), commands(effects), triggers(effects)) == ([(1, "NotSent")], ["evaluate"], [])
    world.answer()
    assert commands(world.submit("inspect", objectId=43)) == ["inspect"]


def test_the_process_of_an_attempt_that_failed_is_none_that_anybody_knew() -> None:
    world = waiting({"boot_id": "a"}, Settings())
    world.answer({**ONE, "boot_id": "b"})
    world.lost()
    world.wait_for_deadline()
    world.opened()
    world.answer({**ONE, "boot_id": "a"})
    world.refuse("SessionNotFound")
    world.answer({**ONE, "boot_id": "a"})
    assert commands([*world.answer({"session_id": "s2"}), *world.shake_hands()])[-1] == "inspect"


def away(before: dict[str, Any]) -> World:
    """There was a link, and there is none now."""
    world = World(ONE_OFF)
    world.start(HERE)
    world.opened()
    world.answer({**ONE, **before})
    world.lost()
    return world


@pytest.mark.parametrize(
    ("before", "now", "is_sent"),
    [({"boot_id": "a"}, {"boot_id": "b"}, False), ({}, {}, False), ({"boot_id": "a"}, {"boot_id": "a"}, True)],
    ids=["another process", "nothing tells", "the same process"],
)
def test_what_is_asked_while_there_is_no_link_is_about_the_process_that_was_there(
    before: dict[str, Any], now: dict[str, Any], is_sent: bool
) -> None:
    world = away(before)
    world.submit("inspect", objectId=42)
    world.wait_for_deadline()
    world.opened()
    effects = world.answer({**ONE, **now})
    assert (commands(effects), endings(effects)) == ((["inspect"], []) if is_sent else ([], [(1, "NotSent")]))


def test_what_is_asked_of_an_endpoint_that_was_named_since_is_not() -> None:
    world = away({"boot_id": "a"})
    world.tell(inputs.Connect(THERE))
    world.submit("inspect", objectId=42)
    world.opened()
    assert commands(world.answer({**ONE, "boot_id": "b"})) == ["inspect"]
