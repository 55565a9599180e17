"""Calling back when a socket becomes readable, on every kind of event loop.

The selector loops do it themselves. The Proactor loop of Windows cannot; there tornado's selector
thread stands in.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any


class Readiness:
    """Watches file descriptors for the running event loop.

    A forked child has the same descriptors and shares what the system watches for its parent: there nothing is called
    back, and nothing changed.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._loop = asyncio.get_running_loop()
        self._selector: Any = self._loop
        self._thread: Any = None
        if not _can_watch(self._loop):
            from tornado.platform.asyncio import SelectorThread  # noqa: PLC0415  # only the Proactor loop needs it

            self._selector = self._thread = SelectorThread(self._loop)

    @property
    def is_of_parent(self) -> bool:
        """True in a forked child."""
        return os.getpid() != self._pid

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call ``callback`` from the loop whenever the descriptor is readable."""
        if not self.is_of_parent:
            self._selector.add_reader(descriptor, self._call, callback)

    def forget(self, descriptor: int) -> None:
        """Watch the descriptor no longer."""
        if not self._loop.is_closed() and not self.is_of_parent:  # a closed one has forgotten all of them
            self._selector.remove_reader(descriptor)

    def _call(self, callback: Callable[[], None]) -> None:
        if not self.is_of_parent:
            callback()

    def close(self) -> None:
        """End what was started for watching."""
        if self._thread is not None:
            self._thread.close()


def _can_watch(loop: asyncio.AbstractEventLoop) -> bool:
    return type(loop).add_reader is not asyncio.AbstractEventLoop.add_reader
