"""When to ask a backend again for what it has denied on this link."""

from __future__ import annotations

from math import inf

from stui_supervisor.config import PASSING_RETRY_S, SESSION_RETRY_S


class RetrySchedule:
    """Asks more and more rarely: a backend may have too many sessions for a while, or never any."""

    def __init__(self, first_wait_s: float = SESSION_RETRY_S) -> None:
        self._first_wait_s = first_wait_s
        self.begin()

    def begin(self) -> None:
        """A link is up; nothing was denied on it yet."""
        self._wait_s = self._first_wait_s
        self._has_passed = False
        self._was_told = False
        self._due = inf

    def soon(self, now: float) -> None:
        """Another session is wanted in place of the one there was."""
        self._due = now

    def denied(self, now: float, *, is_passing: bool = False) -> bool:
        """The backend has denied it. True the first time on this link that it is worth telling.

        One error that passes is not; then it is asked again soon.
        """
        if is_passing and not self._has_passed:
            self._due, self._has_passed = now + PASSING_RETRY_S, True
            return False
        self._due = now + self._wait_s
        self._wait_s *= 2
        is_first, self._was_told = not self._was_told, True
        return is_first

    def next_deadline(self) -> float:
        """The monotonic time at which to ask again."""
        return self._due

    def take(self, now: float) -> bool:
        """True when it is to be asked for now."""
        if now < self._due:
            return False
        self._due = inf
        return True
