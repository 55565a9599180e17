"""What the image is given when the program ends."""

from __future__ import annotations

import asyncio
from math import inf
from pathlib import Path

import pytest

from stui_supervisor import State, Supervisor
from stui_supervisor.config import LAST_PUSH_S, PUSHES_UNTOLD, STOP_TIMEOUT_S
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import CloseLink, Finish, Release, Save
from stui_supervisor.errors import NotSent
from stui_supervisor.testing import FakePeer
from tests.support.core.places import at
from tests.support.core.pushes import commands
from tests.support.core.world import RESET, World, only, triggers
from tests.support.processes.embedded_image import EmbeddedImage
from tests.support.programs.driver_life import ENDPOINT
from tests.support.programs.watching import LIMIT_S, own_threads


def changed() -> World:
    """Linked, with a change that the image does not have."""
    world = at("connected")
    world.context["work"] = "new"
    return world


def has_ended(world: World) -> bool:
    return (world.state, world.core.is_running, world.core.next_deadline()) == (State.DISCONNECTED, False, inf)


def test_the_image_gets_the_last_change_and_the_disk_at_the_same_time() -> None:
    world = changed()
    effects = world.tell(inputs.Stop())
    assert commands(effects) == ["update_session_state"]
    assert world.asked().parameters["state_data"]["work"] == "new"
    assert [save.sections is not None for save in only(Save, effects)] == [True]
    assert (triggers(effects), world.core.is_running) == ([], True)
    effects = world.answer()
    assert triggers(effects) == ["stop"]
    assert (len(only(CloseLink, effects)), len(only(Release, effects)), has_ended(world)) == (1, 1, True)


@pytest.mark.parametrize("error_type", ["SessionNotFound", "SessionError"])
def test_an_image_that_has_lost_the_session_is_given_another_with_the_last_change(error_type: str) -> None:
    world = changed()
    world.tell(inputs.Stop())
    assert commands(world.refuse(error_type)) == ["ping"]
    assert commands(world.answer({"image_id": "one"})) == ["create_session"]
    assert commands(world.answer({"session_id": "again"})) == ["update_session_state"]
    assert world.asked().parameters["state_data"]["work"] == "new"
    effects = world.answer()
    assert has_ended(world)
    assert [save.record.backend_session for save in only(Save, effects)] == ["again"]


def test_an_image_that_does_not_manage_to_take_it_gets_it_a_few_times_more_and_no_other_session() -> None:
    world = changed()
    said = commands(world.tell(inputs.Stop()))
    while not has_ended(world):
        is_ping = said[-1] == "ping"
        said += commands(world.answer({"image_id": "one"}) if is_ping else world.refuse("InternalError"))
    assert [command for command in said if command != "ping"] == ["update_session_state"] * PUSHES_UNTOLD


@pytest.mark.parametrize("refused", ["the session", "the second push"])
def test_an_image_that_refuses_it_again_is_asked_for_nothing_more(refused: str) -> None:
    world = changed()
    world.tell(inputs.Stop())
    world.refuse("SessionNotFound")
    world.answer({"image_id": "one"})
    if refused == "the second push":
        world.answer({"session_id": "again"})
    assert commands(world.refuse("SessionError")) == []
    assert has_ended(world)


def test_a_session_that_is_being_made_is_waited_for_so_that_the_image_keeps_none_that_nobody_knows() -> None:
    world = changed()
    world.wait(1.0)
    world.refuse("SessionNotFound")
    world.tell(inputs.Stop())
    assert not has_ended(world)
    assert commands(world.answer({"image_id": "one"})) == ["create_session"]
    assert commands(world.answer({"session_id": "again"})) == ["update_session_state"]
    world.answer()
    assert has_ended(world)


def test_an_image_that_does_not_answer_holds_up_the_end_for_a_moment_only() -> None:
    world = changed()
    world.tell(inputs.Stop())
    assert triggers(world.wait(LAST_PUSH_S - 0.001)) == []
    assert triggers(world.wait(0.001)) == ["stop"]
    assert has_ended(world)


