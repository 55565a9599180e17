"""A path that drops everything, a process that stands still: found in time, and never confused with work."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stui_supervisor import State, Supervisor, Transition
from tests.support.backend_process import BackendProcess
from tests.support.watching import until

FOUND_S = 3.5
LIMIT_S = 20.0
ENDS = ("10.77.1.1/32", "10.77.2.1/32")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only on Linux")


async def test_a_frozen_backend_is_given_up_in_time_and_is_back_when_it_thaws(tmp_path: Path) -> None:
    async with BackendProcess() as backend, Supervisor(backend.endpoint, home=tmp_path) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        await until(lambda: hears_heartbeats(supervisor))
        backend.freeze()
        began = time.monotonic()
        try:
            await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
            took_s = time.monotonic() - began
            why = supervisor.status().last_error
        finally:
            backend.thaw()
        assert took_s <= FOUND_S
        assert "frozen" in str(why)
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)


async def test_a_busy_image_is_not_taken_for_a_frozen_one(tmp_path: Path) -> None:
    async with BackendProcess() as backend, Supervisor(backend.endpoint, home=tmp_path) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        stream = supervisor.events()
        answer = await supervisor.request("evaluate", {"code": "(Delay forSeconds: 8) wait. 3 + 4"})
        assert answer["result"] == "7"
        await supervisor.stop()
        moves = [event.to_state async for event in stream if isinstance(event, Transition)]
        assert State.RECOVERING not in moves


async def test_a_silent_drop_is_found_in_time_and_healed_soon(tmp_path: Path) -> None:
    with network() as endpoint:
        words = ["ip", "netns", "exec", "stui-c", sys.executable, "-m", "tests.support.drop_client", endpoint]
        client = await asyncio.create_subprocess_exec(
            *words, str(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            async with asyncio.timeout(2 * LIMIT_S):
                assert await told(client) == ["connected"]
                route("add")
                await go_on(client)
                found, found_s = await told(client)
                route("del")
                await go_on(client)
                healed, healed_s = await told(client)
                await go_on(client)
        finally:
            if client.returncode is None:
                client.kill()
            await client.wait()
        assert (found, healed) == ("recovering", "replied")
        assert float(found_s) <= FOUND_S
        assert float(healed_s) <= 2.0


def hears_heartbeats(supervisor: Supervisor) -> bool:
    """Only of a peer that has answered them is silence a verdict."""
    path = supervisor._core._attempt.path
    return path is not None and path.hears_heartbeats


async def told(client: asyncio.subprocess.Process) -> list[str]:
    assert client.stdout is not None
    return (await client.stdout.readline()).decode().split()


async def go_on(client: asyncio.subprocess.Process) -> None:
    assert client.stdin is not None
    client.stdin.write(b"on\n")
    await client.stdin.drain()


def route(what: str) -> None:
    """Let the router drop what goes either way without a word, or let it through again."""
    for end in ENDS:
        ip("-n", "stui-r", "route", what, "blackhole", end)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)  # noqa: S607  # the system's own tool


@contextmanager
def network() -> Iterator[str]:
    """A client's, a router's and a backend's host, each in a namespace; a backend listens in the last."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2 to make network namespaces")
    hosts = ("stui-c", "stui-r", "stui-b")
    backend: subprocess.Popen[bytes] | None = None
    try:
        for host in hosts:
            ip("netns", "add", host)
            ip("-n", host, "link", "set", "lo", "up")
        for number, (host, near, far) in enumerate((("stui-c", "c0", "r0"), ("stui-b", "b0", "r1")), start=1):
            ip("link", "add", near, "netns", host, "type", "veth", "peer", "name", far, "netns", "stui-r")
            ip("-n", host, "addr", "add", f"10.77.{number}.1/24", "dev", near)
            ip("-n", "stui-r", "addr", "add", f"10.77.{number}.2/24", "dev", far)
            ip("-n", host, "link", "set", near, "up")
            ip("-n", "stui-r", "link", "set", far, "up")
            ip("-n", host, "route", "add", "default", "via", f"10.77.{number}.2")
        ip("netns", "exec", "stui-r", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        words = ["ip", "netns", "exec", "stui-b", sys.executable, "-m", "stui_supervisor.backend", "--json"]
        backend = subprocess.Popen([*words, "--bind", "tcp://10.77.2.1:5555"], stdout=subprocess.PIPE)
        assert backend.stdout is not None
        yield str(json.loads(backend.stdout.readline())["listening"])
    finally:
        if backend is not None and backend.stdout is not None:
            backend.send_signal(signal.SIGTERM)
            backend.wait(LIMIT_S)
            backend.stdout.close()
        for host in hosts:
            subprocess.run(["ip", "netns", "del", host], check=False, stderr=subprocess.DEVNULL)  # noqa: S607  # as above
