"""The program's own event loop stands still for ten seconds: no verdict on the backend comes of it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from stui_supervisor import State, Supervisor, Transition
from stui_supervisor.health.heartbeats import Heartbeats
from tests.support.processes.backend_process import BackendProcess
from tests.support.programs.watching import LIMIT_S, queued, until

STALLED_S = 10.0
WORKING = "(Delay forSeconds: 3) wait. 3 + 4"
ANY_VERDICT_S = 3.0


async def test_a_loop_that_stood_still_for_ten_seconds_judges_nobody_and_loses_no_reply(tmp_path: Path) -> None:
    async with (
        BackendProcess() as quiet,
        BackendProcess() as working,
        Supervisor(quiet.endpoint, home=tmp_path / "idle") as idle,
        Supervisor(working.endpoint, home=tmp_path / "asking") as asking,
    ):
        both = (idle, asking)
        for supervisor in both:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        streams = [supervisor.events() for supervisor in both]
        answer = asyncio.create_task(asking.request("evaluate", {"code": WORKING}, timeout=5.0))
        await until(lambda: all(map(knows_heartbeats, both)))
        stand_still_before_the_next_look(asking)
        assert (await answer)["result"] == "7"
        await asyncio.sleep(ANY_VERDICT_S)
        assert [event for stream in streams for event in queued(stream) if isinstance(event, Transition)] == []
        assert [supervisor.status().last_error for supervisor in both] == [None, None]


def knows_heartbeats(supervisor: Supervisor) -> bool:
    """True once silence would be a verdict on the peer; elsewhere than on Linux it never is."""
    path = supervisor._core._leaves.attempt.connection.path
    return path is None or path.heartbeats is Heartbeats.HEARD


def stand_still_before_the_next_look(supervisor: Supervisor) -> None:
    """Block the loop so that its timer rings, ten seconds late, before any socket is read."""
    assert supervisor._lifecycle.driver is not None
    loop = asyncio.get_running_loop()
    loop.call_at(supervisor._lifecycle.driver._timer.armed_for - 0.0005, time.sleep, STALLED_S)
