"""Noticing that the machine has slept: its clocks disagree by more than before."""

from __future__ import annotations

from collections.abc import Callable

from stui_supervisor.config import SLEEP_MIN_S
from stui_supervisor.core import inputs
from stui_supervisor.core.inputs import Input
from stui_supervisor.ports import Clock


class SleepWatch:
    """Compares the clocks whenever it looks, between ``begin`` and ``end``."""

    def __init__(self, clock: Clock, feed: Callable[[Input], None]) -> None:
        self._clock = clock
        self._feed = feed
        self._asleep_s: float | None = None

    def begin(self) -> None:
        """Sleep counts from now on; nothing if it does already."""
        if self._asleep_s is None:
            self._asleep_s = self._clock.asleep_s()

    def end(self) -> None:
        """Sleep does not count any more."""
        self._asleep_s = None

    def look(self) -> None:
        """Feed Woke when the machine has slept for SLEEP_MIN_S or more since the last look."""
        before, now = self._asleep_s, self._clock.asleep_s()
        self._asleep_s = now
        if before is not None and now - before >= SLEEP_MIN_S:
            self._feed(inputs.Woke(now - before))
