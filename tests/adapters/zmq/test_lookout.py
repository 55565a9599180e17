"""Whether anybody listens at an endpoint of this machine, against real sockets."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor.adapters.zmq import greeting, lookout
from stui_supervisor.adapters.zmq.lookout import SharedLookout
from stui_supervisor.config import LOOK_MIN_S
from stui_supervisor.endpoint import Endpoint
from tests.support.networks.names import names
from tests.support.programs.watching import open_descriptors, settle, until

LOOPBACK = "127.0.0.1"
SOME_LOOKS = 5
needs_ipc = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system's Python has no IPC sockets")

PeerGreeting = list[tuple[Endpoint, bool | None]]


@pytest.fixture
def port() -> Iterator[int]:
    """A port that is ours, at which nobody listens."""
    with socket.socket() as bound:
        bound.bind((LOOPBACK, 0))
        yield bound.getsockname()[1]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where each look that is made now goes."""
    made: list[Any] = []

    class Counted(socket.socket):
        def connect_ex(self, where: Any, /) -> int:
            made.append(where)
            return super().connect_ex(where)

    monkeypatch.setattr(socket, "socket", Counted)
    return made


@pytest.fixture
async def watching() -> AsyncIterator[list[SharedLookout]]:
    """Some who look; nothing is left of them afterwards."""
    before = open_descriptors()
    watchers = [SharedLookout() for _ in range(3)]
    yield watchers
    for watcher in watchers:
        watcher.close()
    await settle()
    assert lookout._POSTS.get(asyncio.get_running_loop(), {}) == {}
    assert open_descriptors() <= before


def watch(watcher: SharedLookout, *endpoints: Endpoint) -> PeerGreeting:
    seen: PeerGreeting = []
    watcher.watch(endpoints, lambda endpoint, is_listening: seen.append((endpoint, is_listening)))
    return seen


def at(port: int, host: str = LOOPBACK) -> Endpoint:
    return Endpoint("tcp", host, port)


async def first(watcher: SharedLookout, *endpoints: Endpoint) -> PeerGreeting:
    seen = watch(watcher, *endpoints)
    await until(lambda: len(seen) == len(endpoints))
    return seen


async def test_nobody_is_told_once_however_often_it_is_looked(
    watching: list[SharedLookout], port: int, looks: list[Any]
) -> None:
    seen = watch(watching[0], at(port))
    await until(lambda: len(looks) >= SOME_LOOKS)
    assert seen == [(at(port), False)]


async def test_whoever_comes_to_listen_is_seen_and_then_left_alone(
    watching: list[SharedLookout], port: int, looks: list[Any]
) -> None:
    seen = await first(watching[0], at(port))
    with socket.create_server((LOOPBACK, 0)) as server:
        here = at(server.getsockname()[1])
        seen = watch(watching[0], at(port), here)
        await until(lambda: (here, True) in seen)
        server.setblocking(False)
        loop = asyncio.get_running_loop()
        peer, _ = await loop.sock_accept(server)
        with peer:
            assert await loop.sock_recv(peer, 1) == b""
        looks.clear()
        await until(lambda: len(looks) >= SOME_LOOKS)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert seen == [(at(port), False), (here, True)]


async def test_what_others_have_seen_is_told_at_once_and_looked_for_once(
    watching: list[SharedLookout], port: int, looks: list[Any]
) -> None:
    await first(watching[0], at(port))
    before = len(looks)
    others = [await first(watcher, at(port)) for watcher in watching[1:]]
    assert others == [[(at(port), False)]] * 2
    assert len(looks) - before <= 1
    looks.clear()
    began = time.monotonic()
    await until(lambda: len(looks) >= SOME_LOOKS)
    assert time.monotonic() - began >= (SOME_LOOKS - 1) * LOOK_MIN_S


async def test_all_who_wait_for_somebody_are_told(watching: list[SharedLookout]) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        here = at(server.getsockname()[1])
        seen = [watch(watcher, here) for watcher in watching]
        await until(lambda: all(seen))
    assert seen == [[(here, True)]] * 3


async def test_one_who_looks_no_more_hears_nothing_and_the_others_do(watching: list[SharedLookout], port: int) -> None:
    gone, stays = watch(watching[0], at(port)), watch(watching[1], at(port))
    watching[0].watch((), lambda *_: gone.append((at(port), None)))
    await until(lambda: stays)
    await settle()
    assert gone == []


@pytest.mark.parametrize("order", [(LOOPBACK, "::1"), ("::1", LOOPBACK)])
async def test_a_name_is_looked_at_under_each_of_its_addresses(
    watching: list[SharedLookout], order: tuple[str, ...]
) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        here = at(server.getsockname()[1], "several")
        with names(several=lambda: order):
            assert await first(watching[0], here) == [(here, True)]


async def test_a_name_that_leads_to_another_machine_cannot_be_looked_at(watching: list[SharedLookout]) -> None:
    """192.0.2.1 is an address of nobody (RFC 5737); nothing is sent there."""
    elsewhere = at(9, "localhost")
    with names(localhost=lambda: ("192.0.2.1",)):
        assert await first(watching[0], elsewhere) == [(elsewhere, None)]


async def test_a_name_that_leads_to_another_address_by_now_is_followed(watching: list[SharedLookout]) -> None:
    leads_to = ["127.0.0.1"]
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        here = at(server.getsockname()[1], "moving")
        with names(moving=lambda: tuple(leads_to)):
            seen = await first(watching[0], here)
            leads_to[:] = ["::1"]
            await until(lambda: len(seen) > 1)
    assert seen == [(here, False), (here, True)]


@needs_ipc
async def test_an_ipc_socket_is_looked_at_whether_it_is_there_left_behind_or_in_use(
    watching: list[SharedLookout], tmp_path: Path, looks: list[Any]
) -> None:
    path = tmp_path / "socket"
    here = Endpoint("ipc", path=str(path))
    seen = await first(watching[0], here)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        looks.clear()
        await until(lambda: len(looks) >= SOME_LOOKS)
        assert seen == [(here, False)]
        server.listen()
        await until(lambda: len(seen) > 1)
    assert seen == [(here, False), (here, True)]


async def test_what_keeps_a_look_from_being_made_is_no_refusal(watching: list[SharedLookout]) -> None:
    """An attempt will tell what it is."""
    endless = Endpoint("ipc", path="/tmp/" + "x" * 200)  # noqa: S108  # nothing is made there
    assert await first(watching[0], endless) == [(endless, True)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a test connect a socket to itself at will")
async def test_a_connection_to_itself_is_nobody_and_leaves_the_port_free() -> None:
    with socket.socket() as lonely:
        lonely.bind((LOOPBACK, 0))
        where = lonely.getsockname()
        lonely.connect(where)
        assert greeting._is_to_itself(lonely)
    with socket.create_server(where), socket.create_connection(where) as peer:
        assert not greeting._is_to_itself(peer)
