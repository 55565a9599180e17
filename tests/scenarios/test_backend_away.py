"""Nothing answers at start-up: the program starts all the same, and knows what is going on."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from stui_supervisor import State, Supervisor
from tests.support.processes.backend_process import BackendProcess
from tests.support.programs.watching import LIMIT_S, own_threads


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def test_a_start_takes_no_time_and_recovery_begins_soon(tmp_path: Path) -> None:
    endpoint = f"tcp://127.0.0.1:{unused_port()}"
    for name in ("warm", "measured"):  # imports are a cost of the first start in a process
        began = time.perf_counter()
        async with Supervisor(endpoint, home=tmp_path / name) as supervisor:
            entered_s = time.perf_counter() - began
            await supervisor.wait_for(State.RECOVERING, timeout=2)
            status = supervisor.status()
    assert entered_s <= 0.050
    assert (status.endpoint, status.backend_verdict) == (endpoint, None)
    assert status.attempt > 0
    assert status.last_error is not None
    assert status.last_error.startswith("nothing listens there")
    assert own_threads() == []


async def test_with_nothing_stored_it_is_disconnected_and_says_what_to_do(tmp_path: Path) -> None:
    async with Supervisor(home=tmp_path) as supervisor:
        assert await supervisor.wait_for(State.DISCONNECTED, timeout=2) is State.DISCONNECTED
        status = supervisor.status()
    assert status.last_error == "no endpoint is known; name one, for instance tcp://127.0.0.1:5555"
    assert (status.endpoint, status.attempt, status.store_ok) == (None, 0, True)


async def test_a_backend_that_comes_later_is_found(tmp_path: Path) -> None:
    server = BackendProcess()
    await server.__aenter__()
    server.kill()
    async with Supervisor(server.endpoint, home=tmp_path) as supervisor:
        await supervisor.wait_for(State.RECOVERING, timeout=2)
        async with server:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"


async def test_an_endpoint_that_never_answered_is_not_remembered(tmp_path: Path) -> None:
    async with BackendProcess() as server:
        async with Supervisor(server.endpoint, home=tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            await supervisor.connect(f"tcp://127.0.0.1:{unused_port()}")
            await supervisor.wait_for(State.RECOVERING, timeout=2)
        async with Supervisor(home=tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert supervisor.status().endpoint == server.endpoint
