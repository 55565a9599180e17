"""Links to a name that has several addresses, one of each family: those of the other may be anybody's."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import pytest
import zmq

from stui_supervisor.adapters.zmq.transport import ZmqTransport
from stui_supervisor.config import STAGGER_S
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import FailureKind
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.secret import Secret
from tests.support.networks.names import names
from tests.support.processes.link_listener import TIMES, HeardKinds
from tests.support.processes.strange_servers import ScriptedServer, always, closing_at_once, silent, tcp_server
from tests.support.processes.zmtp_peer import greeting_after
from tests.support.programs.watching import until

NAME = "several"
ADDRESSES = ("127.0.0.1", "::1")
BOTH_ORDERS = pytest.mark.parametrize("order", [ADDRESSES, ADDRESSES[::-1]], ids=["first", "last"])
SOME_TRIES = TIMES._replace(attempt_timeout_s=4.5 * STAGGER_S)

Server = Callable[[str, int], AbstractContextManager[object]]


@contextmanager
def several(order: tuple[str, ...], first: Server, second: Server) -> Iterator[Endpoint]:
    """A name with ``first`` at 127.0.0.1 and ``second`` at ::1, which are told in this order."""
    with socket.create_server((ADDRESSES[0], 0)) as free:
        port = free.getsockname()[1]
    with names(**{NAME: lambda: order}), first(ADDRESSES[0], port), second(ADDRESSES[1], port):
        yield Endpoint("tcp", NAME, port)


def mute(host: str, port: int) -> AbstractContextManager[object]:
    return tcp_server(silent, host, port)


def closing(host: str, port: int) -> AbstractContextManager[object]:
    return tcp_server(closing_at_once, host, port)


def nobody(_host: str, _port: int) -> AbstractContextManager[object]:
    return nullcontext()


def plain(host: str, port: int) -> AbstractContextManager[object]:
    return ScriptedServer(always(b"{}"), bind=str(Endpoint("tcp", host, port)))


async def heard_at(transport: ZmqTransport, endpoint: Endpoint, curve: CurveKeys | None = None) -> object:
    """What a link to it says first."""
    link, listener = transport(endpoint, SOME_TRIES, curve), HeardKinds()
    link.open(listener)
    await until(lambda: listener.heard)
    link.close()
    return listener.heard[0]


@BOTH_ORDERS
async def test_one_that_accepts_and_never_greets_keeps_nobody_from_the_other(
    order: tuple[str, ...], transport: ZmqTransport
) -> None:
    with several(order, mute, plain) as endpoint:
        assert await heard_at(transport, endpoint) == "opened"


async def test_a_handshake_under_way_is_given_its_time_at_each_address(transport: ZmqTransport) -> None:
    accepted: list[str] = []

    def accept(connection: socket.socket) -> None:
        accepted.append(connection.getsockname()[0])
        held.enter_context(connection.dup())

    def accepting(host: str, port: int) -> AbstractContextManager[object]:
        return tcp_server(accept, host, port)

    with ExitStack() as held, several(ADDRESSES, accepting, accepting) as endpoint:
        assert await heard_at(transport, endpoint) is FailureKind.NO_HANDSHAKE
        assert sorted(accepted) == sorted(ADDRESSES)


@BOTH_ORDERS
@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (mute, nobody, FailureKind.NO_HANDSHAKE),
        (closing, nobody, FailureKind.NO_HANDSHAKE),
        (nobody, nobody, FailureKind.REFUSED),
    ],
)
async def test_the_address_that_got_furthest_says_why_it_failed(
    order: tuple[str, ...], first: Server, second: Server, kind: FailureKind, transport: ZmqTransport
) -> None:
    with several(order, first, second) as endpoint:
        assert await heard_at(transport, endpoint) is kind


@BOTH_ORDERS
@pytest.mark.parametrize("second", [mute, nobody])
async def test_a_key_that_is_refused_at_one_is_told_whatever_the_other_does(
    order: tuple[str, ...], second: Server, transport: ZmqTransport
) -> None:
    public, secret = (key.decode() for key in zmq.curve_keypair())
    keys = CurveKeys(public, public, Secret(secret))
    with several(order, plain, second) as endpoint:
        assert await heard_at(transport, endpoint, keys) is FailureKind.KEY_REFUSED


async def test_of_two_that_come_up_in_one_moment_one_is_the_link(transport: ZmqTransport) -> None:
    begin = threading.Event()

    def waiting(host: str, port: int) -> AbstractContextManager[object]:
        return greeting_after(begin, host, port)

    with several(ADDRESSES, waiting, waiting) as endpoint:
        link, listener = transport(endpoint, TIMES), HeardKinds()
        link.open(listener)
        await until(lambda: [one.is_connected for one in link._race.racing] == [True, True])
        begin.set()
        threading.Event().wait(STAGGER_S)  # the loop stands still until both have greeted
        await until(lambda: listener.heard and not link._race.racing)
        await listener.hears_just("opened")
        link.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux is all of 127.0.0.0/8 this machine")
async def test_an_address_after_many_that_do_not_answer_gets_its_turn_at_the_next_attempt(
    transport: ZmqTransport,
) -> None:
    dead = [f"127.0.0.{number}" for number in range(2, 8)]
    with socket.create_server((ADDRESSES[0], 0)) as free:
        port = free.getsockname()[1]
    with ExitStack() as stack:
        stack.enter_context(names(**{NAME: lambda: (*dead, ADDRESSES[0])}))
        for address in dead:
            stack.enter_context(mute(address, port))
        stack.enter_context(plain(ADDRESSES[0], port))
        endpoint = Endpoint("tcp", NAME, port)
        assert [await heard_at(transport, endpoint) for _ in range(2)] == [FailureKind.NO_HANDSHAKE, "opened"]
        assert (await transport._resolver.addresses(endpoint))[0][1] == ADDRESSES[0]
