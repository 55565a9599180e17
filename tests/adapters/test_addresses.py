from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from stui_supervisor.adapters.addresses import resolve
from stui_supervisor.endpoint import Endpoint


@pytest.mark.parametrize(
    ("host", "family"),
    [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6), ("fe80::1", socket.AF_INET6)],
)
async def test_an_address_is_taken_as_it_is_without_a_thread(host: str, family: socket.AddressFamily) -> None:
    before = threading.active_count()
    assert await resolve(Endpoint("tcp", host=host, port=5555)) == [(family, host)]
    assert threading.active_count() == before


async def test_localhost_is_on_this_machine_and_each_address_comes_once() -> None:
    found = await resolve(Endpoint("tcp", host="localhost", port=5555))
    assert {address for _, address in found} <= {"127.0.0.1", "::1"}
    assert len(found) == len(set(found)) > 0


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 64, "a..b"])
async def test_a_name_that_means_nothing_says_so(host: str) -> None:
    with pytest.raises(socket.gaierror):
        await resolve(Endpoint("tcp", host=host, port=5555))


async def test_a_look_up_may_be_cancelled() -> None:
    task = asyncio.create_task(resolve(Endpoint("tcp", host="localhost", port=5555)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
