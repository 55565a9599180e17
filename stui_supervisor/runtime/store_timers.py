"""The two clocks of the store: a disk that takes no save is told of, and a disk is told that this process lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from stui_supervisor.adapters.host.worker import Worker
from stui_supervisor.config import SIGN_OF_LIFE_S, STORE_SILENT_S
from stui_supervisor.core import inputs
from stui_supervisor.core.inputs import Input


class SilenceWatch:
    """Feeds StoreSilent when saves are under way and none has been answered for STORE_SILENT_S."""

    def __init__(self, feed: Callable[[Input], None]) -> None:
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._saves = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def is_waiting(self) -> bool:
        """True while an answer is awaited."""
        return self._timer is not None

    def asked(self) -> None:
        """A save is under way."""
        self._saves += 1
        self._listen()

    def answered(self) -> None:
        """One has been answered, and the time begins anew for the others."""
        self._saves -= 1
        self._listen()

    def close(self) -> None:
        """Listen no more."""
        self._is_closed = True
        self._cancel()

    def _listen(self) -> None:
        self._cancel()
        if self._saves and not self._is_closed and not self._loop.is_closed():
            self._timer = self._loop.call_later(STORE_SILENT_S, self._feed, inputs.StoreSilent())

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class SignOfLife:
    """Has ``show`` called in the worker's thread every SIGN_OF_LIFE_S, for who asks once this process was killed."""

    def __init__(self, worker: Worker, show: Callable[[], None]) -> None:
        self._worker = worker
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._is_under_way = False
        self._is_closed = False

    def begin(self) -> None:
        """The next one comes SIGN_OF_LIFE_S from now."""
        self._cancel()
        if not self._is_closed:
            self._timer = self._loop.call_later(SIGN_OF_LIFE_S, self._ring)

    def close(self) -> None:
        """Show no more."""
        self._is_closed = True
        self._cancel()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self.begin()
        if self._is_under_way:  # a disk that hangs gets no heap of them
            return
        self._is_under_way = True
        try:
            self._worker.post(self._run)
        except RuntimeError:  # no thread to be had; the next one may tell
            self._is_under_way = False

    def _run(self) -> None:
        """Runs in the thread."""
        try:
            self._show()
        finally:
            self._is_under_way = False
