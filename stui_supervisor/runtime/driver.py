"""The loop around the core: inputs in, effects carried out, one timer. Lives from start to stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from stui_supervisor.config import STOP_TIMEOUT_S, Settings
from stui_supervisor.core import effects, inputs
from stui_supervisor.core.core import Core
from stui_supervisor.core.inputs import Input
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.moment import Moment
from stui_supervisor.requests.request import Request
from stui_supervisor.runtime.announcer import Announcer
from stui_supervisor.runtime.assembly import Adapters
from stui_supervisor.runtime.callers import Callers
from stui_supervisor.runtime.credential_worker import CredentialWorker
from stui_supervisor.runtime.input_queue import InputQueue
from stui_supervisor.runtime.link_worker import LinkWorker
from stui_supervisor.runtime.observers import Observers
from stui_supervisor.runtime.profile_worker import ProfileWorker
from stui_supervisor.runtime.sleep_watch import SleepWatch
from stui_supervisor.runtime.store_worker import StoreWorker
from stui_supervisor.runtime.subscriber import Subscriber
from stui_supervisor.runtime.timer import Timer
from stui_supervisor.wire.dialects import Reply


class Driver:
    """Gives each input to the core, and each effect that the core decides on to the part that carries it out."""

    def __init__(self, core: Core, settings: Settings, adapters: Adapters, observers: Observers) -> None:
        self._core = core
        self._adapters = adapters
        self._loop = asyncio.get_running_loop()
        self._left = asyncio.Event()
        self._callers = Callers()
        self._profiles = ProfileWorker(adapters.open_profiles, self.feed)
        self._sleep = SleepWatch(adapters.clock, self.feed)
        self._timer = Timer(adapters.clock, core.next_deadline, self._ring, (self._sleep, self._profiles.watch))
        self._inputs = InputQueue(self._handle, self._timer.arm_soon)
        feed = self._inputs.feed
        self._store = StoreWorker(adapters.open_store, feed, adapters.place)
        self._link = LinkWorker(
            adapters.make_link, adapters.make_lookout, settings, feed, self._profiles.watch, self._complain
        )
        self._subscriber = Subscriber(adapters.make_subscription, feed)
        self._keyring = CredentialWorker(adapters.keyring, feed)
        self._announcer = Announcer(core, adapters.clock, adapters.journal, observers)
        self._performers: dict[type, Callable[[Any], None]] = {
            effects.Send: self._link.send,
            effects.Finish: self._callers.finish,
            effects.Announce: self._announcer.tell,
            effects.OpenLink: self._link.open,
            effects.CloseLink: self._link.hang_up,
            effects.LookOut: self._link.look_out,
            effects.LookAtPath: self._link.look,
            effects.Knock: self._link.knock,
            effects.ReadCredential: self._keyring.ask,
            effects.Subscribe: self._subscriber.do,
            effects.Unsubscribe: self._subscriber.do,
            effects.LookAtSubscription: self._subscriber.look,
            effects.Load: self._store.do,
            effects.Save: self._store.do,
            effects.SaveSnapshot: self._store.do,
            effects.Release: self._store.do,
            effects.SaveEnded: self._callers.save_ended,
            effects.ReadProfile: self._profiles.do,
            effects.NoteLink: self._profiles.do,
        }
        adapters.network.watch(lambda: feed(inputs.NetworkChanged()))

    def now(self) -> Moment:
        """The present moment."""
        return Moment(self._adapters.clock.monotonic(), self._adapters.clock.utc())

    def feed(self, event: Input) -> None:
        """Tell the core, and do what it says; from the event loop only. Nothing after the end, or in a forked child."""
        self._inputs.feed(event)

    def connect(self, endpoint: Endpoint) -> None:
        """Link to this endpoint from now on."""
        self.feed(inputs.Connect(endpoint))

    def disconnect(self) -> None:
        """No link is wanted any more."""
        self.feed(inputs.Disconnect())

    def reconnect(self) -> None:
        """A new link is wanted, or the next attempt now."""
        self.feed(inputs.Reconnect())

    def cancel(self, request: Request) -> None:
        """Nobody waits for the request any more."""
        self.feed(inputs.Cancel(request.number))

    def submit(self, request: Request) -> asyncio.Future[Reply]:
        """Hand in a request; the future ends with its reply or its RequestError."""
        future = self._callers.requesting(request.number)
        self._sleep.look()
        self._inputs.feed(inputs.Submit(request))
        return future

    async def save(self) -> None:
        """Return when the present context is on the disk; StoreError when that failed."""
        number, future = self._callers.saving()
        self.feed(inputs.SaveContext(number))
        await future

    def leave(self) -> None:
        """Tell the core to stop. Then ``close``."""
        self._store.leave(self._core.profile)
        self._sleep.look()  # what was seen before is old, and the last push goes by it
        self.feed(inputs.Stop())

    async def close(self) -> None:
        """After ``leave``: wait for what is under way, within STOP_TIMEOUT_S. Then ``release``."""
        # An image or a disk that hangs does not hold up the end of the program.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._left.wait()
                await self._store.drained()
                await self._profiles.rest()
                await self._announcer.close()
                await self._store.rest()  # what was changed meanwhile is saved
        if self._core.has_unsaved_work:
            self.feed(inputs.StoreSilent(is_over=True))

    def release(self, wait_s: float = 0.0) -> None:
        """Give everything back, finished or not; where there is no event loop to wait in, wait so long for the disk."""
        try:
            if self._core.is_running:
                self.leave()
        finally:
            self._inputs.close()
            self._timer.close()
            self._link.close(self._core.link)  # there is one after a mistake; what links share waits for them
            self._subscriber.close()
            self._store.close(wait_s)
            self._profiles.close()
            self._keyring.close()
            self._adapters.network.close()
            self._announcer.close_later()
            self._adapters.close()
            self._callers.close()

    def _handle(self, event: Input) -> None:
        for effect in self._core.handle(event, self.now()):
            try:
                self._performers[type(effect)](effect)
            except Exception as mistake:  # noqa: BLE001  # what follows in the same turn is carried out all the same
                self._complain(effect, mistake)
        if not self._core.is_running:
            self._left.set()

    def _ring(self) -> None:
        self._announcer.tend()
        self._sleep.look()
        self._profiles.watch.rings(self._core.state)
        self._inputs.feed(inputs.TimePassed())

    def _complain(self, effect: effects.Effect, error: Exception) -> None:
        """Tell of a mistake as the event loop does; the effect itself may hold a secret."""
        if self._loop.is_closed():  # a run that nobody stopped: what needs a loop is not done any more
            return
        message = f"{type(effect).__name__} was not carried out"
        self._loop.call_exception_handler({"message": message, "exception": error})
