"""Virtual time: what will happen, in the order in which it happens."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

from stui_supervisor.testing import VirtualClock

_ROUNDED_S = 1e-6  # a sum of sleeps is not exact; what waits for that clock is so much late instead of early


class Agenda:
    """The clock, the chance and the future of one simulated world.

    Everything random is drawn from ``rng`` and everything delayed waits here, so the seed is the story. What is drawn
    from ``side_rng`` leaves the order of the other draws alone.
    The user's machine may sleep: its monotonic clock (``awake_s``) then stands still, its wall clock does not.
    """

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)  # noqa: S311  # a story has to be the same every time
        self.side_rng = Random(f"beside {seed}")  # noqa: S311  # as above
        self.clock = VirtualClock()
        self.now = 0.0
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.asleep_until = 0.0
        self._asleep_s = 0.0

    @property
    def awake_s(self) -> float:
        """What the monotonic clock of the user's machine shows."""
        return self.now - self._asleep_s + max(0.0, self.asleep_until - self.now)

    def sleep(self, seconds: float) -> None:
        """Let the user's machine, which is awake, sleep for so long."""
        self._asleep_s += seconds
        self.asleep_until = self.now + seconds

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do something later; equal times keep the order of these calls."""
        self.at(self.now + delay_s, action)

    def at(self, time_s: float, action: Callable[[], None]) -> None:
        """Do something at a time that has not passed."""
        self._count += 1
        heapq.heappush(self._entries, (time_s, self._count, action))

    def at_awake(self, awake_s: float, action: Callable[[], None]) -> None:
        """Do something when the user's monotonic clock shows this, or earlier if the machine sleeps again by then."""
        if self.asleep_until == 0.0:
            self.at(awake_s, action)
        else:
            self.at(max(self.now, self.asleep_until) + awake_s - self.awake_s + _ROUNDED_S, action)

    def run(self, until_s: float) -> None:
        """Let the world go on until then."""
        entries = self._entries
        while entries and entries[0][0] <= until_s:
            time_s, _, action = heapq.heappop(entries)
            self._go_to(time_s)
            action()
        self._go_to(until_s)

    def chance(self, probability: float) -> bool:
        """True as often as that."""
        return self.rng.random() < probability

    def between(self, low: float, high: float) -> float:
        """Anything from low to high."""
        return self.rng.uniform(low, high)

    def _go_to(self, time_s: float) -> None:
        self.now = max(self.now, time_s)
        self.clock.advance_to(self.now)
