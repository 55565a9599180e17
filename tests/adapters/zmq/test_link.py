from __future__ import annotations

import asyncio
import errno
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import zmq

from stui_supervisor.adapters.zmq import context as zmq_context
from stui_supervisor.adapters.zmq.link import ZmqLink
from stui_supervisor.adapters.zmq.transport import ZmqTransport
from stui_supervisor.config import GREETING_WAIT_S
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.ports import LinkTimes
from tests.support.networks.names import SlowName, names
from tests.support.networks.tcp_proxy import TcpProxy
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.link_listener import QUICK_HEARTBEATS, SHORT, TIMES, Heard
from tests.support.processes.strange_servers import (
    Frames,
    ScriptedServer,
    always,
    closing_at_once,
    silent,
    speaking_http,
    speaking_noise,
    tcp_server,
)
from tests.support.programs.watching import LIMIT_S, open_descriptors, until

WITHOUT_ZEROMQ = {FailureKind.NOT_ZEROMQ, FailureKind.NO_HANDSHAKE}


def opening(transport: ZmqTransport, endpoint: str, times: LinkTimes = TIMES) -> tuple[ZmqLink, Heard]:
    link, listener = transport(Endpoint.parse(endpoint), times), Heard()
    link.open(listener)
    return link, listener


async def failure_at(transport: ZmqTransport, endpoint: str, times: LinkTimes = SHORT) -> Failure:
    link, listener = opening(transport, endpoint, times)
    (failure,) = await listener.hears(1)
    assert isinstance(failure, Failure)
    link.close()
    return failure


@contextmanager
def rep_server() -> Iterator[tuple[str, zmq.Socket[bytes]]]:
    with zmq.Context() as context, context.socket(zmq.REP) as server:
        server.setsockopt(zmq.LINGER, 2_000)
        server.setsockopt(zmq.RCVTIMEO, int(LIMIT_S * 1_000))
        server.bind("tcp://127.0.0.1:*")
        yield str(server.getsockopt_string(zmq.LAST_ENDPOINT)), server


def is_refused(endpoint: str) -> bool:
    where = Endpoint.parse(endpoint)
    with socket.socket() as one:
        return one.connect_ex((where.host, where.port)) == errno.ECONNREFUSED


async def test_a_simple_rep_server_sees_one_frame_and_its_reply_comes_back(transport: ZmqTransport) -> None:
    with rep_server() as (endpoint, server):
        link, listener = opening(transport, endpoint)
        await listener.hears(1)
        assert link.send(b"t", b"hello")
        assert await asyncio.to_thread(server.recv_multipart) == [b"hello"]
        server.send(b"reply")
        assert await listener.hears(2) == ["opened", (b"t", b"reply")]
        link.close()


async def test_a_server_that_answers_and_dies_is_heard_in_that_order_or_only_dead(transport: ZmqTransport) -> None:
    for _ in range(10):
        with rep_server() as (endpoint, server):
            link, listener = opening(transport, endpoint)
            await listener.hears(1)
            assert link.send(b"t", b"hello")
            await asyncio.to_thread(server.recv)
            server.send(b"last words")
            server.close()
            await until(lambda heard=listener.heard: isinstance(heard[-1], Failure))  # type: ignore[misc]  # binds the value of now
            end = listener.heard[-1]
            assert isinstance(end, Failure)
            assert end.kind is FailureKind.RESET
            # libzmq lets go of what was not read yet when the connection ends.
            assert listener.heard in (["opened", (b"t", b"last words"), end], ["opened", end])
            link.close()


async def test_a_server_that_leaves_out_the_empty_frame_is_understood(transport: ZmqTransport) -> None:
    with ScriptedServer(lambda token, body: [(token, body)]) as server:
        link, listener = opening(transport, server.endpoint)
        await listener.hears(1)
        link.send(b"t", b"hello")
        assert await listener.hears(2) == ["opened", (b"t", b"hello")]
        link.close()


async def test_a_process_that_lives_answers_a_knock(transport: ZmqTransport) -> None:
    with ScriptedServer(lambda token, body: [(token, body)]) as server:
        link, listener = opening(transport, server.endpoint)
        await listener.hears(1)
        link.knock()
        assert await listener.hears(2) == ["opened", "greeted"]
        link.close()


async def test_a_peer_that_listens_no_more_is_not_frozen(transport: ZmqTransport) -> None:
    async with BackendProcess() as backend, TcpProxy(backend.port) as proxy:
        link, listener = opening(transport, proxy.endpoint)
        await listener.hears(1)
        proxy.stop_listening()
        await until(lambda: is_refused(proxy.endpoint))
        link.knock()
        assert await listener.hears(2) == ["opened", "greeted"]
        link.close()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="only on systems that can freeze a process")
