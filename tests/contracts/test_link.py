"""What every link does: the one over ZeroMQ and the one without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import pytest

from stui_supervisor.adapters.zmq.transport import ZmqTransport
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.ports import Link, LinkTimes
from stui_supervisor.testing import FakePeer, Reach
from tests.support.processes.link_listener import SHORT, TIMES, HeardKinds
from tests.support.processes.strange_servers import Frames, ScriptedServer, silent, tcp_server
from tests.support.programs.watching import settle, until

QUIET = b"keep silent"


def echo(body: bytes) -> bytes | None:
    return None if body == QUIET else b"re: " + body


class Peer(Protocol):
    """The other end, as the suite needs it. ``answers_knocks`` is False for one whose links nobody asks to knock."""

    answers_knocks: bool

    def link(self, times: LinkTimes = TIMES) -> Link: ...
    def appear(self) -> None: ...
    def vanish(self) -> None: ...
    def hang(self) -> None:
        """Accept whoever comes, and never say a word."""


class ZmqPeer:
    answers_knocks = True

    def __init__(self) -> None:
        self._server = ScriptedServer(self._answer)
        self._server.start()  # for its port
        self._server.stop()
        self._endpoint = Endpoint.parse(self._server.endpoint)
        self._transport = ZmqTransport()
        self._links: list[Link] = []
        self._hanging = tcp_server(silent)
        self._hangs = False

    def _answer(self, token: bytes, body: bytes) -> list[Frames]:
        reply = echo(body)
        return [] if reply is None else [(token, b"", reply)]

    def link(self, times: LinkTimes = TIMES) -> Link:
        self._links.append(self._transport(self._endpoint, times))
        return self._links[-1]

    def appear(self) -> None:
        self._server.start()

    def vanish(self) -> None:
        self._server.stop()

    def hang(self) -> None:
        self._endpoint = Endpoint.parse(self._hanging.__enter__())
        self._hangs = True

    def close(self) -> None:
        self._server.stop()
        if self._hangs:
            self._hanging.__exit__(None, None, None)
        for link in self._links:
            link.close()  # else the transport of a test that fails would wait for it without an end
        self._transport.close()


class PeerWithoutSockets:
    answers_knocks = False

    def __init__(self) -> None:
        self._peer = FakePeer(echo, reach=Reach.REFUSES)

    def link(self, times: LinkTimes = TIMES) -> Link:
        return self._peer(Endpoint("tcp", "127.0.0.1", 5555), times)

    def appear(self) -> None:
        self._peer.reach = Reach.LISTENS

    def vanish(self) -> None:
        self._peer.vanish()

    def hang(self) -> None:
        self._peer.reach = Reach.SILENT

    def close(self) -> None:
        pass


PEERS: dict[str, Callable[[], ZmqPeer | PeerWithoutSockets]] = {"zmq": ZmqPeer, "fake": PeerWithoutSockets}


@pytest.fixture(params=list(PEERS))
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    one = PEERS[request.param]()
    yield one
    one.close()


class Listener(HeardKinds):
    """Notices what it must not be told now."""

    def __init__(self) -> None:
        super().__init__()
        self._is_sending = False

    def _hear(self, what: object) -> None:
        assert not self._is_sending, f"{what} came from inside send"
        super()._hear(what)

    def send(self, link: Link, token: bytes, body: bytes) -> bool:
        self._is_sending = True
        taken = link.send(token, body)
        self._is_sending = False
        return taken


async def opened(peer: Peer) -> tuple[Link, Listener]:
    peer.appear()
    link, listener = peer.link(), Listener()
    link.open(listener)
    await listener.hears_just("opened")
    return link, listener


async def test_a_message_is_answered_under_its_token(peer: Peer) -> None:
    link, listener = await opened(peer)
    assert listener.send(link, b"t1", b"hello")
    await listener.hears_just("opened", (b"t1", b"re: hello"))
    link.close()


async def test_each_of_many_replies_carries_the_token_of_its_message(peer: Peer) -> None:
    link, listener = await opened(peer)
    expected: list[object] = ["opened"]
    for number in range(50):
        assert listener.send(link, b"t%d" % number, b"%d" % number)
        expected.append((b"t%d" % number, b"re: %d" % number))
        await listener.hears_just(*expected)
    link.close()


async def test_a_large_message_goes_and_comes_whole(peer: Peer) -> None:
    link, listener = await opened(peer)
    body = b"x" * 9_000_000
    assert listener.send(link, b"t", body)
    await listener.hears_just("opened", (b"t", b"re: " + body))
    link.close()


async def test_opening_returns_before_anything_is_told(peer: Peer) -> None:
    peer.appear()
    link, listener = peer.link(), Listener()
    link.open(listener)
    assert listener.heard == []
    link.close()


async def test_nothing_is_taken_before_the_link_is_open(peer: Peer) -> None:
    peer.appear()
    link, listener = peer.link(), Listener()
    assert not link.send(b"t", b"early")
    link.open(listener)
    assert not listener.send(link, b"t", b"early")
    await listener.hears_just("opened")
    await settle()
    assert listener.heard == ["opened"]
    link.close()


async def test_where_nobody_listens_the_attempt_is_refused_once(peer: Peer) -> None:
    link, listener = peer.link(), Listener()
    link.open(listener)
    await listener.hears_just(FailureKind.REFUSED)
    assert not listener.send(link, b"t", b"late")
    link.close()
    await settle()
    assert listener.heard == [FailureKind.REFUSED]


async def test_a_peer_that_never_answers_the_handshake_ends_the_attempt_in_time(peer: Peer) -> None:
    peer.hang()
    link, listener = peer.link(SHORT), Listener()
    link.open(listener)
    await until(lambda: listener.heard)
    assert listener.heard in ([FailureKind.TIMEOUT], [FailureKind.NO_HANDSHAKE])
    link.close()


async def test_a_peer_that_goes_is_told_once_and_takes_nothing_more(peer: Peer) -> None:
    link, listener = await opened(peer)
    assert listener.send(link, b"t1", QUIET)
    peer.vanish()
    await listener.hears_just("opened", FailureKind.RESET)
    assert not listener.send(link, b"t2", b"late")
    await settle()
    assert listener.heard == ["opened", FailureKind.RESET]
    link.close()


async def test_nothing_of_a_lost_link_reaches_the_peer_that_comes_back(peer: Peer) -> None:
    link, listener = await opened(peer)
    peer.vanish()
    await listener.hears_just("opened", FailureKind.RESET)
    listener.send(link, b"t", b"late")
    _, other = await opened(peer)
    await settle()
    assert listener.heard == ["opened", FailureKind.RESET]
    assert other.heard == ["opened"]
    _.close()


async def test_a_closed_link_says_nothing_more(peer: Peer) -> None:
    link, listener = await opened(peer)
    assert listener.send(link, b"t", b"hello")
    link.close()
    assert not listener.send(link, b"t", b"late")
    peer.vanish()
    await settle()
    assert listener.heard == ["opened"]


async def test_closing_while_it_opens_is_the_end_of_it(peer: Peer) -> None:
    peer.appear()
    for turns in range(6):
        link, listener = peer.link(), Listener()
        link.open(listener)
        for _ in range(turns):
            await asyncio.sleep(0)
        told = list(listener.heard)
        link.close()
        await settle()
        assert listener.heard == told


async def test_closing_twice_is_closing_once_also_before_opening(peer: Peer) -> None:
    link, _ = await opened(peer)
    link.close()
    link.close()
    never = peer.link()
    never.close()
    never.close()


async def test_a_link_may_be_closed_from_inside_each_thing_it_tells(peer: Peer) -> None:
    class Closing(Listener):
        def __init__(self, link: Link, when: str) -> None:
            super().__init__()
            self._link = link
            self._when = when

        def opened(self) -> None:
            super().opened()
            if self._when == "opened":
                self._link.close()

        def received(self, token: bytes, body: bytes) -> None:
            super().received(token, body)
            self._link.close()

        def lost(self, failure: Failure) -> None:
            super().lost(failure)
            self._link.close()

    peer.appear()
    first = peer.link()
    on_opening = Closing(first, "opened")
    first.open(on_opening)
    await on_opening.hears_just("opened")
    second = peer.link()
    on_reply = Closing(second, "received")
    second.open(on_reply)
    await on_reply.hears_just("opened")
    assert on_reply.send(second, b"t", b"hello")
    await on_reply.hears_just("opened", (b"t", b"re: hello"))
    third = peer.link()
    on_loss = Closing(third, "lost")
    third.open(on_loss)
    await on_loss.hears_just("opened")
    peer.vanish()
    await on_loss.hears_just("opened", FailureKind.RESET)
    await settle()
    assert on_opening.heard == ["opened"]
    assert on_reply.heard == ["opened", (b"t", b"re: hello")]


# Knocking


def knock(link: Link, listener: Listener) -> None:
    """Knock twice in a row; what comes of it comes later."""
    told = list(listener.heard)
    link.knock()
    link.knock()
    assert listener.heard == told


def knock_for_nothing(link: Link, listener: Listener) -> None:
    """Knock at a link that is not up; nothing is begun that could say something later."""
    running = asyncio.all_tasks()
    knock(link, listener)
    assert asyncio.all_tasks() == running


async def test_knocks_in_a_row_are_answered_once_by_a_process_that_lives_though_its_image_is_silent(peer: Peer) -> None:
    link, listener = await opened(peer)
    assert listener.send(link, b"t", QUIET)
    answers = ["greeted"] if peer.answers_knocks else []
    for rounds in (1, 2):
        knock(link, listener)
        await listener.hears_just("opened", *answers * rounds)
        await settle()
        assert listener.heard == ["opened", *answers * rounds]
    link.close()


async def test_a_link_whose_knocks_nobody_answers_shows_nothing_for_which_one_would_knock(peer: Peer) -> None:
    link, _ = await opened(peer)
    assert peer.answers_knocks or link.look() is None
    link.close()


async def test_a_knock_before_the_link_is_up_is_nothing(peer: Peer) -> None:
    peer.appear()
    link, listener = peer.link(), Listener()
    knock_for_nothing(link, listener)
    link.open(listener)
    knock_for_nothing(link, listener)
    await listener.hears_just("opened")
    await settle()
    assert listener.heard == ["opened"]
    link.close()


async def test_a_knock_at_a_peer_that_never_answers_the_handshake_is_nothing(peer: Peer) -> None:
    peer.hang()
    link, listener = peer.link(SHORT), Listener()
    link.open(listener)
    await settle()
    knock_for_nothing(link, listener)
    await until(lambda: listener.heard)
    assert listener.heard in ([FailureKind.TIMEOUT], [FailureKind.NO_HANDSHAKE])
    link.close()


async def test_a_knock_after_the_link_is_closed_is_nothing(peer: Peer) -> None:
    link, listener = await opened(peer)
    link.close()
    knock_for_nothing(link, listener)
    await settle()
    assert listener.heard == ["opened"]


async def test_a_knock_after_the_link_is_lost_is_nothing_though_its_peer_is_back(peer: Peer) -> None:
    link, listener = await opened(peer)
    peer.vanish()
    await listener.hears_just("opened", FailureKind.RESET)
    peer.appear()
    knock_for_nothing(link, listener)
    await settle()
    assert listener.heard == ["opened", FailureKind.RESET]
    link.close()
