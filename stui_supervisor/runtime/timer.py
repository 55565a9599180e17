"""The one timer of a run. It rings when the core has something to do, and more often than that where it may be late."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from math import inf
from typing import Protocol

from stui_supervisor.config import SLEEP_LOOK_S
from stui_supervisor.ports import Clock


class Watch(Protocol):
    """Something that is watched as long as the core waits for something."""

    def begin(self) -> None:
        """Watch from now on; nothing if it does already."""

    def end(self) -> None:
        """Watch no more."""


class Timer:
    """Calls ``ring`` at the core's next ``deadline``, and every SLEEP_LOOK_S until then: a timer stands still in sleep.

    While there is no deadline it does not ring, and the ``watches`` have ended. ``armed_for`` is when it rings next, on
    the clock's monotonic time.
    """

    def __init__(
        self, clock: Clock, deadline: Callable[[], float], ring: Callable[[], None], watches: Sequence[Watch]
    ) -> None:
        self._clock = clock
        self._deadline = deadline
        self._ring = ring
        self._watches = watches
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()
        self._arming: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_ringing = False
        self.armed_for = 0.0

    @property
    def is_armed(self) -> bool:
        """True while it will ring."""
        return self._timer is not None and not self._timer.cancelled()

    def arm_soon(self) -> None:
        """Arm it for the present deadline a little later, so that whoever got a reply need not wait for that."""
        if self._arming is None and not self._is_ringing and not self._loop.is_closed():
            self._arming = self._loop.call_soon(self._arm)

    def ring(self) -> None:
        """Its time has come. Nothing in a forked child."""
        self._timer = None
        if os.getpid() != self._pid:
            return
        self._is_ringing = True
        try:
            self._ring()
        finally:
            self._is_ringing = False
            self._arm()  # at once: a turn of the loop more is what an idle link costs most

    def close(self) -> None:
        """Ring no more."""
        for handle in (self._arming, self._timer):
            if handle is not None:
                handle.cancel()

    def _arm(self) -> None:
        self._arming = None
        deadline = self._deadline()
        if self._timer is not None:
            if self.armed_for <= deadline < inf:
                return  # an early call costs less than arming again for every request
            self._timer.cancel()
            self._timer = None
        if deadline == inf:
            for watch in self._watches:
                watch.end()
            return
        for watch in self._watches:
            watch.begin()
        now = self._clock.monotonic()
        self.armed_for = min(deadline, now + SLEEP_LOOK_S)
        self._timer = self._loop.call_later(max(0.0, self.armed_for - now), self.ring)
