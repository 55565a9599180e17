"""What may have been missed of an image's notifications: from when to when.

A publisher keeps nothing and tells nobody what it drops, so what is known is said, and what is not known is covered.

- What was published arrives a network's delay later. A handshake goes back and forth twice (ZMTP 3.1), so that no way
  takes longer than half of it.
- What has arrived says nothing of what still waits in the publisher's queue or on a slow line, and goes with the
  connection. Only a pause shows that nothing waits: no message, while a heartbeat's answer came, which a publisher that
  is stopped and a line that stands do not give.
- A new subscription counts once the publisher has it, a delay after the handshake. What comes first shows that it has.
"""

from __future__ import annotations

from math import inf
from typing import Final, NamedTuple

from stui_supervisor.config import (
    CROWD_CALM_S,
    CROWD_MAX_S,
    HEARTBEAT_MAX_BYTES,
    HELD_UP_BYTES,
    HELD_UP_S,
    NOTIFICATIONS_HEARTBEAT_INTERVAL_S,
    NOTIFICATIONS_HEARTBEAT_TIMEOUT_S,
    NOTIFICATIONS_KEPT_IMAGES,
    NOTIFICATIONS_LOOK_S,
    NOTIFICATIONS_SETTLE_S,
    SLEEP_LOOK_S,
)
from stui_supervisor.events import NotificationsMissed
from stui_supervisor.moment import Moment

_SILENCE_MAX_S: Final = NOTIFICATIONS_HEARTBEAT_INTERVAL_S + NOTIFICATIONS_HEARTBEAT_TIMEOUT_S


class Completeness(NamedTuple):
    """When a subscription began, the last pause in which nothing was on its way to it, and the delay of that way."""

    begin: Moment
    pause: Moment | None
    delay_s: float

    def complete_until(self, delay_s: float) -> Moment:
        """Whatever was published before has come, or the subscription was not there; the delay may be known better."""
        if self.pause is None:
            return self.begin
        return _later(self.begin, self.pause.after(-max(delay_s, self.delay_s)))


class Arrivals:
    """What one subscription has brought: up to when whatever was published has certainly come.

    It was ``asked`` for then, and may have been there from then on. ``delay_s`` is the most that a message takes on its
    way, as the handshake shows.
    """

    def __init__(self, now: Moment, delay_s: float, asked: Moment) -> None:
        self._begin = asked
        self._delay_s = delay_s
        self._pause: Moment | None = None  # nothing that was published a delay before it is still to come
        self._answer: Moment | None = None  # the same, if no message follows what looks like a heartbeat's answer
        self._quiet_from = self._looked = now
        self._is_quiet = False  # since the last look
        self._bytes: int | None = None

    def came(self, now: Moment) -> None:
        """A message has come, and more may wait behind it."""
        self._quiet_from, self._is_quiet = now, False
        self._answer = None

    def held_up(self, now: Moment) -> None:
        """This process stood still: that it saw nothing come does not show that nothing came."""
        self.came(now)
        self._bytes = None

    def looked(self, received_bytes: int | None, now: Moment) -> None:
        """So many bytes have come by now, where the system tells.

        This process has not stood still since the last look, or ``held_up`` was called.
        """
        if self._is_quiet and received_bytes is not None and self._bytes is not None:
            grown_bytes = received_bytes - self._bytes
            if grown_bytes == 0 and self._answer is not None:
                self._pause, self._answer = self._answer, None
            elif grown_bytes:  # the begin of a message may be as short, and is followed by the rest
                self._answer = self._looked if grown_bytes <= HEARTBEAT_MAX_BYTES else None
        # Without an answer for so long the connection would have been ended.
        answered = now.after(-_SILENCE_MAX_S)
        if self._quiet_from.monotonic_s < answered.monotonic_s:
            self._pause = _later(self._pause, answered)
        self._bytes, self._looked, self._is_quiet = received_bytes, now, True

    def completeness(self) -> Completeness:
        """Up to when everything has come, as far as it shows by now."""
        return Completeness(self._begin, self._pause, self._delay_s)


