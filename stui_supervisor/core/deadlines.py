"""When something is to be done next: the least of what the parts say."""

from __future__ import annotations

from math import inf

from stui_supervisor.core.notifications import Notifications
from stui_supervisor.core.replication import Replication
from stui_supervisor.core.shared import Leaves


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
        if attempt.is_up:
            link = connection.pings.next_look(exchange.flight)
            if exchange.flight is None:
                link = min(link, self._replication.next_deadline())
            link = min(link, self._notifications.next_deadline())
        else:
            link = attempt.until
        if connection.path is not None:
            link = min(link, connection.path.next_look())
        request = exchange.next_deadline()
        return min(
            max(link, attempt.stall.judged_from),
            inf if request is None else max(request, attempt.stall.expired_from),
            self._write() if is_running else inf,
            leaves_by if leaves_by < inf else self._roaming.next_deadline(),
            next_part,
        )

    def _write(self) -> float:
        due = self._session.next_deadline()
        return inf if due is None else due
