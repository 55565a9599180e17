"""Any public call may be cancelled at any moment: nothing hangs, nothing is lost, the supervisor goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor import RequestFinished, State, Supervisor
from stui_supervisor.backend import BackendSettings
from tests.support.processes.backend_process import BackendProcess
from tests.support.programs.scenes import ENDPOINT, scene
from tests.support.programs.watching import LIMIT_S, next_of, open_descriptors, own_threads, until

MOMENTS = range(12)  # turns of the loop after which the call is cancelled
Call = Callable[[Supervisor], Coroutine[Any, Any, Any]]
CALLS: dict[str, Call] = {
    "start": lambda supervisor: supervisor.start(),
    "connect": lambda supervisor: supervisor.connect(ENDPOINT),
    "disconnect": lambda supervisor: supervisor.disconnect(),
    "reconnect": lambda supervisor: supervisor.reconnect(),
    "save": lambda supervisor: supervisor.save(),
    "request": lambda supervisor: supervisor.request("evaluate", {"code": "1 + 1"}),
    "wait_for": lambda supervisor: supervisor.wait_for(State.DEGRADED),
    "events": lambda supervisor: supervisor.events().__anext__(),
}


async def cancelled_after(turns: int, call: Coroutine[Any, Any, Any]) -> None:
    task = asyncio.create_task(call)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=LIMIT_S)
    assert task.done()
    assert task.cancelled() or task.exception() is None


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_that_is_cancelled_leaves_a_supervisor_that_works(name: str, tmp_path: Path) -> None:
    for turns in MOMENTS:
        tasks = asyncio.all_tasks()
        async with scene(State.CONNECTED, tmp_path / str(turns)) as there:
            there.supervisor.context["workspaces"] = [turns]
            await cancelled_after(turns, CALLS[name](there.supervisor))
            await there.supervisor.connect(ENDPOINT)
            await there.supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert (await there.supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"
            await there.supervisor.save()
            assert there.supervisor.status().waiting_requests == 0
        assert asyncio.all_tasks() == tasks
        await until(lambda: not own_threads())


@pytest.mark.parametrize("state", [State.RESTORING, State.CONNECTING, State.CONNECTED, State.RECOVERING])
async def test_a_stop_that_is_cancelled_still_ends_everything(state: State, tmp_path: Path) -> None:
    descriptors = open_descriptors()
    for turns in MOMENTS:
        home = tmp_path / str(turns)
        async with scene(state, home) as there:
            there.supervisor.context["workspaces"] = [turns]
            await cancelled_after(turns, there.supervisor.stop())
            await there.supervisor.stop()
            assert there.supervisor.state is State.DISCONNECTED
        # The last save goes on without us.
        await until(lambda: not own_threads() and open_descriptors() <= descriptors)


async def test_a_block_that_is_cancelled_lets_go_of_the_link_and_keeps_the_work(tmp_path: Path) -> None:
    connected = asyncio.Event()

    async def program(server: BackendProcess) -> None:
        async with Supervisor(server.endpoint, home=tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED)
            supervisor.context["workspaces"] = ["unsaved"]
            connected.set()
            await asyncio.Event().wait()

    async with BackendProcess() as server:
        running = asyncio.create_task(program(server))
        async with asyncio.timeout(LIMIT_S):
            await connected.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert own_threads() == []
        async with Supervisor(home=tmp_path) as again:
            await again.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert dict(again.context) == {"workspaces": ["unsaved"]}


async def test_requests_cancelled_at_every_moment_run_at_most_once_and_have_one_outcome_each(tmp_path: Path) -> None:
    settings = BackendSettings(bind="tcp://127.0.0.1:*", executed_log=tmp_path / "executed")
    async with BackendProcess(settings) as server, Supervisor(server.endpoint, home=tmp_path / "home") as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        stream = supervisor.events()
        for turns in range(1, 41):  # one that is cancelled before it began was never asked
            await cancelled_after(turns, supervisor.request("evaluate", {"code": f"{turns} + 1"}))
        assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"
        for _ in range(41):
            await next_of(stream, RequestFinished)
        executed = server.executed_codes()
        assert len(executed) == len(set(executed)) <= 41
        assert executed[-1] == "3 + 4"
