"""What every subscription does: the one over ZeroMQ and the one without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import pytest

from stui_supervisor.adapters.zmq.transport import ZmqTransport
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.ports import LinkTimes, Subscription
from stui_supervisor.testing import FakePublisher, Reach
from tests.support.processes.link_listener import SHORT, TIMES, HeardKinds
from tests.support.processes.publisher import Publisher
from tests.support.processes.strange_servers import silent, tcp_server
from tests.support.programs.watching import settle, until


class Source(Protocol):
    """The other end, as the suite needs it."""

    def subscription(self, *topics: str, times: LinkTimes = TIMES) -> Subscription: ...
    def appear(self) -> None: ...
    def vanish(self) -> None: ...
    def hang(self) -> None:
        """Accept whoever comes, and never say a word."""

    async def publish(self, *frames: bytes) -> None:
        """Publish it to everyone who subscribed since it appeared."""


class ZmqSource:
    def __init__(self) -> None:
        self._publisher = Publisher()
        self._publisher.vanish()  # it is here for its port
        self._transport = ZmqTransport()
        self._endpoint = Endpoint.parse(self._publisher.endpoint)
        self._wanted = 0
        self._hanging = tcp_server(silent)
        self._hangs = False

    def subscription(self, *topics: str, times: LinkTimes = TIMES) -> Subscription:
        self._wanted += len(topics) or 1
        return self._transport.subscription(self._endpoint, topics, times)

    def appear(self) -> None:
        self._publisher.appear()

    def vanish(self) -> None:
        self._publisher.vanish()
        self._wanted = 0

    def hang(self) -> None:
        self._endpoint = Endpoint.parse(self._hanging.__enter__())
        self._hangs = True

    async def publish(self, *frames: bytes) -> None:
        await self._publisher.heard_by(self._wanted)
        self._publisher.publish(*frames)

    def close(self) -> None:
        self._publisher.vanish()
        if self._hangs:
            self._hanging.__exit__(None, None, None)
        self._transport.close()


class SourceWithoutSockets:
    def __init__(self) -> None:
        self._publisher = FakePublisher(reach=Reach.REFUSES)

    def subscription(self, *topics: str, times: LinkTimes = TIMES) -> Subscription:
        return self._publisher(Endpoint("tcp", "127.0.0.1", 5556), topics, times)

    def appear(self) -> None:
        self._publisher.reach = Reach.LISTENS

    def vanish(self) -> None:
        self._publisher.vanish()

    def hang(self) -> None:
        self._publisher.reach = Reach.SILENT

    async def publish(self, *frames: bytes) -> None:
        self._publisher.publish(*frames)

    def close(self) -> None:
        pass


SOURCES: dict[str, Callable[[], ZmqSource | SourceWithoutSockets]] = {"zmq": ZmqSource, "fake": SourceWithoutSockets}


@pytest.fixture(params=list(SOURCES))
async def source(request: pytest.FixtureRequest) -> AsyncIterator[Source]:
    one = SOURCES[request.param]()
    yield one
    one.close()


async def opened(source: Source, *topics: str) -> tuple[Subscription, HeardKinds]:
    source.appear()
    subscription, listener = source.subscription(*topics), HeardKinds()
    subscription.open(listener)
    await listener.hears_just("opened")
    return subscription, listener


async def test_what_is_published_comes_in_order_with_all_its_frames(source: Source) -> None:
    subscription, listener = await opened(source)
    expected: list[object] = ["opened"]
    for number in range(50):
        await source.publish(b"errors", b"%d" % number)
        expected.append((b"errors", b"%d" % number))
    await source.publish(b"three", b"", b"frames")
    await listener.hears_just(*expected, (b"three", b"", b"frames"))
    subscription.close()


async def test_only_the_topics_that_were_asked_for_come(source: Source) -> None:
    subscription, listener = await opened(source, "errors", "session-")
    await source.publish(b"code-completion", b"1")
    await source.publish(b"errors", b"2")
    await source.publish(b"session-updates", b"3")
    await listener.hears_just("opened", (b"errors", b"2"), (b"session-updates", b"3"))
    subscription.close()


async def test_opening_returns_before_anything_is_told(source: Source) -> None:
    source.appear()
    subscription, listener = source.subscription(), HeardKinds()
    subscription.open(listener)
    assert listener.heard == []
    subscription.close()


async def test_where_nobody_publishes_the_attempt_is_refused_once(source: Source) -> None:
    subscription, listener = source.subscription(), HeardKinds()
    subscription.open(listener)
    await listener.hears_just(FailureKind.REFUSED)
    subscription.close()
    await settle()
    assert listener.heard == [FailureKind.REFUSED]


async def test_a_publisher_that_never_answers_the_handshake_ends_the_attempt_in_time(source: Source) -> None:
    source.hang()
    subscription, listener = source.subscription(times=SHORT), HeardKinds()
    subscription.open(listener)
    await until(lambda: listener.heard)
    assert listener.heard in ([FailureKind.TIMEOUT], [FailureKind.NO_HANDSHAKE])
    subscription.close()


async def test_a_publisher_that_goes_is_told_once_and_its_successor_says_nothing_here(source: Source) -> None:
    subscription, listener = await opened(source)
    source.vanish()
    await listener.hears_just("opened", FailureKind.RESET)
    successor, other = await opened(source)
    await source.publish(b"errors", b"1")
    await other.hears_just("opened", (b"errors", b"1"))
    assert listener.heard == ["opened", FailureKind.RESET]
    subscription.close()
    successor.close()


async def test_a_closed_subscription_says_nothing_more(source: Source) -> None:
    subscription, listener = await opened(source)
    still, other = await opened(source)
    await source.publish(b"errors", b"1")
    await listener.hears_just("opened", (b"errors", b"1"))
    subscription.close()
    await source.publish(b"errors", b"2")
    source.vanish()
    await until(lambda: FailureKind.RESET in other.heard)
    assert listener.heard == ["opened", (b"errors", b"1")]
    still.close()


async def test_closing_while_it_opens_is_the_end_of_it(source: Source) -> None:
    source.appear()
    for turns in range(6):
        subscription, listener = source.subscription(), HeardKinds()
        subscription.open(listener)
        for _ in range(turns):
            await asyncio.sleep(0)
        told = list(listener.heard)
        subscription.close()
        await settle()
        assert listener.heard == told


async def test_closing_twice_is_closing_once_also_before_opening(source: Source) -> None:
    subscription, _ = await opened(source)
    subscription.close()
    subscription.close()
    never = source.subscription()
    never.close()
    never.close()


async def test_a_subscription_may_be_closed_from_inside_each_thing_it_tells(source: Source) -> None:
    class Closing(HeardKinds):
        def __init__(self, subscription: Subscription, when: str) -> None:
            super().__init__()
            self._subscription = subscription
            self._when = when

        def opened(self) -> None:
            super().opened()
            if self._when == "opened":
                self._subscription.close()

        def published(self, frames: list[bytes]) -> None:
            super().published(frames)
            if self._when == "published":
                self._subscription.close()

        def lost(self, failure: Failure) -> None:
            super().lost(failure)
            self._subscription.close()

    listeners = []
    for when in ("opened", "published", "lost"):
        source.appear()
        subscription = source.subscription()
        listeners.append(Closing(subscription, when))
        subscription.open(listeners[-1])
        await listeners[-1].hears_just("opened")
        if when == "opened":
            source.vanish()
    at_once, at_first, at_last = listeners
    await source.publish(b"errors", b"1")
    for listener in (at_first, at_last):
        await listener.hears_just("opened", (b"errors", b"1"))
    source.vanish()
    await at_last.hears_just("opened", (b"errors", b"1"), FailureKind.RESET)
    assert at_once.heard == ["opened"]
    assert at_first.heard == ["opened", (b"errors", b"1")]
