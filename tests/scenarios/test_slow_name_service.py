"""A name service that takes longer than an attempt, or hangs: it is named, and a late answer is of use."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from stui_supervisor import AttemptScheduled, Settings, State, Supervisor
from tests.support.networks.names import SlowName, names
from tests.support.processes.strange_servers import ScriptedServer, like_an_old_server
from tests.support.programs.watching import LIMIT_S, next_of, own_threads, until

BRIEF = Settings(attempt_timeout_s=0.1, attempt_timeout_max_s=0.2)
WORDS = "the name service has not answered"


async def test_the_link_comes_up_once_the_name_service_has_answered(tmp_path: Path) -> None:
    slow = SlowName()
    with names(slow=slow), ScriptedServer(like_an_old_server) as server:
        async with Supervisor(
            server.endpoint.replace("127.0.0.1", "slow"), home=tmp_path, settings=BRIEF
        ) as supervisor:
            stream = supervisor.events()
            for _ in range(3):
                assert (await next_of(stream, AttemptScheduled)).failure == WORDS
            assert supervisor.status().last_error == WORDS
            assert own_threads().count("stui-resolve") == 1
            slow.answers.set()
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
    assert slow.times_asked == 1


async def test_a_name_service_that_hangs_holds_up_no_stop(tmp_path: Path) -> None:
    slow = SlowName()
    with names(slow=slow):
        supervisor = Supervisor("tcp://slow:5555", home=tmp_path, settings=BRIEF)
        async with supervisor:
            await next_of(supervisor.events(), AttemptScheduled)
            began = time.monotonic()
        assert time.monotonic() - began < 1.0
        await until(lambda: own_threads() == ["stui-resolve"])
        assert asyncio.all_tasks() == {asyncio.current_task()}
        slow.answers.set()
