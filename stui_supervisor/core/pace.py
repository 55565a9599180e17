"""How often something may be done that may be wanted much more often."""

from __future__ import annotations


class Pace:
    """Lets a thing be done at once, but only so often: what is wanted meanwhile waits, and is done once."""

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s
        self._free_at: float | None = None
        self._due: float | None = None

    def want(self, now: float) -> None:
        """It should be done, now or as soon as it may."""
        if self._due is None:
            self._due = now if self._free_at is None else max(now, self._free_at)

    def forget(self) -> None:
        """It is not wanted any more."""
        self._due = None

    def next_deadline(self) -> float | None:
        """The monotonic time at which to do what is wanted."""
        return self._due

    def take(self, now: float) -> bool:
        """True when it is to be done now; then it is no longer wanted."""
        if self._due is None or now < self._due:
            return False
        self._due, self._free_at = None, now + self._pause_s
        return True
