"""A copy of the work that the image has and did not give: since when, and when it is asked for again."""

from __future__ import annotations

from stui_supervisor.config import COPY_GIVEN_UP_S, PASSING_RETRY_S
from stui_supervisor.replication.retry_schedule import RetrySchedule


class UnreadCopy:
    """The image has a copy of ours that it did not give so far: since when, and when it is asked for again."""

    def __init__(self) -> None:
        self._again = RetrySchedule(PASSING_RETRY_S)
        self._session: object = None
        self._since = 0.0

    def begin(self) -> None:
        """A link is up; nothing was refused on it yet."""
        self._again.begin()

    def failed(self, session: object, now: float) -> bool:
        """The copy of this backend session was not given. True the first time on this link."""
        if session != self._session:
            self._session, self._since = session, now
        return self._again.denied(now)

    def read(self) -> None:
        """It was, or it is certainly not there."""
        self._session = None
        self._again.begin()

    def is_given_up(self, session: object, now: float) -> bool:
        """True when the session was of no use for so long that servers would have ended it."""
        return session is not None and session == self._session and now - self._since >= COPY_GIVEN_UP_S

    def next_deadline(self) -> float:
        """The monotonic time at which to ask again."""
        return self._again.next_deadline()

    def take(self, now: float) -> bool:
        """True when it is to be asked for now."""
        return self._again.take(now)
