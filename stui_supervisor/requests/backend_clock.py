"""What the image's clock shows, as its replies tell, or else as ours does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from stui_supervisor.config import TIMES_MAY_BE_EARLY_S, WHOLE_SECONDS_MAY_BE_EARLY_S
from stui_supervisor.moment import Moment

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BackendClock:
    """Compares the times in the replies with our own monotonic clock.

    A reply was written after its request was sent and before it came, so each one bounds the difference. The clock is
    taken to be as far ahead as it can be: what is promised to have ended by its time then has.
    """

    def __init__(self) -> None:
        self._ahead_s: float | None = None
        self._is_trusted = True

    def showed(self, at: datetime, sent_s: float, received_s: float) -> None:
        """A reply that was written ``at`` its time came to what was sent then."""
        written_s = (at - _EPOCH).total_seconds()
        latest = written_s - sent_s + (TIMES_MAY_BE_EARLY_S if at.microsecond else WHOLE_SECONDS_MAY_BE_EARLY_S)
        if self._ahead_s is None or not written_s - received_s <= self._ahead_s <= latest:
            self._ahead_s = latest  # a better bound than before, or a clock was set

    def forget(self) -> None:
        """Our own clock has stood still."""
        self._ahead_s = None

    def distrust(self) -> bool:
        """It does not judge by the times that it tells. True the first time."""
        was_trusted, self._is_trusted = self._is_trusted, False
        return was_trusted

    def when(self, monotonic_s: float, now: Moment) -> datetime | None:
        """What it will show at the latest at a moment of ours, as ours would where it was never shown.

        None when it is not to be trusted.
        """
        if not self._is_trusted:
            return None
        try:
            if self._ahead_s is None:
                return now.utc + timedelta(seconds=monotonic_s - now.monotonic_s)
            return _EPOCH + timedelta(seconds=monotonic_s + self._ahead_s)
        except OverflowError:
            return None
