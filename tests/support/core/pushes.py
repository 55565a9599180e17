"""What is said to an image about its copy of the context."""

from __future__ import annotations

from collections.abc import Sequence

from stui_supervisor.core.effects import Effect, Send
from stui_supervisor.events import Problem
from stui_supervisor.wire.service import decode_request
from tests.support.core.world import World, only, told


def commands(effects: Sequence[Effect]) -> list[str]:
    """What was said on the link, in order."""
    return [decode_request(send.body).command for send in only(Send, effects)]


def codes(effects: Sequence[Effect]) -> list[str]:
    """The problems that the user hears of, in order."""
    return [problem.code for problem in told(Problem, effects)]


def pushed(world: World) -> dict[str, object]:
    """The sections in the last message, and the session that they are for."""
    asked = world.asked()
    assert asked.command == "update_session_state"
    state = {name: value for name, value in asked.parameters["state_data"].items() if name != "stui_supervisor"}
    return {"session": asked.parameters["session_id"], **state}


def pausing(world: World) -> World:
    """The user has changed something and paused; the push is on its way."""
    world.context["work"] = "new"
    assert commands(world.wait(1.0)) == ["update_session_state"]
    return world


def wait_quietly(world: World, seconds: float) -> list[str]:
    """What is said on the link meanwhile, beside pings that are answered."""
    said, end = [], world.now.monotonic_s + seconds
    while world.now.monotonic_s < end:
        due = world.core.next_deadline()
        step = min(due, end) - world.now.monotonic_s
        for command in commands(world.wait(max(step, 0.0))):
            said.append(command)
            if command == "ping":
                said += commands(world.answer({"image_id": "one"}))
    return [command for command in said if command != "ping"]
