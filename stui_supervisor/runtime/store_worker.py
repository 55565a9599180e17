"""Calls the session store in a thread of its own, one call after the other; the answers are inputs of the core.

Only a claim may be overtaken: it waits for the supervisors of this process that are just stopping.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from stui_supervisor.adapters.host.departing import Departure, leaving
from stui_supervisor.adapters.host.worker import Worker
from stui_supervisor.config import LEAVING_LOOK_S
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Load, Release, Save
from stui_supervisor.core.inputs import Input
from stui_supervisor.errors import StoreError
from stui_supervisor.ports import SessionStore
from stui_supervisor.runtime.store_calls import StoreCalls, StoreEffect, failed
from stui_supervisor.runtime.store_timers import SignOfLife, SilenceWatch


class StoreWorker:
    """Carries out Load, Save, SaveSnapshot and Release.

    ``place`` is the directory of the sessions; None for a store that no other supervisor of this process uses.
    """

    def __init__(
        self,
        open_store: Callable[[], SessionStore],
        feed: Callable[[Input], None],
        place: str | None = None,
    ) -> None:
        self._calls = StoreCalls(open_store)
        self._feed = feed
        self._place = place
        self._departure: Departure | None = None
        self._look: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._worker = Worker("stui-store")
        self._silence = SilenceWatch(feed)
        self._sign = SignOfLife(self._worker, self._calls.sign_of_life)
        self._pending = 0
        self._is_leaving = self._is_end_posted = self._closed = False
        self._to_release: dict[str, Release] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def do(self, effect: StoreEffect) -> None:
        """Queue one call."""
        if self._is_leaving and isinstance(effect, Release):
            self._to_release[effect.session_id] = effect
            return
        self._pending += 1
        self._idle.clear()
        if isinstance(effect, Save):
            self._silence.asked()
        self._post(effect, self._leaving(effect) if isinstance(effect, Load) else [])

    def leave(self, profile: str) -> None:
        """The supervisor stops: its sessions are released last, and one that starts meanwhile waits for that."""
        self._is_leaving = True
        self._sign.close()
        if self._place is not None and self._departure is None:
            self._departure = Departure(self._place, profile, self._loop, self._post_end)

    async def drained(self) -> None:
        """Wait until every call has been answered and no answer has led to another call; releases come at ``close``."""
        await self._idle.wait()

    async def rest(self) -> None:
        """Wait until every call has been answered and the thread has ended; a call meanwhile begins that anew."""
        await self._idle.wait()
        while self._worker.has_thread:
            await self._worker.ended()
            await self._idle.wait()

    def close(self, wait_s: float = 0.0) -> None:
        """Release the sessions, and wait up to ``wait_s`` seconds for that.

        A thread that hangs is left alone, and what it answers later is dropped.
        """
        self._closed = True
        self._silence.close()
        self._sign.close()
        if self._look is not None:
            self._look.cancel()
        self._give_back()
        if self._departure is not None:
            self._post_end(self._departure)
        self._worker.close(wait_s)

    def _leaving(self, claim: Load) -> list[Departure]:
        """The stops that a claim waits for; a supervisor that stops waits for none, as those may wait for it."""
        needs_none = claim.is_new or self._place is None or self._departure is not None
        return [] if needs_none else leaving(claim.profile)

    def _post(self, effect: StoreEffect, awaited: list[Departure]) -> None:
        try:
            self._worker.post(lambda: self._run(effect, awaited))
        except RuntimeError as error:
            no_thread = StoreError(f"no thread to be had for the disk: {error}")
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon(self._answered, failed(effect, no_thread))

    def _give_back(self) -> None:
        """Release the sessions: at once where the thread has ended, as that does not block then, else in the thread."""
        while self._to_release:
            release = self._to_release.popitem()[1]
            if self._idle.is_set() and not self._worker.has_thread:
                self._calls.answer(release)
            else:
                self._post(release, [])

    def _post_end(self, departure: Departure) -> None:
        """Say that the stop is over, once the thread has done all that it was asked for before."""
        self._give_back()
        if self._is_end_posted:  # the thread says so when it gets there
            return
        if not self._worker.has_thread:
            departure.over()
            return
        try:
            self._worker.post(departure.over)
            self._is_end_posted = True
        except RuntimeError:
            departure.over()

    def _post_later(self, effect: StoreEffect, awaited: list[Departure]) -> None:
        if not self._closed:
            self._look = self._loop.call_later(LEAVING_LOOK_S, self._post, effect, awaited)

    def _run(self, effect: StoreEffect, awaited: list[Departure]) -> None:
        """Runs in the thread."""
        place = self._place or ""
        awaited = [departure for departure in awaited if departure.look_from(place)]
        if awaited:  # and the thread is free for other calls
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._post_later, effect, awaited)
            return
        answer = self._calls.answer(effect)
        if self._closed:
            if isinstance(answer, inputs.Loaded):
                self._calls.answer(Release(answer.claimed.session_id))
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._answered, answer)

    def _answered(self, answer: Input | None) -> None:
        self._pending -= 1
        if self._closed:
            return
        if isinstance(answer, inputs.Loaded):
            self._sign.begin()
        if isinstance(answer, inputs.Saved | inputs.SaveFailed):
            self._silence.answered()
        try:
            if answer is not None:
                self._feed(answer)
        finally:
            if not self._pending:
                self._idle.set()
