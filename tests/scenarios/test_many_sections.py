"""A context of as many sections as there may be: the host's event loop has its turn all the same."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from math import inf
from pathlib import Path

import pytest

from stui_supervisor import State, Supervisor
from stui_supervisor.config import SECTIONS_MAX
from tests.support.processes.backend_process import BackendProcess
from tests.support.programs.figures import figures
from tests.support.programs.loop_turns import turns_of
from tests.support.programs.watching import LIMIT_S, until

# 5 ms are promised; it took 4 to 13 on a busy machine, and more where the lines that are run are counted.
TURN_MAX_S = 0.015 if sys.gettrace() is None else 0.060
TRIES = 5
LARGE_REPLIES = 5  # above 1 MB, each of which takes a turn to read: three that give the work back, two to a push


def has_pushed(supervisor: Supervisor) -> bool:
    core = supervisor._core
    return core._leaves.exchange.flight is None and core._deadlines._replication._schedule.next_deadline() == inf


async def change_all(supervisor: Supervisor, text: str) -> None:
    for number in range(SECTIONS_MAX):
        if number % 10 == 0:
            await asyncio.sleep(0)
        supervisor.context[f"section {number}"] = f"{text} {number}"


async def one_life(server: BackendProcess, home: Path, text: str | None = None) -> Supervisor:
    """From a start to a stop, with a change of everything between them, or without."""
    async with Supervisor(server.endpoint, home=home) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        if text is not None:
            await change_all(supervisor, text)
            await supervisor.save()
            await until(lambda: has_pushed(supervisor))
        assert len(supervisor.context) == SECTIONS_MAX
    return supervisor


@pytest.mark.timeout(240)
def test_no_turn_of_the_loop_is_long_in_a_whole_life(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async def lives(home: Path) -> None:
        async with BackendProcess() as server:
            first = await one_life(server, home, "first")
            await one_life(server, home)
            await one_life(server, home, "second")  # which the first one has to take over from the disk
            async with first:
                await first.wait_for(State.CONNECTED, timeout=LIMIT_S)
                assert first.context["section 7"] == "second 7"

    turns_of(one_empty_life(tmp_path))  # what has to be imported is by now
    longest_s: list[float] = []
    for number in range(TRIES):  # the least, because a machine that is busy holds up everything
        longest_s.append(turns_of(lives(tmp_path / str(number)))[-1 - LARGE_REPLIES])
        if longest_s[-1] <= TURN_MAX_S:
            break
    record_property("longest turn with 10,000 sections (s)", figures(longest_s))
    assert min(longest_s) <= TURN_MAX_S, longest_s


async def one_empty_life(home: Path) -> None:
    async with BackendProcess() as server, Supervisor(server.endpoint, home=home) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        supervisor.context["work"] = 1
        await supervisor.save()
        await until(lambda: has_pushed(supervisor))
