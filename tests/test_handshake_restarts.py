"""A session that is asked for in a process that is known to be another one: whose it is, and who answers by now."""

from __future__ import annotations

import json

import pytest

from stui_supervisor import inputs
from stui_supervisor.context import Section
from stui_supervisor.state_data import encode_state_data
from stui_supervisor.states import BackendVerdict, State, Trigger
from stui_supervisor.wire.service import decode_request, encode_result
from tests.support.core_places import at
from tests.support.core_world import World, endings, triggers
from tests.support.pushes import commands, pushed

OTHERS = json.loads(encode_state_data({"theirs": Section(b'"private"', 1, "somebody else")}))


def worked() -> World:
    """Linked to an image that says its boot id, and given work."""
    world = at("connecting, handshake")
    world.answer({"image_id": "one", "boot_id": "first", "uptime": 100})
    world.answer({"session_id": "session_1"})
    world.context["mine"] = "typed"
    world.wait(1.0)
    world.answer()
    return world


def again(world: World, **ping: object) -> None:
    """Linked again, and asking for the session."""
    world.lost()
    while world.open_link is None:
        world.wait_for_deadline()
    world.opened()
    assert commands(world.answer({"image_id": "one", **ping})) == ["restore_session"]


@pytest.mark.parametrize("ping", [{"boot_id": "second"}, {"uptime": 1}], ids=["boot id", "uptime"])
@pytest.mark.parametrize("state", [OTHERS, {}], ids=["another's", "empty"])
def test_a_session_of_a_new_process_that_we_have_never_written_to_is_not_ours(
    ping: dict[str, object], state: dict[str, object]
) -> None:
    world = worked()
    again(world, **ping)
    assert commands(world.answer({"session_id": "session_1", "session_state": state})) == ["ping"]
    assert commands(world.answer({"image_id": "one", **ping})) == ["create_session"]
    world.answer({"session_id": "session_2"})
    assert pushed(world) == {"session": "session_2", "mine": "typed"}
    assert triggers(world.answer()) == [Trigger.ESTABLISHED]
    assert dict(world.context) == {"mine": "typed"}


def test_one_that_holds_what_we_have_written_is_ours_and_the_image_counts_as_restarted() -> None:
    world = worked()
    state = json.loads(encode_state_data(world.context.sections()))
    again(world, boot_id="second")
    assert triggers(world.answer({"session_id": "session_1", "session_state": state})) == [Trigger.ESTABLISHED]
    assert world.core.status(world.now).backend_verdict is BackendVerdict.RESTARTED


def test_what_names_an_object_of_the_old_process_is_not_sent_to_a_new_one_that_has_the_session() -> None:
    world = worked()
    state = json.loads(encode_state_data(world.context.sections()))
    world.submit("evaluate", code="1")
    world.submit("inspect", objectId=42)
    effects = world.lost()
    while world.open_link is None:
        effects += world.wait_for_deadline()
    world.opened()
    world.answer({"image_id": "one", "boot_id": "second"})
    effects += world.answer({"session_id": "session_1", "session_state": state})
    assert ("NotSent" in dict(endings(effects)).values()) is True


def test_where_nothing_tells_the_processes_apart_the_session_is_ours() -> None:
    world = worked()
    again(world)
    assert commands(world.answer({"session_id": "session_1", "session_state": OTHERS})) == ["update_session_state"]
    assert triggers(world.answer()) == [Trigger.ESTABLISHED]
    assert world.core.status(world.now).backend_verdict is BackendVerdict.RESUMED


@pytest.mark.parametrize("image", ["one", "two"])
def test_a_copy_that_comes_after_more_than_ten_seconds_is_taken_once_it_is_known_who_gives_it(image: str) -> None:
    world = worked()
    again(world, boot_id="first", uptime=200)
    restore = world.last_send
    world.wait(12.5)
    answer = encode_result(
        decode_request(restore.body), {"session_id": "session_1", "session_state": OTHERS}, at=world.now.utc
    )
    assert commands(world.tell(inputs.Received(restore.link, restore.token, answer))) == ["ping"]
    assert dict(world.context) == {"mine": "typed"}
    world.answer({"image_id": image})
    assert ("theirs" in world.context) is (image == "one")
    assert world.state is State.RECOVERING
    assert (world.core._exchange.flight is not None) is (image == "one")
