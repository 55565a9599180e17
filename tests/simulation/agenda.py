"""Virtual time: what will happen, in the order in which it happens."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

from stui_supervisor.testing import VirtualClock


class Agenda:
    """The clock, the chance and the future of one simulated world.

    Everything random is drawn from ``rng`` and everything delayed waits here, so the seed is the story.
    """

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)  # noqa: S311  # a story has to be the same every time
        self.clock = VirtualClock()
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    @property
    def now(self) -> float:
        """Seconds since the world began."""
        return self.clock.monotonic()

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do something later; equal times keep the order of these calls."""
        self.at(self.now + delay_s, action)

    def at(self, time_s: float, action: Callable[[], None]) -> None:
        """Do something at a time that has not passed."""
        self._count += 1
        heapq.heappush(self._entries, (time_s, self._count, action))

    def run(self, until_s: float) -> None:
        """Let the world go on until then."""
        while self._entries and self._entries[0][0] <= until_s:
            time_s, _, action = heapq.heappop(self._entries)
            self.clock.advance_to(time_s)
            action()
        self.clock.advance_to(until_s)

    def chance(self, probability: float) -> bool:
        """True as often as that."""
        return self.rng.random() < probability

    def between(self, low: float, high: float) -> float:
        """Anything from low to high."""
        return self.rng.uniform(low, high)
