"""The loop around the core: inputs in, effects carried out, one timer. Lives from start to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from stui_supervisor.adapters.host.worker import Worker, in_thread
from stui_supervisor.config import JOURNAL_ALIVE_S, SLEEP_LOOK_S, STOP_TIMEOUT_S, Settings
from stui_supervisor.core import effects, inputs
from stui_supervisor.core.core import Core
from stui_supervisor.core.inputs import Input
from stui_supervisor.errors import StoreError
from stui_supervisor.events import Beside, Event, JournalOnly, Problem, Transition
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.health.path import heartbeat_timeout_s
from stui_supervisor.machine.states import State
from stui_supervisor.moment import Moment
from stui_supervisor.ports import Link, LinkTimes, Lookout
from stui_supervisor.requests.request_queue import Request
from stui_supervisor.runtime.assembly import Adapters
from stui_supervisor.runtime.credential_worker import CredentialWorker
from stui_supervisor.runtime.observers import Observers
from stui_supervisor.runtime.profile_worker import ProfileWorker
from stui_supervisor.runtime.sleep_watch import SleepWatch
from stui_supervisor.runtime.store_worker import StoreWorker
from stui_supervisor.runtime.subscriber import Subscriber
from stui_supervisor.wire.dialects import Reply


class Driver:
    """Carries out what the core decides."""

    def __init__(self, core: Core, settings: Settings, adapters: Adapters, observers: Observers) -> None:
        self._core = core
        self._settings = settings
        self._adapters = adapters
        self._observers = observers
        self._loop = asyncio.get_running_loop()
        self._inputs: deque[Input] = deque()
        self._busy = False
        self._has_ended = False
        self._pid = os.getpid()
        self._left = asyncio.Event()
        self._arming: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = 0.0
        self._is_ringing = False
        self._sleep = SleepWatch(adapters.clock)
        self._link: Link | None = None
        self._lookout: Lookout | None = None
        self._opening: int | None = None
        self._store = StoreWorker(adapters.open_store, self.feed, adapters.place)
        self._profiles = ProfileWorker(adapters.open_profiles, self.feed)
        self._subscriber = Subscriber(adapters.make_subscription, self.feed)
        self._keyring = CredentialWorker(adapters.keyring, self.feed)
        self._journal_ended = False
        self._session_told: str | None = None
        self._lives_from = 0.0  # when the log is told so next
        self._saves = 0
        self._saving: dict[int, asyncio.Future[None]] = {}
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self._performers: dict[type, Callable[[Any], None]] = {
            effects.Send: self._send,
            effects.Finish: self._finish,
            effects.Announce: self._tell,
            effects.OpenLink: self._change_link,
            effects.CloseLink: self._change_link,
            effects.LookOut: self._look_out,
            effects.LookAtPath: self._look_at_path,
            effects.Knock: self._knock,
            effects.ReadCredential: self._keyring.ask,
            effects.Subscribe: self._subscriber.do,
            effects.Unsubscribe: self._subscriber.do,
            effects.LookAtSubscription: self._subscriber.look,
            effects.Load: self._store.do,
            effects.Save: self._store.do,
            effects.SaveSnapshot: self._store.do,
            effects.Release: self._store.do,
            effects.SaveEnded: self._save_ended,
            effects.ReadProfile: self._profiles.do,
            effects.NoteLink: self._profiles.do,
        }
        if adapters.journal is not None:
            adapters.journal.begin(core.profile, adapters.clock.utc(), adapters.clock.elapsed_s())
        adapters.network.watch(lambda: self.feed(inputs.NetworkChanged()))

    def now(self) -> Moment:
        """The present moment."""
        return Moment(self._adapters.clock.monotonic(), self._adapters.clock.utc())

    def feed(self, event: Input) -> None:
        """Tell the core, and do what it says; from the event loop only. Nothing after the end, or in a forked child."""
        if self._has_ended or os.getpid() != self._pid:
            return  # the core may run for another driver by now
        self._inputs.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._inputs:
                self._handle(self._inputs.popleft())
        finally:
            self._busy = False
            if (
                self._arming is None and not self._is_ringing and not self._loop.is_closed()
            ):  # a little later, so that whoever got a reply need not wait for it
                self._arming = self._loop.call_soon(self._arm_timer)

    def submit(self, request: Request) -> asyncio.Future[Reply]:
        """Hand in a request; the future ends with its reply or its RequestError."""
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._replies[request.number] = future
        self._see_sleep()
        self.feed(inputs.Submit(request))
        return future

    async def save(self) -> None:
        """Return when the present context is on the disk; StoreError when that failed."""
        self._saves += 1
        future = self._saving[self._saves] = self._loop.create_future()
        self.feed(inputs.SaveContext(self._saves))
        await future

    def leave(self) -> None:
        """Tell the core to stop. Then ``close``."""
        self._store.leave(self._core.profile)
        self._see_sleep()  # what was seen before is old, and the last push goes by it
        self.feed(inputs.Stop())

    async def close(self) -> None:
        """After ``leave``: wait for what is under way, within STOP_TIMEOUT_S. Then ``release``."""
        # An image or a disk that hangs does not hold up the end of the program.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._left.wait()
                await self._store.drained()
                await self._profiles.rest()
                await self._end_journal()
                await self._store.rest()  # what was changed meanwhile is saved
        if self._core.has_unsaved_work:
            self.feed(inputs.StoreSilent(is_over=True))

    def release(self, wait_s: float = 0.0) -> None:
        """Give everything back, finished or not; where there is no event loop to wait in, wait so long for the disk."""
        try:
            if self._core.is_running:
                self.leave()
        finally:
            self._has_ended = True
            for handle in (self._arming, self._timer):
                if handle is not None:
                    handle.cancel()
            self._change_link(effects.CloseLink(self._core.link))  # after a mistake; what they share waits for them
            self._subscriber.close()
            if self._lookout is not None:
                self._lookout.close()
            self._store.close(wait_s)
            self._profiles.close()
            self._keyring.close()
            self._adapters.network.close()
            self._end_journal_later()
            self._adapters.close()
            stopped = StoreError("the supervisor was stopped before the context was saved")
            for waiter in list(self._saving):
                self._save_ended(effects.SaveEnded(waiter, stopped))

    async def _end_journal(self) -> None:
        close = self._closing_of_journal()
        if close is not None:
            await in_thread("stui-journal-end", close)

    def _end_journal_later(self) -> None:
        """What is left to do when there was no time to wait for it: a hung disk, or a stop that was cancelled."""
        close = self._closing_of_journal()
        if close is not None:
            end = Worker("stui-journal-end")
            end.post(close)
            end.close()

    def _closing_of_journal(self) -> Callable[[], None] | None:
        """What closes the journal; None when somebody has begun to already."""
        journal = self._adapters.journal
        if journal is None or self._journal_ended:
            return None
        self._journal_ended = True
        return partial(journal.close, self._adapters.clock.utc())

    def _handle(self, event: Input) -> None:
        for effect in self._core.handle(event, self.now()):
            try:
                self._performers[type(effect)](effect)
            except Exception as mistake:  # noqa: BLE001  # what follows in the same turn is carried out all the same
                self._complain(effect, mistake)
        if not self._core.is_running:
            self._left.set()

    def _save_ended(self, effect: effects.SaveEnded) -> None:
        future = self._saving.pop(effect.waiter, None)
        if future is None or future.done():
            return
        if effect.error is not None:
            future.set_exception(effect.error)
        else:
            future.set_result(None)

    def _send(self, effect: effects.Send) -> None:
        self._profiles.look_if_old()
        try:
            is_taken = self._link is not None and self._link.send(effect.token, effect.body)
        except Exception as error:  # noqa: BLE001  # see _failed; nobody knows whether it was taken
            self._failed(effect.link, error)
            return
        if not is_taken:
            self._inputs.append(inputs.NotTaken(effect.link, effect.token))

    def _look_at_path(self, effect: effects.LookAtPath) -> None:
        try:
            sample = self._link.look() if self._link is not None else None
        except Exception as error:  # noqa: BLE001  # see _failed
            self._failed(effect.link, error)
            return
        self._inputs.append(inputs.PathSeen(effect.link, sample))

    def _knock(self, effect: effects.Knock) -> None:
        if self._link is None:
            return
        try:
            self._link.knock()
        except Exception as error:  # noqa: BLE001  # see _failed
            self._failed(effect.link, error)

    def _tell(self, effect: effects.Announce) -> None:
        event = effect.event
        if not isinstance(event, JournalOnly):
            self._observers.tell(event, effect.size_bytes)
            if isinstance(event, Transition):
                self._observers.entered(event.to_state, self._core.rejection)
        if self._adapters.journal is not None and not self._journal_ended:
            self._adapters.journal.record(event, self._beside(event))

    def _beside(self, event: Event) -> Beside:
        """What the journal says beside an event; the most of it only of a change of the state, which is rare."""
        if self._core.is_running:  # at its end it has given the session back
            self._session_told = self._core.session.id
        link, session = self._core.link, self._session_told
        if not isinstance(event, Transition):
            return Beside(link, session)
        image, boot = self._core.answering.image, self._core.answering.process.boot
        return Beside(
            link,
            session,
            self._adapters.clock.elapsed_s(),
            image_id=None if image is None else image.text,
            boot_id=None if boot is None else boot.text,
        )

    def _tend_log(self) -> None:
        """Let the log show that the program lives; one that cannot be written is told to the user."""
        journal, now = self._adapters.journal, self._adapters.clock.monotonic()
        if journal is None or self._journal_ended:
            return
        if now >= self._lives_from:
            self._lives_from = now + JOURNAL_ALIVE_S
            journal.lives(self._adapters.clock.utc())
        notice = journal.take_problem()
        if notice is not None:
            utc = self._adapters.clock.utc()
            self._observers.tell(Problem(at=utc, code=notice.code, message=notice.message, hint=notice.hint))

    def _finish(self, effect: effects.Finish) -> None:
        future = self._replies.pop(effect.request, None)
        if future is None or future.done():
            return
        if effect.error is not None:
            future.set_exception(effect.error)
        elif effect.reply is not None:
            future.set_result(effect.reply)

    def _change_link(self, effect: effects.OpenLink | effects.CloseLink) -> None:
        link, self._link = self._link, None
        if link is not None:
            try:
                link.close()
            except Exception as error:  # noqa: BLE001  # the link is given up all the same, and another may be wanted
                self._complain(effects.CloseLink(effect.link), error)
        self._opening = None
        if isinstance(effect, effects.OpenLink):
            self._opening = effect.link
            self._profiles.look_first(lambda: self._open(effect))

    def _open(self, effect: effects.OpenLink) -> None:
        if self._opening != effect.link:
            return  # given up meanwhile
        timeout_s = heartbeat_timeout_s(effect.endpoint, self._settings)
        times = LinkTimes(effect.timeout_s, self._settings.heartbeat_interval_s, timeout_s)
        try:
            self._link = self._adapters.make_link(effect.endpoint, times, effect.curve, effect.trust)
            self._link.open(_Listener(self, effect.link))
        except Exception as error:  # noqa: BLE001  # see _failed
            self._failed(effect.link, error, FailureKind.NO_CONNECTION)

    def _look_out(self, effect: effects.LookOut) -> None:
        if self._lookout is None:
            if self._adapters.make_lookout is None:
                raise AssertionError("the core looks where nothing can")
            self._lookout = self._adapters.make_lookout()
        self._lookout.watch(
            effect.endpoints,
            lambda endpoint, is_listening: self.feed(inputs.SeenListening(effect.number, endpoint, is_listening)),
        )

    def _failed(self, link: int, error: Exception, kind: FailureKind = FailureKind.RESET) -> None:
        """A program's own link may raise anything; it is a failed attempt, or the end of the link."""
        self._inputs.append(inputs.Lost(link, Failure(kind, str(error) or type(error).__name__)))

    def _complain(self, effect: effects.Effect, error: Exception) -> None:
        """Tell of a mistake as the event loop does; the effect itself may hold a secret."""
        if self._loop.is_closed():  # a run that nobody stopped: what needs a loop is not done any more
            return
        message = f"{type(effect).__name__} was not carried out"
        self._loop.call_exception_handler({"message": message, "exception": error})

    def _arm_timer(self) -> None:
        self._arming = None
        deadline = self._core.next_deadline()
        if self._timer is not None:
            if deadline is not None and self._armed_for <= deadline:
                return  # an early call costs less than arming again for every request
            self._timer.cancel()
            self._timer = None
        if deadline is None:
            self._sleep.end()
            self._profiles.look_away()
            return
        self._sleep.begin()
        self._profiles.watch()
        now = self._adapters.clock.monotonic()
        self._armed_for = min(deadline, now + SLEEP_LOOK_S)
        self._timer = self._loop.call_later(max(0.0, self._armed_for - now), self._ring)

    def _ring(self) -> None:
        self._timer = None
        if os.getpid() != self._pid:
            return
        self._is_ringing = True
        try:
            self._tend_log()
            self._see_sleep()
            if self._core.state is not State.CONNECTED:
                self._profiles.look_if_old()
            self.feed(inputs.TimePassed())
        finally:
            self._is_ringing = False
            self._arm_timer()  # at once: a turn of the loop more is what an idle link costs most

    def _see_sleep(self) -> None:
        slept_s = self._sleep.slept_s()
        if slept_s is not None:
            self.feed(inputs.Woke(slept_s))


class _Listener:
    """Tells the core what one link says, under the link's number."""

    def __init__(self, driver: Driver, link: int) -> None:
        self._driver = driver
        self._link = link

    def opened(self) -> None:
        self._driver.feed(inputs.Opened(self._link))

    def received(self, token: bytes, body: bytes) -> None:
        self._driver.feed(inputs.Received(self._link, token, body))

    def greeted(self) -> None:
        self._driver.feed(inputs.Greeted(self._link))

    def lost(self, failure: Failure) -> None:
        self._driver.feed(inputs.Lost(self._link, failure))
