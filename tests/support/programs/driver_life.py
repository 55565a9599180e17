"""A driver that runs over fakes, and all around it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from stui_supervisor.adapters.host.clock import SystemClock
from stui_supervisor.adapters.keyring.credentials import KeyringClientKeys
from stui_supervisor.config import SLEEP_LOOK_S, Settings
from stui_supervisor.context.context import Context
from stui_supervisor.core import inputs
from stui_supervisor.core.core import Core
from stui_supervisor.core.effects import Effect
from stui_supervisor.core.inputs import Input
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import SupervisorError
from stui_supervisor.events import Beside, Event, JournalOnly
from stui_supervisor.machine.states import State
from stui_supervisor.moment import Moment
from stui_supervisor.ports import SessionStore
from stui_supervisor.runtime.assembly import Adapters, Keyring, without_keys
from stui_supervisor.runtime.driver import Driver
from stui_supervisor.runtime.observers import EventStream, Observers
from stui_supervisor.session.records import Notice
from stui_supervisor.testing import FakeNetwork, MemoryCredentials, MemoryDisk, MemoryProfiles, MemoryStore
from tests.support.processes.embedded_image import EmbeddedImage
from tests.support.programs.faulty_links import FaultyPeer
from tests.support.programs.watching import entering, until

ENDPOINT = Endpoint("tcp", "127.0.0.1", 5555)


@dataclass
class Diary:
    """A journal in memory."""

    begun: list[str] = field(default_factory=list)
    events: list[tuple[Event, Beside]] = field(default_factory=list)
    lived: int = 0
    closed: int = 0
    is_broken: bool = False
    problem: Notice | None = None

    def begin(self, profile: str, _at: datetime, _elapsed_s: float) -> None:
        self.begun.append(profile)

    def record(self, event: Event, beside: Beside) -> None:
        if self.is_broken:
            raise OSError("cannot write")
        self.events.append((event, beside))

    def lives(self, _at: datetime) -> None:
        self.lived += 1

    def take_problem(self) -> Notice | None:
        problem, self.problem = self.problem, None
        return problem

    def close(self, _at: datetime) -> None:
        self.closed += 1


class SleepyClock(SystemClock):
    """The clocks of a machine that sleeps when it is told to, for a moment that seems long.

    ``hurries_s`` goes by in no time at all.
    """

    def __init__(self) -> None:
        self.slept_s = self.hurries_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.hurries_s

    def asleep_s(self) -> float:
        return self.slept_s


class CountingCore(Core):
    """Counts how often it is asked for its next deadline, which its driver does to arm the timer.

    Its mind fails at an input like ``mistake``.
    """

    armings = 0
    mistake: Input | None = None

    def handle(self, event: Input, now: Moment) -> list[Effect]:
        if event == self.mistake:
            raise ZeroDivisionError("a mistake in the core")
        return super().handle(event, now)

    def next_deadline(self) -> float | None:
        self.armings += 1
        return super().next_deadline()


@dataclass
class Life:
    """A driver that runs, and all around it."""

    driver: Driver
    core: CountingCore
    stream: EventStream
    peer: FaultyPeer
    disk: MemoryDisk
    diary: Diary
    given_back: list[str]
    clock: SleepyClock
    network: FakeNetwork
    image: EmbeddedImage

    @property
    def asides(self) -> list[JournalOnly]:
        """What the journal alone was told."""
        return [event for event, _ in self.diary.events if isinstance(event, JournalOnly)]

    @property
    def has_timer(self) -> bool:
        """True while something will ring."""
        return self.driver._timer.is_armed

    async def rest(self) -> None:
        """Wait for the link, for the disk, and for a timer that does not ring soon."""
        await entering(self.stream, State.CONNECTED)
        await self.driver._store.drained()
        await until(lambda: self.driver._timer.armed_for > time.monotonic() + SLEEP_LOOK_S / 2)
        await asyncio.sleep(0)

    async def end(self) -> None:
        """What the supervisor does at its stop."""
        self.driver.feed(inputs.Stop())
        await self.driver.close()
        self.driver.release()


@asynccontextmanager
async def life(
    store: SessionStore | None = None,
    settings: Settings | None = None,
    *,
    start: bool = True,
    has_journal: bool = True,
) -> AsyncIterator[Life]:
    settings, disk, image, observers, diary = (
        settings or Settings(),
        MemoryDisk(),
        EmbeddedImage(),
        Observers(),
        Diary(),
    )
    peer = FaultyPeer(image)
    given_back: list[str] = []
    clock, network = SleepyClock(), FakeNetwork()
    kept = store or MemoryStore(disk)
    drivers: list[Driver] = []
    context = Context("me", lambda: drivers[0].feed(inputs.ContextChanged()))
    core = CountingCore(
        profile="default",
        settings=settings,
        rng=Random(1),  # noqa: S311  # jitter
        context=context,
        pid=1,
        has_credentials=False,
    )
    adapters = Adapters(
        clock,
        without_keys(peer),
        lambda: kept,
        MemoryProfiles,
        diary if has_journal else None,
        Keyring(MemoryCredentials(), KeyringClientKeys()),
        lambda: given_back.append("all"),
        network,
    )
    drivers.append(Driver(core, settings, adapters, observers))
    one = Life(drivers[0], core, observers.subscribe(), peer, disk, diary, given_back, clock, network, image)
    if start:
        one.driver.feed(inputs.Start(ENDPOINT))
    yield one
    if not given_back:
        await one.end()
    observers.close(SupervisorError("stopped"))
