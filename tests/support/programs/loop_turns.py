"""How long each turn of an event loop takes, as the host program would feel it."""

from __future__ import annotations

import asyncio
import gc
import selectors
import time
from collections.abc import Coroutine
from typing import Any


class TurnClock(selectors.DefaultSelector):
    """Measures from each return of ``select`` to the next call: in processor time, as the machine may be busy."""

    def __init__(self) -> None:
        super().__init__()
        self.turns_s: list[float] = []
        self._began: float | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._began is not None:
            self.turns_s.append(time.thread_time() - self._began)
        ready = super().select(timeout)
        self._began = time.thread_time()
        return ready


def turns_of(life: Coroutine[Any, Any, None]) -> list[float]:
    """The processor time in seconds of each turn that a loop takes to run this, the longest last."""
    clock = TurnClock()
    gc.collect()
    gc.disable()  # whose work is whose it is when the collector comes by, nobody can say
    try:
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(clock)) as runner:
            runner.run(life)
    finally:
        gc.enable()
    return sorted(clock.turns_s)
