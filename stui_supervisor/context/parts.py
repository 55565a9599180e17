"""Work that is linear in the size of the context, done in parts: the host's event loop has its turn between two.

What is done in parts is a generator that yields where a turn may end. How much a turn takes is counted in bytes, not in
time, so that the same events still lead to the same effects.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

from stui_supervisor.config import SECTION_TURN_BYTES, TURN_BYTES

T = TypeVar("T")

Steps = Generator[None, None, T]


class Portion:
    """How much of one turn is left."""

    def __init__(self) -> None:
        self._left_bytes = TURN_BYTES

    def spend(self, size_bytes: int = 0) -> bool:
        """Count one more section, of this size. True when the turn is to end after it; then the next one is counted."""
        self._left_bytes -= SECTION_TURN_BYTES + size_bytes
        if self._left_bytes > 0:
            return False
        self._left_bytes = TURN_BYTES
        return True


class _Task(NamedTuple):
    """Something to be done in parts, and what to call with its result."""

    steps: Steps[Any]
    then: Callable[[Any], None]


class Parts:
    """What is done in parts now, one after the other; the next part is due ``since`` the last one's monotonic time."""

    def __init__(self) -> None:
        self._tasks: deque[_Task] = deque()
        self.since = 0.0

    @property
    def are_left(self) -> bool:
        """True while something is not done yet."""
        return bool(self._tasks)

    def begin(self, steps: Steps[T], then: Callable[[T], None], now: float) -> None:
        """Do the first part at once, unless there is something to do before it; it may be all, ``then`` included."""
        self._tasks.append(_Task(steps, then))
        if len(self._tasks) == 1:
            self.go_on(now)

    def go_on(self, now: float) -> None:
        """Do the next part."""
        self.since = now
        if not self._tasks:
            return
        task = self._tasks[0]
        try:
            next(task.steps)
        except StopIteration as end:
            self._tasks.popleft()
            task.then(end.value)
        except BaseException:
            self._tasks.popleft()
            raise

    def finish(self, now: float) -> None:
        """Do all that is left in this turn."""
        while self._tasks:
            self.go_on(now)

    def drop(self) -> None:
        """What is not done yet is not wanted any more."""
        while self._tasks:
            self._tasks.popleft().steps.close()


def at_once(steps: Steps[T]) -> T:
    """Do all parts in one turn; returns their result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
