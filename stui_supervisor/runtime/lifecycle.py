"""One run after the other: a start waits for the stop that is under way, and two stops are one."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakSet

from stui_supervisor.config import STOP_TIMEOUT_S
from stui_supervisor.errors import SupervisorError
from stui_supervisor.runtime.observers import Observers

if TYPE_CHECKING:
    from stui_supervisor.core import inputs
    from stui_supervisor.runtime.driver import Driver

START: Final = "start it, or use it in 'async with'"
_ELSEWHERE: Final = "stop it in the event loop that started it, before that ends; else make another one"
_THREADSAFE: Final = "call it in that thread, or hand a coroutine to asyncio.run_coroutine_threadsafe"
_FORKED: Final = "make another one here, or start it only after the fork"


class Owner(NamedTuple):
    """Where a run was started, and where alone it may be used."""

    loop: asyncio.AbstractEventLoop
    thread: int
    pid: int

    def check(self) -> None:
        """Raises SupervisorError anywhere else."""
        if self.pid != os.getpid():
            raise SupervisorError(f"the supervisor was started by another process ({self.pid})", hint=_FORKED)
        running = running_loop()
        if running is self.loop:
            return
        if running is None and threading.get_ident() != self.thread:
            raise SupervisorError("the supervisor runs in another thread", hint=_THREADSAFE)
        if running is not None:
            raise SupervisorError("the supervisor runs in another event loop", hint=_ELSEWHERE)
        if self.loop.is_closed():
            raise SupervisorError("the supervisor's event loop has ended", hint=_ELSEWHERE)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Lifecycle:
    """Begins runs and ends them.

    A run that nobody stops is ended here, with a ResourceWarning: when its supervisor is garbage-collected; and, where
    its event loop has ended, when another run begins in this process or the process ends. ``described`` names the
    supervisor in that warning.

    ``driver`` is that of the present run, None between two runs and while one ends. ``observers`` are those of the
    present run, or of the next one: a caller that arrives while a run ends belongs to the next run.
    """

    def __init__(
        self, make_driver: Callable[[Observers], Driver], described: Callable[[], str] = lambda: "a supervisor"
    ) -> None:
        self._make_driver = make_driver
        self._described = described
        self._owner: Owner | None = None
        self._ending: asyncio.Task[None] | None = None
        self._leaving: Driver | None = None
        self._stops = 0
        self.driver: Driver | None = None
        self.observers = Observers(self.check)

    @property
    def has_stopped(self) -> bool:
        """True when a run has ended, or is about to, and none has begun since."""
        return self.driver is None and self._ending is not None

    def check(self) -> None:
        """Raises SupervisorError in another process, thread or event loop than that of the run."""
        if self._owner is not None:
            self._owner.check()

    def here(self) -> Driver | None:
        """The driver. Raises as ``check`` does."""
        self.check()
        return self.driver

    @property
    def is_elsewhere(self) -> bool:
        """True unless the event loop that runs here is that of the run; before a run, unless one runs at all."""
        running = running_loop()
        return running is None or (self._owner is not None and running is not self._owner.loop)

    def tell(self, event: inputs.Input) -> bool:
        """Feed the driver, also one that is about to end; False without one."""
        driver = self.driver or self._leaving
        if driver is None:
            return False
        driver.feed(event)
        return True

    async def start(self, event: inputs.Start) -> None:
        """Begin a run, unless there is one."""
        self.here()
        stops = self._stops
        await asyncio.sleep(0)  # who was asked before to stop, in a task of its own, begins with that first
        await self._ended()
        end_what_was_left()
        if self.driver is None and self._stops == stops:  # a stop that was called later than this start wins
            self.driver = self._make_driver(self.observers)
            self._owner = Owner(asyncio.get_running_loop(), threading.get_ident(), os.getpid())
            self.observers.begin()
            _tend_to_the_end(self)
            self.driver.feed(event)

    async def stop(self) -> None:
        """End the run. A stop that is cancelled goes on by itself, for no longer than it would have taken."""
        driver, self.driver = self.here(), None
        self._stops += 1
        if driver is not None:
            self._begin_to_end(driver)
        await self._ended()

    def let_go(self, who: str, *, at_exit: bool = False) -> None:
        """Nobody has the supervisor any more, or its event loop has ended: end the run, as far as that can be done."""
        driver, owner = self.driver, self._owner
        if driver is None or owner is None or owner.pid != os.getpid():
            return
        self.driver = None
        self._stops += 1
        try:
            if owner.loop.is_closed() or (at_exit and not owner.loop.is_running()):
                self._abandon(driver, STOP_TIMEOUT_S if at_exit else 0.0)
            else:
                with contextlib.suppress(RuntimeError):  # it ends just now
                    owner.loop.call_soon_threadsafe(self._begin_to_end, driver)
        finally:
            warnings.warn(f"{who} was never stopped", ResourceWarning, stacklevel=3)

    def let_go_if_left(self) -> None:
        """As ``let_go``, if the event loop of the run has ended."""
        if self.driver is not None and self._owner is not None and self._owner.loop.is_closed():
            self.let_go(self._described())

    def let_go_at_exit(self) -> None:
        """As ``let_go``, because the program ends."""
        if self.driver is not None:
            self.let_go(self._described(), at_exit=True)

    def _begin_to_end(self, driver: Driver) -> None:
        observers, self.observers = self.observers, Observers(self.check, between_runs=True)
        self._leaving = driver
        try:
            driver.leave()
        finally:  # a mistake in the core is told, and leaves nothing behind all the same
            self._ending = asyncio.create_task(driver.close(), name="stui-stop")
            self._ending.add_done_callback(lambda _: self._over(driver, observers))

    def _abandon(self, driver: Driver, wait_s: float) -> None:
        """Without an event loop: what was changed last is saved, and the session given back, by a thread."""
        try:
            driver.leave()
        finally:
            with contextlib.suppress(RuntimeError):  # somebody of that loop waits still, and will never hear of it
                driver.release(wait_s)

    async def _ended(self) -> None:
        """Wait for the stop that is under way, if there is one. What an earlier one raised, its own caller got."""
        if self._ending is not None and not self._ending.done():
            await asyncio.shield(self._ending)
        elif self._leaving is not None:
            await asyncio.sleep(0)  # its task has ended in this turn, and is followed by what releases everything

    def _over(self, driver: Driver, observers: Observers) -> None:
        """The run has ended, even if the task that was to end it was cancelled before its first step."""
        try:
            driver.release()
        finally:
            self._owner = self._leaving = None
            observers.close(SupervisorError("the supervisor was stopped", hint=START))


_begun: WeakSet[Lifecycle] = WeakSet()


def end_what_was_left() -> None:
    """End the runs of this process whose event loops have ended without them."""
    for lifecycle in list(_begun):
        lifecycle.let_go_if_left()


def _tend_to_the_end(lifecycle: Lifecycle) -> None:
    """Have the run ended at the exit of the program, if it is not ended before."""
    if not _begun:
        atexit.unregister(_end_at_exit)
        atexit.register(_end_at_exit)
    _begun.add(lifecycle)


def _end_at_exit() -> None:
    for lifecycle in list(_begun):
        lifecycle.let_go_at_exit()
