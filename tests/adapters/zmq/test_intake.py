"""Messages that never become whole, of real connections; what a link makes of them is measured in another process."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress

import pytest

from stui_supervisor.adapters.zmq.intake import CROWDED, ENDLESS
from stui_supervisor.adapters.zmq.transport import ZmqTransport
from stui_supervisor.config import FRAMES_MAX
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from tests.support.processes.flooding_peer import cost_of_hearing, flooding
from tests.support.processes.link_listener import TIMES, Heard
from tests.support.processes.publisher import Publisher
from tests.support.processes.strange_servers import ScriptedServer, tcp_server

linux = pytest.mark.skipif(sys.platform != "linux", reason="only on Linux is the cost measured so")
posix = pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX can a connection be looked into")
MB = 1_000_000


def endless(peer: socket.socket, said: bytes) -> None:
    batch = said * (65_536 // len(said))
    with suppress(OSError):
        while True:
            peer.sendall(batch)


@linux
@pytest.mark.parametrize("kind", [b"ROUTER", b"PUB"])
@pytest.mark.parametrize(
    ("frame_bytes", "why"), [(0, CROWDED), (1, CROWDED), (33, CROWDED), (300, CROWDED), (9_000_000, ENDLESS)]
)
def test_a_message_without_an_end_costs_less_than_100_mb(kind: bytes, frame_bytes: int, why: str) -> None:
    with flooding(kind, frame_bytes) as endpoint:
        cost = cost_of_hearing(kind, endpoint)
    assert cost.failure == why
    assert cost.grown_bytes < 100 * MB


@linux
@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n", b"12:00:00 INFO something happened\n", b"\x02\x01x", b"\0"])
def test_what_never_ends_in_place_of_a_greeting_costs_no_more(said: bytes) -> None:
    with tcp_server(lambda peer: endless(peer, said)) as endpoint:
        cost = cost_of_hearing(b"ROUTER", endpoint)
    assert cost.failure.startswith("it says")
    assert cost.grown_bytes < 100 * MB


@linux
def test_one_that_comes_bit_by_bit_costs_no_more() -> None:
    with flooding(b"ROUTER", 0, pause_s=0.05) as endpoint:
        cost = cost_of_hearing(b"ROUTER", endpoint)
    assert cost.failure == CROWDED
    assert cost.grown_bytes < 100 * MB


@linux
@pytest.mark.parametrize(("frame_bytes", "why"), [(0, CROWDED), (9_000_000, ENDLESS)])
def test_where_nothing_is_counted_it_ends_soon_after_it_has_cost_200_mb(frame_bytes: int, why: str) -> None:
    with flooding(b"ROUTER", frame_bytes, over_ipc=True) as endpoint:
        cost = cost_of_hearing(b"ROUTER", endpoint)
    assert cost.failure == why
    assert cost.took_s < 5.0
    assert cost.grown_bytes < 2_000 * MB


@pytest.mark.parametrize("count", [FRAMES_MAX + 1, 50_000])
async def test_a_whole_message_of_very_many_frames_is_the_end(count: int, transport: ZmqTransport) -> None:
    with ScriptedServer(lambda token, _body: [(token, *[b""] * (count - 1))]) as server:
        link, listener = transport(Endpoint.parse(server.endpoint), TIMES), Heard()
        link.open(listener)
        await listener.hears(1)
        link.send(b"t", b"hello")
        *_, failure = await listener.hears(2)
        assert failure == Failure(FailureKind.PROTOCOL, f"a message of more than {FRAMES_MAX} frames")
        link.close()


async def test_many_small_messages_are_not_one(transport: ZmqTransport) -> None:
    with Publisher() as publisher:
        subscription, listener = transport.subscription(Endpoint.parse(publisher.endpoint), (), TIMES), Heard()
        subscription.open(listener)
        await publisher.heard_by()
        for number in range(20_000):
            publisher.publish(b"t", b"%d" % number)
        heard = await listener.hears(20_001)
        assert heard[-1] == (b"t", b"19999")
        subscription.close()
