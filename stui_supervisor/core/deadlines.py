"""When something is to be done next: the least of what the parts say."""

from __future__ import annotations

from math import inf

from stui_supervisor.core.notifications import Notifications
from stui_supervisor.core.replication import Replication
from stui_supervisor.core.shared import Leaves
from stui_supervisor.link.phase import Phase


class Deadlines:
    """Finds the next deadline. It is asked for after every input, so it makes no lists."""

    def __init__(self, leaves: Leaves, replication: Replication, notifications: Notifications) -> None:
        self._attempt = leaves.attempt
        self._exchange = leaves.exchange
        self._session = leaves.session
        self._roaming = leaves.roaming
        self._replication = replication
        self._notifications = notifications

    def next(self, *, is_running: bool, leaves_by: float, next_part: float) -> float:
        """The earliest monotonic time at which a part has something to do; infinity when none has.

        ``leaves_by`` is when a stop waits no longer, and ``next_part`` when work that is done in parts goes on. After a
        stall of this process (health/stall.py) nothing is judged for a moment, and no request ends by its time.
        """
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
        request = max(request, stall.expired_from)
        return min(
            max(stall.judged_from, link),
            request,
            self._session.next_deadline() if is_running else inf,
            leaves_by if leaves_by < inf else self._roaming.next_deadline(),
            next_part,
        )
