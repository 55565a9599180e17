"""The supervisors of this process that have been told to stop and have not let go of their session yet.

A stop may be cancelled, and then goes on by itself. Who starts meanwhile in the same process would find the
session taken and begin with an empty one; so a claim waits for those that were leaving when it was asked for.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Final

from stui_supervisor.config import LOOP_LEFT_S

_under_way: Final[list[Departure]] = []


class Departure:
    """One supervisor of ``profile`` that ends; ``place`` is where its sessions are.

    ``finish`` is called when its event loop has ended, or is left standing, and nobody else will say ``over``.
    """

    def __init__(
        self, place: str, profile: str, loop: asyncio.AbstractEventLoop, finish: Callable[[Departure], None]
    ) -> None:
        self._place = place
        self._profile = profile
        self._loop = loop
        self._finish = finish
        self._pid = os.getpid()
        self._moved_at = time.monotonic()
        self._is_finishing = False
        self._is_over = False
        _under_way.append(self)

    def over(self) -> None:
        """Everything is written and released. May be called from any thread, and more than once."""
        self._is_over = True
        if self in _under_way:
            _under_way.remove(self)

    def look_from(self, place: str) -> bool:
        """True while it may still release a session at ``place``; reads the disk. Finishes what nobody else will."""
        if self._is_over or self._pid != os.getpid():  # a forked child has the list, and nobody who leaves
            return False
        if self._loop.is_running():
            self._moved_at = time.monotonic()
        is_left = self._loop.is_closed() or time.monotonic() - self._moved_at > LOOP_LEFT_S
        if is_left and not self._is_finishing:
            self._is_finishing = True
            self._finish(self)
        return place == self._place or os.path.realpath(place) == os.path.realpath(self._place)

    def is_of(self, profile: str) -> bool:
        """True for a supervisor of this profile."""
        return profile == self._profile


def leaving(profile: str) -> list[Departure]:
    """The supervisors of the profile that are ending now."""
    return [departure for departure in list(_under_way) if departure.is_of(profile)]