async def test_a_frozen_process_answers_a_knock_once_it_thaws(transport: ZmqTransport) -> None:
    async with BackendProcess() as backend:
        link, listener = opening(transport, backend.endpoint)
        await listener.hears(1)
        backend.freeze()
        link.knock()
        link.knock()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(listener.hears(2), GREETING_WAIT_S)
        backend.thaw()
        assert await listener.hears(2) == ["opened", "greeted"]
        link.close()


async def test_a_knock_ends_with_its_link(transport: ZmqTransport) -> None:
    with ScriptedServer(lambda token, body: [(token, body)]) as server:
        link, listener = opening(transport, server.endpoint)
        await listener.hears(1)
        link.knock()
        link.close()
        assert link._knocking is not None
        with pytest.raises(asyncio.CancelledError):
            await link._knocking
        assert listener.heard == ["opened"]


@pytest.mark.parametrize("count", [1, 4, 9])
async def test_a_reply_of_another_number_of_frames_is_the_end(count: int, transport: ZmqTransport) -> None:
    def answer(token: bytes, body: bytes) -> list[Frames]:
        return [(token, *[body] * (count - 1)), (token, b"", body)]

    with ScriptedServer(answer) as server:
        link, listener = opening(transport, server.endpoint)
        await listener.hears(1)
        link.send(b"t", b"hello")
        assert await listener.hears(2) == ["opened", Failure(FailureKind.PROTOCOL, f"a reply of {count} frames")]
        link.close()


async def test_more_than_10_mb_is_the_end_and_does_not_fill_the_memory(transport: ZmqTransport) -> None:
    with ScriptedServer(lambda token, _body: [(token, b"", b"x" * 10_000_001)]) as server:
        link, listener = opening(transport, server.endpoint)
        await listener.hears(1)
        link.send(b"t", b"hello")
        words = "what came was above 10,000,000 bytes, or no message" if sys.platform == "linux" else ""
        assert await listener.hears(2) == ["opened", Failure(FailureKind.RESET, words)]
        link.close()


async def test_an_idle_link_that_its_peer_closes_is_said_to_be_closed_and_nothing_else(transport: ZmqTransport) -> None:
    with rep_server() as (endpoint, server):
        link, listener = opening(transport, endpoint)
        await listener.hears(1)
        server.close()
        words = "the other end closed it" if sys.platform == "linux" else ""
        assert await listener.hears(2) == ["opened", Failure(FailureKind.RESET, words)]
        link.close()


@pytest.mark.parametrize(
    ("server", "times"),
    [
        (lambda: tcp_server(speaking_http), TIMES),
        (lambda: tcp_server(silent), SHORT),
        (lambda: tcp_server(closing_at_once), TIMES),
        (lambda: tcp_server(speaking_noise), TIMES),
    ],
    ids=["http", "silent", "closes", "noise"],
)
async def test_what_does_not_speak_zeromq_is_recognised(
    server: Callable[[], AbstractContextManager[str]], times: LinkTimes, transport: ZmqTransport
) -> None:
    with server() as endpoint:
        assert (await failure_at(transport, endpoint, times)).kind in WITHOUT_ZEROMQ


async def test_a_socket_that_does_not_answer_requests_is_recognised(transport: ZmqTransport) -> None:
    with zmq.Context() as context, context.socket(zmq.PUB) as server:
        server.bind("tcp://127.0.0.1:*")
        endpoint = server.getsockopt_string(zmq.LAST_ENDPOINT)
        assert (await failure_at(transport, endpoint)).kind is FailureKind.OTHER_SOCKET


async def test_the_reason_of_a_failure_is_the_systems(transport: ZmqTransport) -> None:
    with rep_server() as (endpoint, _):
        pass
    refused = await failure_at(transport, endpoint)
    assert refused.kind is FailureKind.REFUSED
    assert ("refused" if sys.platform == "win32" else "Connection refused") in refused.message
    unknown = await failure_at(transport, "tcp://no-such-host.invalid:5555", TIMES)
    assert unknown.kind is FailureKind.NAME_NOT_FOUND


async def test_a_name_service_that_is_too_slow_for_an_attempt_is_named_and_serves_the_next(
    transport: ZmqTransport,
) -> None:
    slow = SlowName()
    with names(slow=slow), ScriptedServer(always(b"{}")) as server:
        endpoint = server.endpoint.replace("127.0.0.1", "slow")
        assert await failure_at(transport, endpoint) == Failure(FailureKind.NAME_SERVICE)
        link, listener = opening(transport, endpoint)
        slow.answers.set()
        assert await listener.hears(1) == ["opened"]
        assert slow.times_asked == 1
        link.close()