class Gap:
    """What may have been missed of one image, across its subscriptions, and has not been reported yet.

    It begins with the end of a subscription, or where more came at once than there certainly was room for. It is
    reported when what is published comes again, and not before. ``delay_s`` is how long a message takes at most, by the
    last handshake. ``has_worked``: there has been a subscription to this image.
    """

    def __init__(self) -> None:
        self.has_worked = self._is_left = False
        self._arrivals: Arrivals | None = None
        self._began: Completeness | None = None  # what was known then, while there is something to tell
        self._told_until: Moment | None = None
        self.delay_s = 0.0
        self._told_from: float | None = None
        self._counts_from_first = False
        self._crowd_from: float | None = None
        self._looked_at = 0.0
        self._backlog_until = 0.0
        self._backlog_bytes = 0

    def opened(self, now: Moment, handshake_s: float, *, is_one: bool = True) -> None:
        """A subscription is up; its handshake took so long. ``is_one`` is False for one of several topics.

        The first message shows that the publisher has this subscription, but of several it shows one only.
        """
        self.delay_s = delay_s = handshake_s / 2
        self._counts_from_first = is_one
        self._arrivals = Arrivals(now, delay_s, now.after(-handshake_s))
        self._told_from = now.monotonic_s + delay_s + NOTIFICATIONS_SETTLE_S
        self._looked_at = now.monotonic_s
        self.has_worked, self._is_left = True, False

    def came(self, size_bytes: int, now: Moment) -> None:
        """A message has come."""
        if self._arrivals is None:
            return
        self._arrivals.came(now)
        if self._counts_from_first:
            self._counts_from_first = False
            if self._told_from is not None and self._crowd_from is None:
                self._told_from = now.monotonic_s
        if now.monotonic_s < self._backlog_until:
            self._backlog_bytes += size_bytes
            if self._backlog_bytes > HELD_UP_BYTES:
                self.crowded(now)

    def crowded(self, now: Moment) -> None:
        """So much came at once that the publisher may have dropped some."""
        if self._arrivals is None:
            return
        self._began = self._began or self._arrivals.completeness()
        if self._crowd_from is None:
            self._crowd_from = now.monotonic_s
        calm = min(now.monotonic_s + CROWD_CALM_S, self._crowd_from + CROWD_MAX_S)
        self._told_from = calm if self._told_from is None else max(calm, self._told_from)

    def held_up(self, now: Moment) -> None:
        """This process stood still, so that much may have been waiting for it."""
        if self._arrivals is not None:
            self._arrivals.held_up(now)
            self._backlog_until, self._backlog_bytes = now.monotonic_s + HELD_UP_S, 0

    def looked(self, received_bytes: int | None, now: Moment) -> None:
        """So many bytes have come by now, where the system tells; see ``Arrivals.looked``."""
        if self._arrivals is not None:
            self._arrivals.looked(received_bytes, now)

    def is_look_due(self, now: Moment) -> bool:
        """True when the subscription is to be looked at."""
        return self._arrivals is not None and now.monotonic_s - self._looked_at >= NOTIFICATIONS_LOOK_S

    def look_asked(self, now: Moment) -> None:
        """The subscription is being looked at; the next look is due a while from now."""
        self._looked_at = now.monotonic_s

    def not_begun(self, now: Moment, *, is_nobody: bool) -> None:
        """A first subscription did not come about; with ``is_nobody`` nothing can have been published before."""
        if not self.has_worked and (is_nobody or self._began is None):
            self._began = Completeness(now, None, self.delay_s)

    def broken(self) -> None:
        """The subscription has ended, and what was on its way to it is gone."""
        if self._arrivals is not None:
            self._began = self._began or self._arrivals.completeness()
        self._arrivals = None
        self._told_from = self._crowd_from = None

    def take(self, now: Moment) -> NotificationsMissed | None:
        """The gap, if there is one and it is time: what was published until now and has not come is part of it."""
        if self._told_from is None or now.monotonic_s < self._told_from:
            return None
        self._told_from = self._crowd_from = None
        missed = self._missed(now)
        self._began = None
        return missed

    def leave(self, now: Moment) -> NotificationsMissed | None:
        """The image is not heard any more, as the user wants: the gap so far, if it was heard before and there is one.

        What it publishes while nobody wants to hear it belongs to a gap only when it is heard again.
        """
        missed = self._missed(now) if self.has_worked else None
        self._is_left = True
        return missed

    def give_way(self, now: Moment) -> NotificationsMissed | None:
        """Another image answers in its place: the gap so far, unless the user had left this one."""
        return self._missed(now) if self.has_worked and not self._is_left else None

    def _missed(self, now: Moment) -> NotificationsMissed | None:
        if self._began is None:
            return None
        since = _later(self._told_until, self._began.complete_until(self.delay_s))
        self._told_until = now
        # A wall clock that was set back must not turn the gap round.
        return NotificationsMissed(at=now.utc, since=min(since.utc, now.utc), until=now.utc)

    def next_deadline(self) -> float:
        """The monotonic time at which to look, or to take it, at the latest."""
        if self._arrivals is None:
            return inf
        look = self._looked_at + SLEEP_LOOK_S  # by then the clocks are looked at anyway
        return look if self._told_from is None else min(look, self._told_from)


class Gaps:
    """The gaps of one run, one for each image; an image that is not named may be the last one."""

    def __init__(self) -> None:
        self._of: dict[str, Gap] = {}
        self._image: str | None = None
        self.present = Gap()

    def turn_to(self, image: str | None, now: Moment) -> NotificationsMissed | None:
        """Make this image's the ``present`` one; the gap of another one that it takes the place of."""
        missed = None
        if image is None or image == self._image:
            return None
        if self._image is not None:
            missed = self.present.give_way(now)
            self._of[self._image] = self.present
            self.present = self._of.pop(image) if image in self._of else Gap()
            for oldest in list(self._of)[:-NOTIFICATIONS_KEPT_IMAGES]:
                del self._of[oldest]
        self._image = image
        return missed


def _later(moment: Moment | None, other: Moment) -> Moment:
    return other if moment is None or moment.monotonic_s < other.monotonic_s else moment
