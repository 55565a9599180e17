"""Noticing that the machine has slept: its clocks disagree by more than before."""

from __future__ import annotations

from stui_supervisor.config import SLEEP_MIN_S
from stui_supervisor.ports import Clock


class SleepWatch:
    """Compares the clocks whenever it is asked, between ``begin`` and ``end``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asleep_s: float | None = None

    def begin(self) -> None:
        """Sleep counts from now on; nothing if it does already."""
        if self._asleep_s is None:
            self._asleep_s = self._clock.asleep_s()

    def end(self) -> None:
        """Nobody minds sleep any more."""
        self._asleep_s = None

    def slept_s(self) -> float | None:
        """The seconds slept since the last look, or None when that is not worth a word."""
        before, now = self._asleep_s, self._clock.asleep_s()
        self._asleep_s = now
        return now - before if before is not None and now - before >= SLEEP_MIN_S else None
