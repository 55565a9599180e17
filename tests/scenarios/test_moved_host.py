"""The user's machine gets another address under a link that is up: the link is back by itself, soon."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.other_hosts import hosts, ip, module_at

CLIENT, BACKEND = "stui-mc", "stui-mb"
OLD, NEW, THERE = "10.78.1.1/24", "10.78.1.3/24", "10.78.1.2"
LIMIT_S = 30.0
FOUND_S = 4.5  # the connection is silent for 3 s, and the machine may be busy


async def test_a_link_comes_back_by_itself_when_its_address_is_replaced(tmp_path: Path) -> None:
    with network() as endpoint:
        client = await asyncio.create_subprocess_exec(
            *module_at(CLIENT, "tests.support.drop_client", endpoint, str(tmp_path)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(2 * LIMIT_S):
                assert await told(client) == ["connected"]
                ip("-n", CLIENT, "addr", "del", OLD, "dev", "c0")
                ip("-n", CLIENT, "addr", "add", NEW, "dev", "c0")
                await go_on(client)
                found, found_s = await told(client)
                await go_on(client)
                healed, healed_s = await told(client)
                await go_on(client)
        finally:
            if client.returncode is None:
                client.kill()
            await client.wait()
        assert (found, healed) == ("recovering", "replied")
        assert float(found_s) <= FOUND_S
        assert float(healed_s) <= 1.0


async def told(client: asyncio.subprocess.Process) -> list[str]:
    assert client.stdout is not None
    return (await client.stdout.readline()).decode().split()


async def go_on(client: asyncio.subprocess.Process) -> None:
    assert client.stdin is not None
    client.stdin.write(b"on\n")
    await client.stdin.drain()


@contextmanager
def network() -> Iterator[str]:
    """A client's host and a backend's, side by side; the backend listens."""
    with hosts(CLIENT, BACKEND):
        ip("link", "add", "c0", "netns", CLIENT, "type", "veth", "peer", "name", "b0", "netns", BACKEND)
        for host, address, device in ((CLIENT, OLD, "c0"), (BACKEND, f"{THERE}/24", "b0")):
            ip("-n", host, "addr", "add", address, "dev", device)
            ip("-n", host, "link", "set", device, "up")
        words = module_at(BACKEND, "stui_supervisor.backend", "--json", "--bind", f"tcp://{THERE}:5555")
        with subprocess.Popen(words, stdout=subprocess.PIPE) as backend:
            try:
                assert backend.stdout is not None
                yield str(json.loads(backend.stdout.readline())["listening"])
            finally:
                backend.terminate()