@pytest.mark.skipif(sys.platform == "win32", reason="only on systems with IPC in their own sockets")
async def test_ipc_without_a_socket_or_with_another_file_there_is_refused(transport: ZmqTransport) -> None:
    with tempfile.TemporaryDirectory() as directory:
        other = Path(directory, "file")
        other.write_text("no socket")  # noqa: ASYNC240  # instant
        for path in (f"{directory}/missing", other):
            assert (await failure_at(transport, f"ipc://{path}")).kind is FailureKind.REFUSED


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="only on systems that can freeze a process")
async def test_a_frozen_peer_is_noticed_by_the_heartbeat(transport: ZmqTransport) -> None:
    async with BackendProcess() as server:
        link, listener = opening(transport, server.endpoint, QUICK_HEARTBEATS)
        await listener.hears(1)
        server.freeze()
        _, end = await listener.hears(2)
        assert isinstance(end, Failure)
        assert end.kind is FailureKind.RESET
        assert sys.platform != "linux" or end.message.startswith("nothing was heard for ")
        link.close()


async def test_a_busy_peer_is_not_taken_for_a_frozen_one(transport: ZmqTransport) -> None:
    with rep_server() as (endpoint, _):  # it never receives: busy, but its I/O thread answers
        link, listener = opening(transport, endpoint, QUICK_HEARTBEATS)
        await listener.hears(1)
        assert link.send(b"t", b"hello")
        ended = asyncio.get_running_loop().time() + 5 * QUICK_HEARTBEATS.heartbeat_timeout_s
        await until(lambda: asyncio.get_running_loop().time() > ended)
        assert listener.heard == ["opened"]
        link.close()


async def test_links_made_and_left_in_every_way_leave_no_descriptor(transport: ZmqTransport) -> None:
    with rep_server() as (gone, _):
        pass
    with ScriptedServer(lambda token, body: [(token, b"", body)]) as server:
        baseline = 0
        for number in range(120):
            link, listener = opening(transport, gone if number % 3 else server.endpoint)
            if number % 2:
                await listener.hears(1)
            else:
                await asyncio.sleep(0)
            link.close()
            if number == 20:
                baseline = open_descriptors()
        await until(lambda: open_descriptors() <= baseline)


async def test_transports_share_one_context_that_ends_with_the_last() -> None:
    one, two = ZmqTransport(), ZmqTransport()
    assert one._context is two._context
    one.close()
    assert zmq_context._context is two._context
    two.close()
    assert zmq_context._context is None


async def test_a_link_shows_where_it_goes(transport: ZmqTransport) -> None:
    with ScriptedServer(lambda token, body: [(token, b"", body)]) as server:
        link, listener = opening(transport, server.endpoint)
        assert repr(link) == f"<ZmqLink {server.endpoint} not open>"
        await listener.hears(1)
        assert repr(link) == f"<ZmqLink {server.endpoint} open>"
        link.close()


@pytest.mark.skipif(not hasattr(sys, "getdlopenflags"), reason="only on systems that fork")
def test_a_forked_child_has_a_context_of_its_own() -> None:
    code = (
        "import os, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from stui_supervisor.adapters.zmq import context as zmq_context\n"
        "parents = zmq_context.acquire()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    own = zmq_context.acquire()\n"
        "    zmq_context.release()\n"
        "    os._exit(0 if own is not parents and zmq_context._context is None else 1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "assert zmq_context._context is parents\n"
        "zmq_context.release()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LIMIT_S)
    assert done.stdout.strip() == "0"


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux does a full queue of connections drop the next one")
async def test_a_host_that_drops_what_it_gets_is_given_up_in_time(transport: ZmqTransport) -> None:
    with socket.socket() as server, ExitStack() as waiting:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(server.getsockname())
        endpoint = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        assert await failure_at(transport, endpoint) == Failure(FailureKind.TIMEOUT)


async def test_a_link_after_the_end_of_its_context_is_a_failed_attempt() -> None:
    transport = ZmqTransport()
    link = transport(Endpoint.parse("tcp://127.0.0.1:5555"), TIMES)
    transport.close()
    listener = Heard()
    link.open(listener)
    (failure,) = await listener.hears(1)
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.NO_CONNECTION
    link.close()


def said_to(descriptor: int) -> None:
    """Wait, without the event loop, until libzmq has something to say about a socket."""
    ready, _, _ = select.select([descriptor], [], [], LIMIT_S)
    assert ready


async def test_a_reply_that_came_while_something_was_sent_is_delivered_without_the_next(
    transport: ZmqTransport,
) -> None:
    answering = threading.Event()

    def answer(token: bytes, body: bytes) -> list[Frames]:
        answering.wait(LIMIT_S)
        return [(token, b"", body)] if body == b"first" else []

    with ScriptedServer(answer) as server:
        link, listener = opening(transport, server.endpoint)
        await listener.hears(1)
        assert link.send(b"t", b"first")
        assert link._socket is not None
        link._socket._drain()  # there is nothing: from now on its descriptor says when the reply has come
        answering.set()
        said_to(link._socket._descriptors[0])
        time.sleep(0.02)  # noqa: ASYNC251  # libzmq takes up what came while it sends, unless it has done so just now
        assert link.send(b"u", b"unanswered")
        assert await listener.hears(2) == ["opened", (b"t", b"first")]
        link.close()
