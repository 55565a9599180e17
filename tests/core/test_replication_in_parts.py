"""A context of many sections is merged and pushed over several turns: what happens between two of them."""

from __future__ import annotations

import json

from stui_supervisor.context.context import METADATA_KEY
from stui_supervisor.context.image_copy import encode_state_data
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Effect, Save, SaveSnapshot, Send
from stui_supervisor.machine.states import State
from stui_supervisor.wire.service import encode_result
from tests.support.core.places import at
from tests.support.core.pushes import commands
from tests.support.core.world import HERE, World, only, section, stored

MANY = 1_000
NAMES = [f"s{number}" for number in range(MANY)]


def turn(world: World) -> list[Effect]:
    return world.tell(inputs.TimePassed())


def is_amid(world: World) -> bool:
    """True while a part is due at once."""
    return world.core.next_deadline() == world.now.monotonic_s


def amid_merge(ours: int = 1, theirs: int = 2) -> World:
    """A link whose image has another copy of every section, after a few parts of taking that over."""
    world = World()
    world.start()
    sections = {name: section(f"our {name}", ours) for name in NAMES}
    world.loaded(stored(sections=sections, endpoint=str(HERE), image_id="one", backend_session="s1"))
    world.opened()
    world.answer({"image_id": "one"})
    copy = {name: section(f"their {name}", theirs) for name in NAMES}
    state = json.loads(encode_state_data(copy))
    body = encode_result(world.asked(), {"session_state": state}, at=world.now.utc)
    world.tell(inputs.Received(world.last_send.link, world.last_send.token, body))
    while not any(value.startswith("their") for value in map(str, world.context.values())):
        assert is_amid(world)
        turn(world)
    return world


def finish(world: World) -> list[Effect]:
    effects: list[Effect] = []
    while is_amid(world):
        effects += turn(world)
    return effects


def test_what_is_taken_over_in_parts_is_told_and_kept_once_and_only_then_is_it_saved() -> None:
    world = amid_merge()
    taken = sum(value.startswith("their") for value in map(str, world.context.values()))
    assert 0 < taken < MANY
    effects = finish(world)
    (kept,) = only(SaveSnapshot, effects)
    assert kept.sections == {name: section(f"our {name}", 1) for name in NAMES}
    assert dict(world.context) == {name: f"their {name}" for name in NAMES}
    assert [effects.index(save) > effects.index(kept) for save in only(Save, effects)] == [True]
    assert world.state is State.CONNECTED


def test_a_link_that_is_lost_meanwhile_leaves_what_was_taken_and_what_gave_way_to_it_is_kept() -> None:
    world = amid_merge()
    taken = {name for name, value in world.context.items() if value.startswith("their")}
    effects = world.lost()
    (kept,) = only(SaveSnapshot, effects)
    assert set(kept.sections) == taken
    assert {name for name, value in world.context.items() if value.startswith("their")} == taken


def test_what_the_user_changes_meanwhile_wins() -> None:
    world = amid_merge()
    world.context[NAMES[0]] = world.context[NAMES[-1]] = "mine"
    finish(world)
    assert (world.context[NAMES[0]], world.context[NAMES[1]]) == ("mine", f"their {NAMES[1]}")
    assert world.context[NAMES[-1]] == "mine"


def test_nothing_else_is_sent_while_a_push_is_put_together_and_what_changes_then_is_pushed_next() -> None:
    world = at("connected")
    for name in NAMES:
        world.context[name] = name
    pushing: list[Effect] = []
    while not is_amid(world):
        pushing += world.wait_for_deadline()
    assert only(Send, pushing) == []
    effects = world.submit(code="3")
    world.context["late"] = 1
    assert only(Send, effects) == []
    effects = finish(world)
    assert commands(effects) == ["update_session_state"]
    state = world.asked().parameters["state_data"]
    assert set(NAMES) <= state.keys()
    assert len(state[METADATA_KEY]["sections"]) >= MANY
    assert commands(world.answer()) == ["evaluate"]
    assert "update_session_state" in commands([*world.answer({"result": "3"}), *world.wait(5.0)])


def test_a_stop_meanwhile_ends_within_its_time_and_loses_nothing() -> None:
    world = amid_merge()
    effects = world.tell(inputs.Stop())
    effects += world.wait(1.0)
    assert world.state is State.DISCONNECTED
    kept = {name for snapshot in only(SaveSnapshot, effects) for name in snapshot.sections}
    assert kept == {name for name, value in world.context.items() if value.startswith("their")}
