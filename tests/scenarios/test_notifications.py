"""Notifications: heard, missed, gone, and never there, with the reference backend and with a publisher of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stui_supervisor import (
    BackendError,
    Notification,
    NotificationsMissed,
    Problem,
    Settings,
    State,
    Supervisor,
    Transition,
)
from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.backend import BackendSettings
from stui_supervisor.config import CROWD
from stui_supervisor.profile import Profile
from stui_supervisor.runtime.observers import EventStream
from tests.support.networks.tcp_proxy import TcpProxy
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.publisher import Publisher
from tests.support.processes.strange_servers import Answer, Frames, ScriptedServer, success
from tests.support.programs.watching import LIMIT_S, entering, next_of, queued, until

PUBLISHING = BackendSettings(bind="tcp://127.0.0.1:*", publish="tcp://127.0.0.1:*")
QUICK_PINGS = Settings(ping_interval_s=0.05)
FLOOD = 20_000
TURN_MAX_S = 0.005


async def hearing(supervisor: Supervisor, stream: EventStream) -> Notification:
    """Have the image publish errors until one is heard; a new subscription takes a moment to reach it."""
    while True:
        with pytest.raises(BackendError):
            await supervisor.request("evaluate", {"code": "nonsense"})
        heard = [event for event in queued(stream) if isinstance(event, Notification) and event.topic == "errors"]
        if heard:
            return heard[-1]


@asynccontextmanager
async def supervised(
    publisher: Publisher, home: Path, named: str | None = None, settings: Settings | None = None
) -> AsyncIterator[tuple[Supervisor, EventStream]]:
    """A link to an image whose ping names the publisher, and whose REP socket stays whatever happens to that one."""

    def answer(token: bytes, body: bytes) -> Iterable[Frames]:
        return [(token, b"", success(body, image_id="one", session_id="s", notifications=named or publisher.endpoint))]

    with ScriptedServer(answer) as server:
        supervisor = Supervisor(server.endpoint, home=home, settings=settings)
        stream = supervisor.events()
        async with supervisor:
            await entering(stream, State.CONNECTED)
            yield supervisor, stream


async def test_what_the_image_publishes_is_an_event(tmp_path: Path) -> None:
    async with BackendProcess(PUBLISHING) as server, Supervisor(server.endpoint, home=tmp_path) as supervisor:
        stream = supervisor.events()
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        heard = await hearing(supervisor, stream)
        assert heard.body.keys() == {"error_type", "message", "timestamp"}


async def test_after_a_restart_it_is_said_from_when_to_when_nothing_was_heard(tmp_path: Path) -> None:
    async with BackendProcess(PUBLISHING) as server, Supervisor(server.endpoint, home=tmp_path) as supervisor:
        stream = supervisor.events()
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        connected_at = supervisor.status().since
        last = await hearing(supervisor, stream)
        killed_at = datetime.now(UTC)
        server.kill()
        await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
        starting_at = datetime.now(UTC)
        await asyncio.to_thread(server.start)
        missed = await next_of(stream, NotificationsMissed)
        # What came last may have waited, and more with it. Two clocks that agree to a millisecond tell the beginning.
        assert connected_at - timedelta(milliseconds=1) <= missed.since <= last.at < killed_at
        assert starting_at < missed.until == missed.at
        assert (await hearing(supervisor, stream)).at > missed.until
        assert [event for event in queued(stream) if isinstance(event, NotificationsMissed)] == []
        assert supervisor.state is State.CONNECTED


async def test_when_only_the_publisher_goes_the_link_is_deaf_until_it_is_back(tmp_path: Path) -> None:
    with Publisher() as publisher:
        async with supervised(publisher, tmp_path, settings=QUICK_PINGS) as (supervisor, stream):
            await publisher.heard_by()
            gone_at = datetime.now(UTC)
            publisher.vanish()
            deaf = await entering(stream, State.DEGRADED)
            assert (supervisor.status().degraded_reason, deaf.reason) == (
                "deaf",
                "deaf: the image's notifications are not heard any more",
            )
            answered = supervisor.status().rtt_ms
            await until(lambda: supervisor.status().rtt_ms != answered)  # the image answers, which does not cure it
            assert supervisor.state is State.DEGRADED
            publisher.appear()
            missed = await next_of(stream, NotificationsMissed)
            assert missed.since <= gone_at < missed.until
            back = await entering(stream, State.CONNECTED)
            assert (back.trigger, supervisor.status().degraded_reason) == ("health_regained", None)
            await publisher.heard_by()
            publisher.publish(b"errors", b'{"n": 1}')
            assert (await next_of(stream, Notification)).body == {"n": 1}


async def test_a_publisher_that_is_back_at_once_makes_nobody_deaf(tmp_path: Path) -> None:
    with Publisher() as publisher:
        async with supervised(publisher, tmp_path) as (_, stream):
            await publisher.heard_by()
            publisher.vanish()
            publisher.appear()
            await next_of(stream, NotificationsMissed)
            assert [event for event in queued(stream) if isinstance(event, Transition)] == []


async def test_a_publisher_that_was_never_there_is_one_problem_and_no_reason_to_degrade(tmp_path: Path) -> None:
    publisher = Publisher()
    publisher.vanish()
    async with supervised(publisher, tmp_path) as (supervisor, stream):
        problem = await next_of(stream, Problem)
        assert problem.code == "notifications_unheard"
        assert problem.message.startswith(f"no notifications from {publisher.endpoint}: nothing listens there")
        assert supervisor.state is State.CONNECTED


async def test_an_address_of_every_interface_is_that_of_the_link(tmp_path: Path) -> None:
    with Publisher() as publisher:
        anywhere = publisher.endpoint.replace("127.0.0.1", "0.0.0.0")  # noqa: S104  # what is sent, not bound
        async with supervised(publisher, tmp_path, named=anywhere):
            await publisher.heard_by()


async def test_an_address_elsewhere_is_a_problem_and_not_connected_to(tmp_path: Path) -> None:
    with Publisher() as publisher:
        async with supervised(publisher, tmp_path, named="tcp://192.0.2.1:5556") as (supervisor, stream):
            problem = await next_of(stream, Problem)
            assert (problem.code, supervisor.state) == ("notifications_address", State.CONNECTED)


async def test_what_is_no_notification_is_told_once_and_left_out(tmp_path: Path) -> None:
    with Publisher() as publisher:
        async with supervised(publisher, tmp_path) as (supervisor, stream):
            await publisher.heard_by()
            for frames in ((b"errors",), (b"\xff", b"1"), (b"errors", b"["), (b"errors", b"[" * 100_000)):
                publisher.publish(*frames)
            publisher.publish(b"errors", b'"' + b"x" * 5_000_000 + b'"')
            publisher.publish(b"errors", b"1")
            problem = await next_of(stream, Problem)
            assert (problem.code, problem.message) == (
                "notification_malformed",
                "a notification was left out: 1 frames, and a topic and a body are wanted",
            )
            assert (await next_of(stream, Notification)).body == 1
            await supervisor.disconnect()
            assert [event.message for event in queued(stream) if isinstance(event, Problem)] == [
                "5 notifications in all were left out"
            ]


@dataclass
class Told:
    """What a reader of the events was told: the numbers that were heard, and from when to when some may be missing."""

    heard: set[int] = field(default_factory=set)
    missed: list[NotificationsMissed] = field(default_factory=list)

    async def read(self, stream: EventStream) -> None:
        async for event in stream:
            if isinstance(event, Notification):
                self.heard.add(event.body)
            elif isinstance(event, NotificationsMissed):
                self.missed.append(event)

    async def hears(self, more: int) -> None:
        """Return once so many more were heard."""
        wanted = len(self.heard) + more
        await until(lambda: len(self.heard) >= wanted)

    async def misses(self, gaps: int) -> None:
        """Return once so many gaps were told."""
        await until(lambda: len(self.missed) >= gaps)

    def untold(self, published: dict[int, datetime]) -> list[int]:
        """What was published between the first and the last that was heard, and neither heard itself nor in a gap."""
        return [
            number
            for number, at in published.items()
            if min(self.heard) < number < max(self.heard)
            and number not in self.heard
            and not any(gap.since <= at <= gap.until for gap in self.missed)
        ]


async def publish_steadily(published: dict[int, datetime], *publishers: Publisher) -> None:
    """Number by number, for ever, each by all of them."""
    for number in itertools.count():
        published[number] = datetime.now(UTC)
        for publisher in publishers:
            publisher.publish(b"errors", b"%d" % number)
        await asyncio.sleep(0.002)


@pytest.mark.parametrize("delay_s", [0.0, 0.1])
async def test_whatever_a_broken_connection_costs_lies_in_a_gap_however_far_the_publisher_is(
    delay_s: float, tmp_path: Path
) -> None:
    told, published = Told(), dict[int, datetime]()
    with Publisher() as publisher:
        async with (
            TcpProxy(int(publisher.endpoint.rpartition(":")[2]), delay_s) as line,
            supervised(publisher, tmp_path, named=line.endpoint) as (_, stream),
        ):
            reading = asyncio.create_task(told.read(stream))
            publishing = asyncio.create_task(publish_steadily(published, publisher))
            for breaks in range(1, 4):
                await told.hears(20)
                line.drop()
                await told.misses(breaks)
            await told.hears(20)
            publishing.cancel()
            reading.cancel()
    assert len(published) - len(told.heard) > 0
    assert told.untold(published) == []


async def test_over_another_way_to_the_same_image_the_gap_is_told(tmp_path: Path) -> None:
    def image(publisher: Publisher) -> Answer:
        named = {"image_id": "one", "session_id": "s", "notifications": publisher.endpoint}
        return lambda token, body: [(token, b"", success(body, **named))]

    told, published = Told(), dict[int, datetime]()
    with Publisher() as first, Publisher() as second, ScriptedServer(image(second)) as there:
        with ScriptedServer(image(first)) as here:
            profile = Profile(name="default", endpoints=(here.endpoint, there.endpoint), failover=True)
            FileProfileStore(tmp_path / "profiles.json").change("default", lambda _: profile)
            supervisor = Supervisor(home=tmp_path)
            stream = supervisor.events()
            await supervisor.start()
            reading = asyncio.create_task(told.read(stream))
            publishing = asyncio.create_task(publish_steadily(published, first, second))
            await told.hears(50)
        await told.misses(1)
        await told.hears(1)
        for task in (publishing, reading):
            task.cancel()
        await supervisor.stop()
    assert len(told.missed) == 1
    assert told.untold(published) == []


async def test_an_address_that_a_later_ping_names_is_followed(tmp_path: Path) -> None:
    where: list[str] = []

    def answer(token: bytes, body: bytes) -> Iterable[Frames]:
        named = {"notifications": where[-1]} if where else {}
        return [(token, b"", success(body, image_id="one", session_id="s", **named))]

    with ScriptedServer(answer) as server, Publisher() as first, Publisher() as second:
        supervisor = Supervisor(server.endpoint, home=tmp_path, settings=QUICK_PINGS)
        stream = supervisor.events()
        async with supervisor:
            await entering(stream, State.CONNECTED)
            for number, publisher in enumerate((first, second)):
                where.append(publisher.endpoint)
                await publisher.heard_by()
                publisher.publish(b"errors", b"%d" % number)
                assert (await next_of(stream, Notification)).body == number
            assert supervisor.state is State.CONNECTED


@pytest.mark.skipif(sys.platform == "win32", reason="only on systems with IPC in their own sockets")
async def test_a_socket_that_the_image_names_is_used_beside_a_link_over_loopback(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as directory, Publisher(f"ipc://{directory}/published") as publisher:
        async with supervised(publisher, tmp_path) as (_, stream):
            await publisher.heard_by()
            publisher.publish(b"errors", b"1")
            assert (await next_of(stream, Notification)).body == 1


async def test_what_is_heard_in_peace_makes_no_gap(tmp_path: Path) -> None:
    with Publisher() as publisher:
        async with supervised(publisher, tmp_path, settings=QUICK_PINGS) as (_, stream):
            await publisher.heard_by()
            for number in range(200):
                publisher.publish(b"errors", b"%d" % number)
                assert (await next_of(stream, Notification)).body == number
            assert [event for event in queued(stream) if isinstance(event, NotificationsMissed)] == []


async def test_a_flood_that_there_may_have_been_no_room_for_is_told_as_a_gap(tmp_path: Path) -> None:
    with Publisher() as publisher:
        async with supervised(publisher, tmp_path) as (_, stream):
            await publisher.heard_by()
            began = datetime.now(UTC)
            for number in range(4 * CROWD):
                publisher.publish(b"errors", b"%d" % number)
            missed = await next_of(stream, NotificationsMissed)
            assert missed.since <= began < missed.until


async def test_a_flood_comes_whole_and_in_order_and_the_loop_goes_on(tmp_path: Path) -> None:
    with Publisher() as publisher:
        async with supervised(publisher, tmp_path) as (supervisor, stream):
            await publisher.heard_by()
            turns: list[float] = []
            flooding = True

            async def watch() -> None:
                while flooding:  # the time that this thread worked, so that a busy machine does not count
                    began = time.thread_time()
                    await asyncio.sleep(0)
                    turns.append(time.thread_time() - began)

            for number in range(FLOOD):
                publisher.publish(b"errors", json.dumps({"number": number, "text": "x" * 100}).encode())
            watching = asyncio.create_task(watch())
            heard = [(await next_of(stream, Notification)).body["number"] for _ in range(FLOOD)]
            flooding = False
            await watching
            assert heard == list(range(FLOOD))
            assert sorted(turns)[-3] < TURN_MAX_S  # two turns for the collector of garbage
            assert (await supervisor.request("ping"))["image_id"] == "one"
