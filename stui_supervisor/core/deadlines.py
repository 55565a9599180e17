"""When something is to be done next: the least of what the parts say."""

from __future__ import annotations

from math import inf

from stui_supervisor.core.notifications import Notifications
from stui_supervisor.core.replication import Replication
from stui_supervisor.core.shared import Leaves
from stui_supervisor.link.phase import Phase


class Deadlines:
    """Asked for after every input, so written without lists."""

    def __init__(self, leaves: Leaves, replication: Replication, notifications: Notifications) -> None:
        self._attempt = leaves.attempt
        self._exchange = leaves.exchange
        self._session = leaves.session
        self._roaming = leaves.roaming
        self._replication = replication
        self._notifications = notifications

    def next(self, *, is_running: bool, leaves_by: float, next_part: float) -> float:
        """The least monotonic time of all; nothing is judged, and no request over, before the stall guard says so."""
        attempt, connection, exchange = self._attempt, self._attempt.connection, self._exchange
        link = attempt.until
        if attempt.phase is Phase.UP:
            flight = exchange.flight
            link = connection.pings.next_look(flight)
            if flight is None and (own := self._replication.next_deadline()) < link:
                link = own
            if (subscription := self._notifications.next_deadline()) < link:
                link = subscription
        if connection.path is not None and (path := connection.path.next_look()) < link:
            link = path
        stall = attempt.stall
        request = exchange.next_deadline()
        if request is None:
            request = inf
        elif request < stall.expired_from:
            request = stall.expired_from
        write = self._session.next_deadline() if is_running else None
        return min(
            max(stall.judged_from, link),
            request,
            inf if write is None else write,
            leaves_by if leaves_by < inf else self._roaming.next_deadline(),
            next_part,
        )
