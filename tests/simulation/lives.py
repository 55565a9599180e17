"""Many seeds at once: what became of each, from as many processes as there are processors."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from stui_supervisor.machine.states import State, Trigger
from tests.simulation.world import lived

_SEEDS_PER_TASK = 10
_FRESH_FROM = 10**9  # whoever names a seed names a smaller one
_FRESH_BITS = 32


@dataclass
class Lives:
    """``failures`` has one text for each broken promise; ``shares`` are the waits as a share of the longest allowed."""

    failures: list[str] = field(default_factory=list)
    walked: set[tuple[State, Trigger]] = field(default_factory=set)
    shares: list[float] = field(default_factory=list)

    def add(self, other: Lives) -> None:
        """Count another's in."""
        self.failures += other.failures
        self.walked |= other.walked
        self.shares += other.shares


def fresh(count: int) -> range:
    """So many seeds in a row that nobody has lived before, as good as certainly: drawn by the system."""
    first = _FRESH_FROM + secrets.randbits(_FRESH_BITS) * count
    return range(first, first + count)


def live(seeds: Iterable[int]) -> Lives:
    """One life after the other."""
    lives = Lives()
    for seed in seeds:
        try:
            world = lived(seed)
        except AssertionError as violation:
            lives.failures.append(str(violation))
        else:
            lives.walked |= world.walked
            lives.shares += world.shares
    return lives


def live_side_by_side(seeds: range) -> Lives:
    """The same in several processes."""
    lives = Lives()
    tasks = [seeds[first : first + _SEEDS_PER_TASK] for first in range(0, len(seeds), _SEEDS_PER_TASK)]
    # Spawned, because a test run has threads; they do not survive a fork.
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn"), _be_quick) as processes:
        for some in processes.map(live, tasks):
            lives.add(some)
    return lives


def _be_quick() -> None:
    """Measuring coverage would double the time; each part of the core has tests of its own for that."""
    sys.settrace(None)
