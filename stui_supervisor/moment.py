"""A moment by both clocks, and what has passed since."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple


class Moment(NamedTuple):
    """When an input arrived: ``monotonic_s`` for deadlines, ``utc`` for people."""

    monotonic_s: float
    utc: datetime

    def after(self, seconds: float) -> Moment:
        """The moment so many seconds later."""
        return Moment(self.monotonic_s + seconds, self.utc + timedelta(seconds=seconds))


def since(seen: datetime, now: datetime) -> float:
    """The seconds that have passed by the wall clock, which may have been set: never less than none."""
    return max(0.0, (now - seen).total_seconds())
