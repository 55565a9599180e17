"""A session that the backend has denied on this link, and when to ask for it again."""

from __future__ import annotations

from stui_supervisor.config import SESSION_RETRY_S


class Denied:
    """Asks more and more rarely: a backend may have too many sessions for a while, or never any."""

    def __init__(self) -> None:
        self._wait_s = SESSION_RETRY_S
        self._due: float | None = None

    def begin(self) -> None:
        """A link is up; nothing was denied on it yet."""
        self._wait_s, self._due = SESSION_RETRY_S, None

    def soon(self, now: float) -> None:
        """Another session is wanted in place of the one there was."""
        self._due = now

    def again(self, now: float) -> bool:
        """The backend has denied a session. True the first time on this link."""
        is_first = self._wait_s == SESSION_RETRY_S
        self._due = now + self._wait_s
        self._wait_s *= 2
        return is_first

    def next_deadline(self) -> float | None:
        """The monotonic time at which to ask again."""
        return self._due

    def take(self, now: float) -> bool:
        """True when it is to be asked for now."""
        if self._due is None or now < self._due:
            return False
        self._due = None
        return True
