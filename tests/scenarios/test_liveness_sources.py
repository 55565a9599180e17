"""Who says that a link is dead: the kernel, or heartbeats alone; and with a peer that knows none, nobody too early."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from stui_supervisor import Endpoint, Settings, State, Supervisor, Transition
from stui_supervisor.adapters.zmq.transport import ZmqTransport
from stui_supervisor.backend import BackendSettings
from stui_supervisor.config import DEFAULTS
from stui_supervisor.health.heartbeats import Heartbeats
from stui_supervisor.health.sample import PathSample
from stui_supervisor.ports import Link, LinkListener, LinkTimes
from tests.support.networks.tunnel import tunnel
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.zmtp_peer import busy_without_heartbeats, without_heartbeats
from tests.support.programs.watching import LIMIT_S, entering, queued, settle, until

ATTENTIVE = Settings(
    heartbeat_interval_s=0.1, heartbeat_timeout_s=1.0, silent_after_s=0.3, dead_after_s=0.5, ping_interval_s=0.7
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="only on systems that can stop a process")


class WithoutKernel:
    """ZeroMQ links as they are where the system does not let us look at a connection."""

    def __init__(self) -> None:
        self._transport = ZmqTransport()

    def __call__(self, endpoint: Endpoint, times: LinkTimes) -> Link:
        return _NotLookedAt(self._transport(endpoint, times))

    def close(self) -> None:
        self._transport.close()


class _NotLookedAt:
    def __init__(self, link: Link) -> None:
        self._link = link

    def open(self, listener: LinkListener) -> None:
        self._link.open(listener)

    def send(self, token: bytes, body: bytes) -> bool:
        return self._link.send(token, body)

    def look(self) -> PathSample | None:
        return None

    def knock(self) -> None:
        pass

    def close(self) -> None:
        self._link.close()


@pytest.fixture
async def without_kernel() -> AsyncIterator[WithoutKernel]:
    links = WithoutKernel()
    yield links
    links.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux")
async def test_the_status_and_the_log_say_that_the_kernel_is_asked(tmp_path: Path) -> None:
    async with BackendProcess() as server, Supervisor(server.endpoint, home=tmp_path) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert supervisor.status().liveness_source == "kernel"
    assert established(tmp_path) == "a first session with this backend, or one that keeps none (liveness: kernel)"


async def test_where_the_kernel_cannot_be_asked_heartbeats_end_a_dead_link(
    tmp_path: Path, without_kernel: WithoutKernel
) -> None:
    async with (
        BackendProcess() as server,
        Supervisor(server.endpoint, home=tmp_path, settings=ATTENTIVE, link=without_kernel) as supervisor,
    ):
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert supervisor.status().liveness_source == "heartbeat"
        server.freeze()
        try:
            await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
        finally:
            server.thaw()
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
    assert "(liveness: heartbeat)" in established(tmp_path)


async def test_a_frozen_backend_behind_ipc_is_given_up_as_soon_as_one_behind_tcp(tmp_path: Path) -> None:
    settings = BackendSettings(bind=f"ipc://{tmp_path}/stui")
    async with BackendProcess(settings) as server, Supervisor(server.endpoint, home=tmp_path / "home") as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert supervisor.status().liveness_source == "heartbeat"
        loop = asyncio.get_running_loop()
        server.freeze()
        began_s = loop.time()
        try:
            await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
            took_s = loop.time() - began_s
        finally:
            server.thaw()
        assert took_s < 3.5
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)


async def test_a_busy_image_behind_ipc_is_waited_for(tmp_path: Path) -> None:
    settings = BackendSettings(bind=f"ipc://{tmp_path}/stui")
    async with BackendProcess(settings) as server, Supervisor(server.endpoint, home=tmp_path / "home") as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        answer = await supervisor.request("evaluate", {"code": "(Delay forSeconds: 4) wait. 3 + 4"})
        assert answer["result"] == "7"


async def a_ping(supervisor: Supervisor) -> None:
    """Wait until the next ping is answered."""
    before = supervisor.status().rtt_ms
    await until(lambda: supervisor.status().rtt_ms != before)


async def test_a_peer_that_answers_no_heartbeat_is_not_taken_for_a_frozen_one(tmp_path: Path) -> None:
    lasting = Settings(heartbeat_interval_s=0.1, silent_after_s=0.3, dead_after_s=0.5, ping_interval_s=1.5)
    with without_heartbeats() as endpoint:
        async with Supervisor(endpoint, home=tmp_path, settings=lasting) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            stream = supervisor.events()
            for _ in range(20):
                assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"
                await settle()  # so that many a look comes between two replies
            for _ in range(2):
                await a_ping(supervisor)  # idle for longer than any verdict takes
            assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"
            assert [event for event in queued(stream) if isinstance(event, Transition)] == []


async def test_a_peer_without_heartbeats_that_is_busy_from_the_beginning_is_waited_for(tmp_path: Path) -> None:
    with busy_without_heartbeats(5.0) as endpoint:
        async with Supervisor(endpoint, home=tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux")
async def test_a_backend_that_freezes_while_it_was_never_left_idle_is_found_by_the_kernel(tmp_path: Path) -> None:
    async with BackendProcess() as server, Supervisor(server.endpoint, home=tmp_path) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        stream, loop = supervisor.events(), asyncio.get_running_loop()
        began_s = loop.time()
        while loop.time() - began_s < 2.5:
            await supervisor.request("get_session_statistics")
        server.freeze()
        began_s = loop.time()
        waiting = asyncio.create_task(supervisor.request("get_session_statistics"))
        try:
            lost = await entering(stream, State.RECOVERING)
            took_s = loop.time() - began_s
        finally:
            server.thaw()
        assert took_s < 3.5
        assert "frozen" in lost.reason
        assert "total_sessions" in await waiting


def established(home: Path) -> str:
    """What the log says about the first link."""
    lines = [json.loads(line) for file in home.rglob("*.jsonl") for line in file.read_text("utf-8").splitlines()]
    return str(next(line["reason"] for line in lines if line.get("trigger") == "established"))


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux")
async def test_a_large_request_gets_through_a_tunnel_that_takes_much_and_hands_it_on_slowly(tmp_path: Path) -> None:
    settings = replace(ATTENTIVE, heartbeat_timeout_s=DEFAULTS.heartbeat_timeout_s)
    async with (
        BackendProcess() as backend,
        tunnel(Endpoint.parse(backend.endpoint).port, bytes_per_s=150_000, takes_bytes=150_000) as endpoint,
        Supervisor(endpoint, home=tmp_path, settings=settings) as supervisor,
    ):
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        path = supervisor._core._leaves.attempt.connection.path
        assert path is not None
        await until(lambda: path.heartbeats is Heartbeats.HEARD)
        stream = supervisor.events()
        reply = await supervisor.request("evaluate", {"code": f"'{'x' * 300_000}' size"})
        assert reply["result"] == "300000"
        assert State.RECOVERING not in [event.to_state for event in queued(stream) if isinstance(event, Transition)]
