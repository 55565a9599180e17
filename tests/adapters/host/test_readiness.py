from __future__ import annotations

import asyncio
import importlib.util
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from stui_supervisor import State, Supervisor
from stui_supervisor.adapters.host.readiness import Readiness
from tests.support.processes.backend_process import BackendProcess
from tests.support.programs.watching import LIMIT_S, until

Pair = tuple[socket.socket, socket.socket]


class LoopWithoutReaders(asyncio.SelectorEventLoop):
    """As the Proactor loop of Windows: it watches no descriptor for anybody."""

    add_reader = asyncio.AbstractEventLoop.add_reader
    remove_reader = asyncio.AbstractEventLoop.remove_reader


NO_TORNADO = importlib.util.find_spec("tornado") is None
LOOPS = [
    asyncio.SelectorEventLoop,
    pytest.param(
        LoopWithoutReaders, marks=pytest.mark.skipif(NO_TORNADO, reason="only on Windows does tornado come with us")
    ),
]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


def run(make_loop: Callable[[], asyncio.AbstractEventLoop], story: Callable[[], Awaitable[None]]) -> None:
    async def told() -> None:
        await story()

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(told())


@pytest.mark.parametrize("make_loop", LOOPS)
def test_it_calls_when_there_is_something_to_read_until_told_to_forget(
    make_loop: Callable[[], asyncio.AbstractEventLoop], pair: Pair
) -> None:
    ours, theirs = pair
    ours.setblocking(False)

    async def story() -> None:
        readiness, heard, last = Readiness(), list[bytes](), list[bytes]()
        readiness.watch(ours.fileno(), lambda: heard.append(ours.recv(10)))
        for number in range(3):
            theirs.send(b"%d" % number)
            await until(lambda count=number: len(heard) == count + 1)  # type: ignore[misc]  # binds the value of now
        readiness.forget(ours.fileno())
        readiness.forget(ours.fileno())
        theirs.send(b"unheard")
        ours_too, theirs_too = socket.socketpair()
        with ours_too, theirs_too:
            readiness.watch(ours_too.fileno(), lambda: last.append(ours_too.recv(10)))
            theirs_too.send(b"heard")  # after the other, so whoever tells of this one knows of both
            await until(lambda: last)
            readiness.forget(ours_too.fileno())
        assert heard == [b"0", b"1", b"2"]
        readiness.close()

    run(make_loop, story)


@pytest.mark.parametrize("make_loop", LOOPS)
def test_a_supervisor_lives_on_every_kind_of_loop(
    make_loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
) -> None:
    async def story() -> None:
        async with BackendProcess() as server, Supervisor(server.endpoint, home=tmp_path) as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            for number in range(50):
                answer = await supervisor.request("evaluate", {"code": f"{number} + 1"})
                assert answer["result"] == str(number + 1)
            lost = supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
            await server.arestart()
            await lost
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)

    run(make_loop, story)
