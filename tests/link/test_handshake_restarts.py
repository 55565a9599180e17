"""A session that is asked for in a process that is known to be another one: whose it is, and who answers by now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import pytest

from stui_supervisor.context.context import Section
from stui_supervisor.context.image_copy import encode_state_data
from stui_supervisor.core import inputs
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.machine.states import BackendVerdict, State, Trigger
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.peer.process import Process
from stui_supervisor.session.records import ClaimedSession, SessionRecord
from stui_supervisor.wire.service import decode_request, encode_result
from tests.support.core.places import at
from tests.support.core.pushes import commands, pushed
from tests.support.core.world import HERE, THERE, World, endings, triggers

OTHERS = json.loads(encode_state_data({"theirs": Section(b'"private"', 1, "somebody else")}))
MINE: Final = {"mine": Section(b'"typed"', 1, "an earlier process of mine")}


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


def test_one_that_holds_what_we_have_written_is_ours_and_resumed() -> None:
    world = worked()
    state = json.loads(encode_state_data(world.context.sections()))
    again(world, boot_id="second")
    assert triggers(world.answer({"session_id": "session_1", "session_state": state})) == [Trigger.ESTABLISHED]
    assert world.core.status(world.now).backend_verdict is BackendVerdict.RESUMED


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
    assert (world.core._leaves.exchange.flight is not None) is (image == "one")


# From one run to the next, and from one endpoint to another


def in_a_new_run(record: SessionRecord, endpoint: Endpoint = HERE, sections: Mapping[str, Section] = MINE) -> World:
    """Another process goes on with the session, and shakes hands."""
    world = World()
    world.start(endpoint)
    world.loaded(ClaimedSession(session_id="a", record=record, sections=sections, fresh=False))
    world.opened()
    return world


@pytest.mark.parametrize(
    ("endpoint", "ping", "is_ours"),
    [
        (HERE, {"boot_id": "second", "uptime": 200}, False),
        (HERE, {"boot_id": "first", "uptime": 1}, True),
        (HERE, {"uptime": 1}, False),
        (HERE, {"uptime": 100}, True),
        (HERE, {}, True),
        (THERE, {"boot_id": "second"}, False),
        (THERE, {"boot_id": "first"}, True),
        (THERE, {"uptime": 1}, False),
        (THERE, {}, False),
    ],
)
def test_in_a_new_run_too_a_session_of_another_process_is_ours_only_where_it_holds_what_we_wrote(
    endpoint: Endpoint, ping: dict[str, object], is_ours: bool
) -> None:
    world = in_a_new_run(worked().record, endpoint)
    world.answer({"image_id": "one", **ping})
    effects = world.answer({"session_id": "session_1", "session_state": OTHERS})
    assert commands(effects) == (["update_session_state"] if is_ours else ["ping"])


def test_what_was_written_anew_while_the_image_was_away_shows_by_what_it_has_of_before() -> None:
    state = json.loads(encode_state_data(MINE))
    world = in_a_new_run(worked().record)
    world.context["mine"] = "typed anew"
    world.answer({"image_id": "one", "boot_id": "second"})
    assert commands(world.answer({"session_id": "session_1", "session_state": state})) == ["update_session_state"]
    assert triggers(world.answer()) == [Trigger.ESTABLISHED]
    assert world.core.status(world.now).backend_verdict is BackendVerdict.RESUMED


def test_the_process_that_had_the_session_is_the_latest_one() -> None:
    world = worked()
    state = json.loads(encode_state_data(world.context.sections()))
    again(world, boot_id="second", uptime=5)
    world.answer({"session_id": "session_1", "session_state": state})
    session = world.record.session
    assert session is not None
    assert session.process == Process(identity_of("second"), None, 5).in_short


# On a link in use


@pytest.mark.parametrize("ping", [{"boot_id": "second"}, {"uptime": 1}], ids=["boot id", "uptime"])
def test_behind_a_living_link_a_new_process_gets_nothing_before_its_session_is_known_to_be_ours(
    ping: dict[str, object],
) -> None:
    world = worked()
    world.wait(10.0)
    world.context["mine"] = "typed since"
    assert triggers(world.answer({"image_id": "one", **ping})) == [Trigger.LINK_LOST]
    while world.open_link is None:
        world.wait_for_deadline()
    world.opened()
    assert commands(world.answer({"image_id": "one", **ping})) == ["restore_session"]
    assert commands(world.answer({"session_id": "session_1", "session_state": OTHERS})) == ["ping"]
    assert commands(world.answer({"image_id": "one", **ping})) == ["create_session"]


def test_a_server_that_calls_itself_otherwise_keeps_its_link() -> None:
    world = worked()
    for clients in range(3):
        world.wait(10.0)
        ping = {"image_id": "one", "boot_id": "first", "server": f"{clients} clients"}
        assert triggers(world.answer(ping)) == []