def test_a_second_stop_does_not_wait() -> None:
    world = changed()
    world.tell(inputs.Stop())
    assert triggers(world.tell(inputs.Stop())) == ["stop"]
    assert has_ended(world)


def test_a_link_that_ends_meanwhile_is_not_made_again() -> None:
    world = changed()
    world.tell(inputs.Stop())
    assert triggers(world.lost(RESET))[-1] == "stop"
    assert (has_ended(world), world.open_link) == (True, None)


def test_a_push_that_is_under_way_is_waited_for_and_what_was_changed_since_follows() -> None:
    world = changed()
    assert commands(world.wait(1.0)) == ["update_session_state"]
    world.context["work"] = "newer"
    assert commands(world.tell(inputs.Stop())) == []
    assert commands(world.answer()) == ["update_session_state"]
    assert world.asked().parameters["state_data"]["work"] == "newer"
    assert not has_ended(world)
    world.answer()
    assert has_ended(world)


def test_what_waits_behind_a_push_that_is_under_way_is_not_sent_at_the_end() -> None:
    world = changed()
    world.wait(1.0)
    world.submit()
    effects = world.tell(inputs.Stop())
    assert [type(finish.error) for finish in only(Finish, effects)] == [NotSent]
    assert not has_ended(world)
    effects = world.answer()
    assert (commands(effects), only(Finish, effects), has_ended(world)) == ([], [], True)


def test_the_last_push_follows_the_reply_to_a_ping() -> None:
    world = at("connected")
    assert commands(world.wait(10.0)) == ["ping"]
    world.context["work"] = "new"
    assert commands(world.tell(inputs.Stop())) == []
    assert commands(world.answer()) == ["update_session_state"]
    world.answer()
    assert has_ended(world)


def test_a_ping_alone_is_not_waited_for() -> None:
    world = at("connected")
    assert commands(world.wait(10.0)) == ["ping"]
    world.tell(inputs.Stop())
    assert has_ended(world)


def test_a_request_that_was_given_up_is_not_waited_for() -> None:
    world = at("connected")
    world.submit(timeout=1.0)
    world.wait(2.0)
    world.tell(inputs.Stop())
    assert has_ended(world)


def test_where_the_image_has_everything_the_end_is_at_once() -> None:
    world = at("connected")
    assert commands(world.tell(inputs.Stop())) == []
    assert has_ended(world)


def test_nothing_is_said_to_an_image_that_works_for_us() -> None:
    world = changed()
    world.submit()
    world.submit()
    effects = world.tell(inputs.Stop())
    assert (commands(effects), len(only(Finish, effects)), has_ended(world)) == ([], 2, True)


def test_a_request_after_the_stop_is_not_sent_either() -> None:
    world = changed()
    world.tell(inputs.Stop())
    effects = world.submit()
    assert [type(finish.error) for finish in only(Finish, effects)] == [NotSent]
    assert (commands(effects), has_ended(world)) == ([], True)


@pytest.mark.parametrize("place", ["restoring", "connecting, handshake", "recovering, waiting", "disconnected"])
def test_without_a_link_the_end_is_at_once(place: str) -> None:
    world = at(place)
    world.context["work"] = "new"
    world.tell(inputs.Stop())
    assert has_ended(world)


# With everything around it


async def test_an_image_that_answers_has_what_was_changed_just_before_the_end(tmp_path: Path) -> None:
    image = EmbeddedImage()
    async with Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(image)) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        supervisor.context["cursor"] = {"line": 7}
    assert image.asked("update_session_state")[-1]["state_data"]["cursor"] == {"line": 7}
    assert own_threads() == []


async def test_a_silent_image_does_not_keep_a_program_from_ending(tmp_path: Path) -> None:
    image = EmbeddedImage()
    supervisor = Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(image))
    await supervisor.start()
    await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
    supervisor.context["work"] = "new"
    image.silent = True
    began = asyncio.get_running_loop().time()
    await supervisor.stop()
    assert asyncio.get_running_loop().time() - began < STOP_TIMEOUT_S
    assert (supervisor.state, own_threads()) == (State.DISCONNECTED, [])
