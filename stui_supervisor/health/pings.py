"""Whether the image answers, and how fast: what is outstanding, since when, and what to do about it."""

from __future__ import annotations

from enum import Enum, auto

from stui_supervisor.config import SLOW_PINGS, Settings
from stui_supervisor.requests.request import Flight


class Finding(Enum):
    """What a look at the link found."""

    NOTHING = auto()
    PING_DUE = auto()
    NO_ANSWER = auto()


class PingWatch:
    """One image's answers on one link.

    A reply of any kind is an answer. A ping is due only when nothing else was asked for a while;
    an image that owes an answer is never asked again on top. Only pings tell that it is slow: any
    other reply may take as long as the image computes.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.heard_at = 0.0
        self._looked_at = 0.0
        self._healthy_since = 0.0
        self._slow_in_a_row = 0

    def heard(self, now: float) -> None:
        """The link has just opened, or a reply came."""
        self.heard_at = self._looked_at = now

    def link_up(self, now: float) -> None:
        """A link is established; nothing is known of how fast its image answers."""
        self.heard(now)
        self.healthy(now)
        self._slow_in_a_row = 0

    def pinged(self, rtt_s: float) -> None:
        """A ping was answered after so long."""
        self._slow_in_a_row = self._slow_in_a_row + 1 if rtt_s >= self._settings.slow_after_s else 0

    @property
    def is_slow(self) -> bool:
        """True from the second slow ping in a row until a faster one."""
        return self._slow_in_a_row >= SLOW_PINGS

    def woke(self, now: float) -> None:
        """The machine has slept: an answer that is due gets its whole time again."""
        self._looked_at = now

    def healthy(self, now: float) -> None:
        """The state has become connected."""
        self._healthy_since = now

    def has_lasted(self, now: float) -> bool:
        """True when a connected state has lasted so long that earlier failures no longer count."""
        return now - self._healthy_since >= self._settings.health_s

    def look(self, flight: Flight | None, now: float) -> Finding:
        """Judge the link at this moment."""
        if now < self.next_look(flight):
            return Finding.NOTHING
        self._looked_at = now
        return Finding.PING_DUE if flight is None else Finding.NO_ANSWER

    def next_look(self, flight: Flight | None) -> float:
        """The monotonic time at which ``look`` may find something."""
        if flight is None:
            settings = self._settings
            return self.heard_at + (settings.slow_ping_interval_s if self._slow_in_a_row else settings.ping_interval_s)
        return max(flight.sent_at, self._looked_at) + self._settings.answer_timeout_s
