"""What is particular to a subscription over ZeroMQ; tests/contracts holds the rest."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from stui_supervisor.adapters.zmq.subscription import ZmqSubscription
from stui_supervisor.adapters.zmq.transport import ZmqTransport
from stui_supervisor.backend import BackendSettings
from stui_supervisor.config import (
    CROWD,
    CROWD_S,
    MESSAGE_MAX_BYTES,
    NOTIFICATION_MAX_BYTES,
    NOTIFICATIONS_QUEUE_LENGTH,
    NOTIFICATIONS_WAITING_BYTES,
)
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.ports import LinkTimes
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.link_listener import QUICK_HEARTBEATS, SHORT, TIMES, Heard
from tests.support.processes.publisher import Publisher
from tests.support.processes.strange_servers import (
    ScriptedServer,
    closing_at_once,
    silent,
    speaking_http,
    speaking_noise,
    tcp_server,
)
from tests.support.programs.watching import open_descriptors, until


def ended(heard: object) -> bool:
    """True for a connection that came up and ended."""
    match heard:
        case ["opened", Failure(kind=FailureKind.RESET)]:
            return True
    return False


def opening(transport: ZmqTransport, endpoint: str, times: LinkTimes = TIMES) -> tuple[ZmqSubscription, Heard]:
    subscription, listener = transport.subscription(Endpoint.parse(endpoint), (), times), Heard()
    subscription.open(listener)
    return subscription, listener


@pytest.mark.skipif(sys.platform == "win32", reason="only on systems with IPC in their own sockets")
async def test_a_publisher_on_ipc_is_heard(transport: ZmqTransport) -> None:
    with tempfile.TemporaryDirectory() as directory, Publisher(f"ipc://{directory}/published") as publisher:
        subscription, listener = opening(transport, publisher.endpoint)
        await publisher.heard_by()
        publisher.publish(b"errors", b"1")
        assert await listener.hears(2) == ["opened", (b"errors", b"1")]
        subscription.close()


async def test_what_comes_before_anybody_looks_is_not_lost(transport: ZmqTransport) -> None:
    with Publisher() as publisher:
        subscription, listener = opening(transport, publisher.endpoint)
        await publisher.heard_by()
        for number in range(200):
            publisher.publish(b"errors", b"%d" % number)
        assert (await listener.hears(201))[1:] == [(b"errors", b"%d" % number) for number in range(200)]
        subscription.close()


async def test_as_many_as_may_fill_a_queue_are_a_crowd_and_come_all_the_same(transport: ZmqTransport) -> None:
    with Publisher() as publisher:
        subscription, listener = opening(transport, publisher.endpoint)
        await publisher.heard_by()
        sent = [(b"errors", b"%d" % number) for number in range(6 * CROWD)]
        for frames in sent:
            publisher.publish(*frames)
        assert (await listener.hears(1 + len(sent)))[1:] == sent
        assert listener.crowds > 0
        subscription.close()


async def test_what_comes_one_by_one_is_no_crowd_however_much_it_is(transport: ZmqTransport) -> None:
    with Publisher() as publisher:
        subscription, listener = opening(transport, publisher.endpoint)
        await publisher.heard_by()
        for number in range(2 * CROWD):
            publisher.publish(b"errors", b"%d" % number)
            await listener.hears(2 + number)
            if number % 10 == 0:
                await asyncio.sleep(2 * CROWD_S / CROWD * 10)
        assert listener.crowds == 0
        subscription.close()


async def test_what_there_is_no_more_room_for_is_left_out_and_is_a_crowd(transport: ZmqTransport) -> None:
    with Publisher() as publisher:
        subscription, listener = opening(transport, publisher.endpoint)
        await listener.hears(1)
        large = [b"errors", b"x" * NOTIFICATION_MAX_BYTES]
        for _ in range(2 * NOTIFICATIONS_WAITING_BYTES // NOTIFICATION_MAX_BYTES):
            subscription._received(large)  # as fast as nothing is ever read
        await until(lambda: listener.crowds > 0)
        await until(lambda: not subscription._waiting)
        kept = len(listener.heard) - 1
        assert NOTIFICATIONS_WAITING_BYTES / 2 < kept * NOTIFICATION_MAX_BYTES <= NOTIFICATIONS_WAITING_BYTES
        subscription.close()


async def test_what_comes_after_one_that_is_too_large_comes_at_once(transport: ZmqTransport) -> None:
    with Publisher() as publisher:
        subscription, listener = opening(transport, publisher.endpoint)
        await publisher.heard_by()
        for number in range(3 * NOTIFICATIONS_QUEUE_LENGTH):  # whatever libzmq has counted of its queue by then
            large = b"x" * 2 * NOTIFICATION_MAX_BYTES if number % 7 == 0 else b""
            publisher.publish(b"errors", b"%d" % number + large)
            assert (await listener.hears(2 + number))[-1] == (b"errors", b"%d" % number + large)
        subscription.close()


async def test_what_was_read_before_the_publisher_went_comes_before_the_end(transport: ZmqTransport) -> None:
    with Publisher() as publisher:
        subscription, listener = opening(transport, publisher.endpoint)
        await listener.hears(1)
        for number in range(500):
            subscription._received([b"errors", b"%d" % number])
        subscription._end(Failure(FailureKind.RESET))
        heard = await listener.hears(502)
        assert heard == ["opened", *((b"errors", b"%d" % number) for number in range(500)), Failure(FailureKind.RESET)]
        subscription.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts them")
async def test_the_bytes_that_have_come_are_known_as_long_as_it_is_up(transport: ZmqTransport) -> None:
    with Publisher() as publisher:
        subscription, listener = opening(transport, publisher.endpoint)
        assert subscription.look() is None
        await publisher.heard_by()
        await listener.hears(1)  # the publisher may have seen it before
        before = subscription.look()
        publisher.publish(b"errors", b"x" * 1_000)
        await listener.hears(2)
        after = subscription.look()
        assert before is not None
        assert after is not None
        assert 1_000 < after - before < 1_100
        subscription.close()
        assert subscription.look() is None


async def test_more_than_10_mb_is_the_end_and_does_not_fill_the_memory(transport: ZmqTransport) -> None:
    with Publisher() as publisher:
        subscription, listener = opening(transport, publisher.endpoint)
        await publisher.heard_by()
        publisher.publish(b"errors", b"x" * (MESSAGE_MAX_BYTES + 1))
        assert ended(await listener.hears(2))
        subscription.close()


@pytest.mark.parametrize(
    "server",
    [
        lambda: tcp_server(speaking_http),
        lambda: tcp_server(silent),
        lambda: tcp_server(closing_at_once),
        lambda: tcp_server(speaking_noise),
    ],
    ids=["http", "silent", "closes", "noise"],
)
async def test_what_does_not_speak_zeromq_is_recognised(
    server: Callable[[], AbstractContextManager[str]], transport: ZmqTransport
) -> None:
    with server() as endpoint:
        subscription, listener = opening(transport, endpoint, SHORT)
        (failure,) = await listener.hears(1)
        assert isinstance(failure, Failure)
        assert failure.kind in (FailureKind.NOT_ZEROMQ, FailureKind.NO_HANDSHAKE)
        subscription.close()


async def test_a_socket_that_does_not_publish_is_a_failed_attempt(transport: ZmqTransport) -> None:
    with ScriptedServer(lambda _token, _body: []) as server:
        subscription, listener = opening(transport, server.endpoint, SHORT)
        (failure,) = await listener.hears(1)
        assert isinstance(failure, Failure)
        subscription.close()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="only on systems that can freeze a process")
async def test_a_frozen_publisher_is_noticed_by_the_heartbeat(transport: ZmqTransport) -> None:
    settings = BackendSettings(bind="tcp://127.0.0.1:*", publish="tcp://127.0.0.1:*")
    async with BackendProcess(settings) as server:
        assert server.publishing is not None
        subscription, listener = opening(transport, server.publishing, QUICK_HEARTBEATS)
        await listener.hears(1)
        server.freeze()
        assert ended(await listener.hears(2))
        subscription.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("times", [200, pytest.param(2_000, marks=pytest.mark.soak)])
async def test_subscriptions_made_and_left_in_every_way_leave_no_descriptor(
    times: int, transport: ZmqTransport
) -> None:
    gone = Publisher()
    gone.vanish()
    with Publisher() as publisher:
        baseline = 0
        for number in range(times + 20):
            subscription, listener = opening(transport, publisher.endpoint if number % 3 else gone.endpoint)
            if number % 2:
                await listener.hears(1)
            else:
                await asyncio.sleep(0)
            subscription.close()
            if number == 20:
                baseline = open_descriptors()
        await until(lambda: open_descriptors() <= baseline)


@pytest.mark.parametrize("seconds", [5, pytest.param(60, marks=pytest.mark.soak)])
def test_connections_that_end_in_the_middle_of_bursts_do_no_harm_to_the_process(seconds: int) -> None:
    words = [sys.executable, "-m", "tests.support.processes.bursting_publisher", f"{seconds}"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=seconds + 40)
    bursts, _, wrong = ended.stdout.partition(" ")
    assert (ended.returncode, ended.stderr, wrong) == (0, "", "[]\n")
    assert int(bursts) > 20
