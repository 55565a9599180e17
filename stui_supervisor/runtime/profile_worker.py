"""Reads and changes profiles in a thread of its own, so that a slow profile holds up no session, and vice versa."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from stui_supervisor.adapters.host.worker import Worker
from stui_supervisor.config import PROFILE_LOOK_S
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import NoteLink, ReadProfile
from stui_supervisor.core.inputs import Input
from stui_supervisor.errors import StoreError
from stui_supervisor.ports import ProfileStore
from stui_supervisor.runtime.profile_watch import ProfileWatch


class ProfileWorker:
    """Carries out ReadProfile and NoteLink, one after the other; ``watch`` looks at the file in the same thread."""

    def __init__(self, open_profiles: Callable[[], ProfileStore], feed: Callable[[Input], None]) -> None:
        self._open_profiles = open_profiles
        self._profiles: ProfileStore | None = None
        self._has_read = False
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._worker = Worker("stui-profile", PROFILE_LOOK_S, lambda: self.watch.at_rest())  # noqa: PLW0108  # made below
        self._pending = 0
        self._notes = 0
        self._closed = False
        self._noted = asyncio.Event()
        self._noted.set()
        self.watch = ProfileWatch(
            self._worker, lambda: self._opened().signature(), feed, is_busy=lambda: self._pending > 0
        )

    def do(self, effect: ReadProfile | NoteLink) -> None:
        """Queue one call."""
        if isinstance(effect, NoteLink):
            self._notes += 1
            self._noted.clear()
            self._post(lambda: self._note(effect), None)
        else:
            self._post(lambda: self._read(effect), _no_thread(effect))

    async def rest(self) -> None:
        """Wait until everything is noted and the thread has ended."""
        await self._noted.wait()
        await self._worker.ended()

    def close(self) -> None:
        """Let the thread end. One that hangs is left alone, and what it answers later is dropped."""
        self._closed = True
        self.watch.close()
        self._worker.close()

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

    # In the thread

    def _opened(self) -> ProfileStore:
        self._profiles = self._profiles or self._open_profiles()
        return self._profiles

    def _read(self, effect: ReadProfile) -> Input:
        try:
            profiles = self._opened()
            self.watch.reads()
            read = inputs.ProfileRead(effect.read, *profiles.read(effect.name))
        except Exception as error:  # noqa: BLE001  # whatever is wrong, it is not known, and that is said
            if self._has_read:  # else whoever waits for it asks again by himself
                self.watch.not_read()
            known = error if isinstance(error, StoreError) else StoreError(f"{type(error).__name__}: {error}")
            return inputs.ProfileFailed(effect.read, known)
        self._has_read = True
        return read

    def _note(self, effect: NoteLink) -> None:
        # A recent endpoint is a courtesy, and the session has the wish too.
        with contextlib.suppress(Exception):
            self._opened().note_link(effect.profile, effect.endpoint, wanted=effect.wanted, stored_as=effect.stored_as)


def _no_thread(effect: ReadProfile) -> Input:
    return inputs.ProfileFailed(effect.read, StoreError("no thread to be had for the disk"))
