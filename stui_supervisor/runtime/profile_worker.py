"""The profiles behind a thread of their own, so that one that cannot be read holds up no session, and no session it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from stui_supervisor.adapters.host.worker import Worker
from stui_supervisor.config import PROFILE_LOOK_OLD_S, PROFILE_LOOK_S, PROFILE_LOOK_WAIT_S
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import NoteLink, ReadProfile
from stui_supervisor.core.inputs import Input
from stui_supervisor.errors import StoreError
from stui_supervisor.ports import ProfileStore

_NOT_SEEN: Final = object()
_NOT_READ: Final = object()  # what is there is news, whatever it is


class ProfileWorker:
    """Reads and notes what it is told to, and sees whether somebody has changed the file meanwhile."""

    def __init__(self, open_profiles: Callable[[], ProfileStore], feed: Callable[[Input], None]) -> None:
        self._open_profiles = open_profiles
        self._profiles: ProfileStore | None = None
        self._seen: object = _NOT_SEEN
        self._has_read = False
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._worker = Worker("stui-profile", PROFILE_LOOK_S, self._look)
        self._pending = 0
        self._notes = 0
        self._is_watching = False
        self._asked_at = self._looked_at = 0.0
        self._closed = False
        self._noted = asyncio.Event()
        self._noted.set()

    def do(self, effect: ReadProfile | NoteLink) -> None:
        """Queue one call."""
        if isinstance(effect, NoteLink):
            self._notes += 1
            self._noted.clear()
            self._post(lambda: self._note(effect), None)
        else:
            self._post(lambda: self._read(effect), _no_thread(effect))

    def watch(self) -> None:
        """See every PROFILE_LOOK_S whether the file is another than the one that was read last; ProfileChanged says so.

        It mostly is not: then the loop hears nothing, as each word costs more than the look.
        """
        if not self._is_watching:
            self._is_watching = True
            self._looked_at = time.monotonic()
            try:
                self._worker.post(_nothing)  # a thread that has nothing to do looks
            except RuntimeError:  # none is to be had: the next call may have one
                self._is_watching = False

    def look_if_old(self) -> None:
        """Look now, when the last look is PROFILE_LOOK_OLD_S old: something is about to be sent."""
        now = time.monotonic()
        is_under_way = self._pending or self._asked_at > self._looked_at
        if self._is_watching and now - self._looked_at >= PROFILE_LOOK_OLD_S and not is_under_way:
            self._asked_at = now
            with contextlib.suppress(RuntimeError):  # no thread to be had: the next call may have one
                self._worker.post(self._look)

    def look_first(self, then: Callable[[], None]) -> None:
        """Call ``then`` once all that has changed is told; after PROFILE_LOOK_WAIT_S anyway, as a file may hang."""
        has_gone_on = asyncio.Event()

        def go_on() -> None:
            if not has_gone_on.is_set() and not self._closed:
                has_gone_on.set()
                limit.cancel()
                then()

        limit = self._loop.call_later(PROFILE_LOOK_WAIT_S, go_on)
        self._look_until_unchanged(go_on)

    def look_away(self) -> None:
        """Nobody minds a change any more."""
        self._is_watching = False

    async def rest(self) -> None:
        """Wait until everything is noted and the thread has ended."""
        await self._noted.wait()
        await self._worker.ended()

    def close(self) -> None:
        """Let the thread end. One that hangs is left to itself: what it answers later concerns nobody any more."""
        self._closed = True
        self._worker.close()

    def _look_until_unchanged(self, then: Callable[[], None]) -> None:
        def looked(*, has_changed: bool) -> None:
            if has_changed:
                self._changed()
                self._look_until_unchanged(then)  # behind the reading that this has led to
            else:
                then()

        def run() -> None:
            answer = partial(looked, has_changed=self._has_changed())
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(answer)

        try:
            self._worker.post(run)
        except RuntimeError:  # no thread to be had
            self._loop.call_soon(then)

    def _post(self, call: Callable[[], Input | None], without_thread: Input | None) -> None:
        self._pending += 1

        def run() -> None:
            answer = call()
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._answered, answer)

        try:
            self._worker.post(run)
        except RuntimeError:
            self._loop.call_soon(self._answered, without_thread)

    def _answered(self, answer: Input | None) -> None:
        self._pending -= 1
        if self._pending == 0 and self._notes:
            self._notes = 0
            self._noted.set()
        if answer is not None and not self._closed:
            self._feed(answer)

    def _changed(self) -> None:
        if not self._closed:
            self._feed(inputs.ProfileChanged())

    # In the thread

    def _opened(self) -> ProfileStore:
        self._profiles = self._profiles or self._open_profiles()
        return self._profiles

    def _read(self, effect: ReadProfile) -> Input:
        try:
            profiles = self._opened()
            self._seen = profiles.signature()  # first: a change while it is read shows at the next look
            read = inputs.ProfileRead(effect.read, *profiles.read(effect.name))
        except Exception as error:  # noqa: BLE001  # whatever is wrong, it is not known, and that is said
            if self._has_read:  # else whoever waits for it asks again by himself
                self._seen = _NOT_READ
            known = error if isinstance(error, StoreError) else StoreError(f"{type(error).__name__}: {error}")
            return inputs.ProfileFailed(effect.read, known)
        self._has_read = True
        return read

    def _note(self, effect: NoteLink) -> None:
        # A recent endpoint is a courtesy, and the session has the wish too.
        with contextlib.suppress(Exception):
            self._opened().note_link(effect.profile, effect.endpoint, wanted=effect.wanted, stored_as=effect.stored_as)

    def _look(self) -> bool:
        if self._is_watching and self._has_changed():
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._changed)
        return self._is_watching

    def _has_changed(self) -> bool:
        before = self._seen
        with contextlib.suppress(Exception):  # what cannot be looked at is said by the next reading
            self._seen = self._opened().signature()
        self._looked_at = time.monotonic()
        return self._seen != before and before is not _NOT_SEEN


def _nothing() -> None:
    pass


def _no_thread(effect: ReadProfile) -> Input:
    return inputs.ProfileFailed(effect.read, StoreError("no thread to be had for the disk"))
