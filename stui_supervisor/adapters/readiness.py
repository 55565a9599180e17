"""Calling back when a socket becomes readable, on every kind of event loop.

The selector loops do it themselves. The Proactor loop of Windows cannot; there tornado's selector
thread stands in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Readiness:
    """Watches file descriptors for the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._selector: Any = self._loop
        self._thread: Any = None
        if not _can_watch(self._loop):
            from tornado.platform.asyncio import SelectorThread  # noqa: PLC0415  # only the Proactor loop needs it

            self._selector = self._thread = SelectorThread(self._loop)

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call ``callback`` from the loop whenever the descriptor is readable."""
        self._selector.add_reader(descriptor, callback)

    def forget(self, descriptor: int) -> None:
        """Watch the descriptor no longer."""
        if not self._loop.is_closed():  # which has forgotten all of them
            self._selector.remove_reader(descriptor)

    def close(self) -> None:
        """End what was started for watching."""
        if self._thread is not None:
            self._thread.close()


def _can_watch(loop: asyncio.AbstractEventLoop) -> bool:
    return type(loop).add_reader is not asyncio.AbstractEventLoop.add_reader
