from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from stui_supervisor.adapters.host.network import HostNetwork, _Looks
from stui_supervisor.config import NETWORK_SETTLE_S
from tests.support.networks.other_hosts import host_name, hosts, ip, module_at
from tests.support.programs.watching import LIMIT_S, open_descriptors

HOST = host_name("n")


@pytest.fixture
def host() -> Iterator[None]:
    """A host with a loopback and nothing else."""
    with hosts(HOST):
        yield


@asynccontextmanager
async def witness(*words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *module_at(HOST, "tests.support.networks.network_witness", *words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


async def is_silent(process: asyncio.subprocess.Process) -> bool:
    """True when it says nothing for as long as a burst may take to be told, and longer."""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(2 * NETWORK_SETTLE_S):
            await process.stdout.readline()
    except TimeoutError:
        return True
    return False


async def look(process: asyncio.subprocess.Process) -> str:
    assert process.stdin is not None
    process.stdin.write(b"again\n")
    return await line_of(process)


@pytest.mark.usefixtures("host")
async def test_an_address_that_comes_or_goes_is_told_once() -> None:
    async with witness() as process:
        assert await line_of(process) == "watching"
        for what in ("add", "del"):
            ip("-n", HOST, "addr", what, "10.79.1.1/24", "dev", "lo")
            assert (await line_of(process), await is_silent(process)) == ("changed", True)


@pytest.mark.usefixtures("host")
async def test_a_route_that_comes_or_goes_is_told_once() -> None:
    async with witness() as process:
        assert await line_of(process) == "watching"
        for what in ("add", "del"):
            ip("-n", HOST, "route", what, "10.80.0.0/16", "dev", "lo")
            assert (await line_of(process), await is_silent(process)) == ("changed", True)


@pytest.mark.usefixtures("host")
async def test_a_burst_of_changes_is_told_once() -> None:
    async with witness() as process:
        assert await line_of(process) == "watching"
        ip("-n", HOST, "-batch", "-", said="".join(f"addr add 10.79.{number}.1/24 dev lo\n" for number in range(100)))
        assert (await line_of(process), await is_silent(process)) == ("changed", True)


@pytest.mark.usefixtures("host")
async def test_a_look_sees_an_address_with_its_route_and_an_interface() -> None:
    async with witness("look") as process:
        seen = [await look(process), await look(process)]
        ip("-n", HOST, "addr", "add", "10.79.1.1/24", "dev", "lo")
        ip("-n", HOST, "route", "add", "default", "dev", "lo")
        seen.append(await look(process))
        ip("-n", HOST, "link", "add", "n0", "type", "veth", "peer", "name", "n1")
        seen.append(await look(process))
        assert seen[0] == seen[1]
        assert len(set(seen)) == 3
        assert "10.79.1.1" in seen[2]


async def test_looks_tell_only_of_what_differs_from_the_look_before() -> None:
    views, told = iter("aabbba"), list[str]()
    looks = _Looks(lambda: told.append("changed"), lambda: next(views))
    heard = []
    for _ in range(5):
        looks._timer.cancel()
        looks._look_again()
        heard.append(len(told))
    looks.close()
    assert heard == [0, 1, 1, 1, 2]


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX is there such a limit")
async def test_where_no_socket_is_to_be_had_it_looks_from_time_to_time() -> None:
    network = HostNetwork()
    with no_more_descriptors():
        network.watch(lambda: None)
    assert isinstance(network._source, _Looks)
    network.close()


async def test_nothing_is_left_when_it_is_closed() -> None:
    before, network = open_descriptors(), HostNetwork()
    network.watch(lambda: None)
    network._stirred()
    waiting = network._settling
    network.close()
    network.close()
    assert waiting is not None
    assert (waiting.cancelled(), open_descriptors()) == (True, before)


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    import resource  # noqa: PLC0415  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
