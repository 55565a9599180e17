"""The inputs of the core, one after the other: those that come while one is handled wait for their turn."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable

from stui_supervisor.core.inputs import Input


class InputQueue:
    """Calls ``handle`` with each input, and ``handled`` whenever none is left."""

    def __init__(self, handle: Callable[[Input], None], handled: Callable[[], None]) -> None:
        self._handle = handle
        self._handled = handled
        self._inputs: deque[Input] = deque()
        self._is_busy = False
        self._is_closed = False
        self._pid = os.getpid()

    def feed(self, event: Input) -> None:
        """Handle this input, from the event loop only. Nothing after ``close``, or in a forked child."""
        if self._is_closed or os.getpid() != self._pid:
            return  # the core may run for another driver by now
        self._inputs.append(event)
        if self._is_busy:
            return
        self._is_busy = True
        try:
            while self._inputs:
                self._handle(self._inputs.popleft())
        finally:
            self._is_busy = False
            self._handled()

    def close(self) -> None:
        """Take no more inputs."""
        self._is_closed = True
