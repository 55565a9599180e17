"""The end of an attempt or of a link: everything that has to be let go of, in its order."""

from __future__ import annotations

from stui_supervisor.core.report import Report
from stui_supervisor.core.shared import Leaves, Turn
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.health.heartbeats import Heartbeats
from stui_supervisor.link.messages import CloseLink
from stui_supervisor.link.phase import Phase
from stui_supervisor.machine.states import State


class LinkEnd:
    """Ends the present attempt or link. What is to be known of it later is handed on here, and nowhere else."""

    def __init__(self, turn: Turn, report: Report, leaves: Leaves) -> None:
        self._turn = turn
        self._report = report
        self._attempt = leaves.attempt
        self._session = leaves.session
        self._exchange = leaves.exchange
        self._parts = leaves.parts
        self._backoff = leaves.backoff
        self._lookout = leaves.lookout
        self._lineage = leaves.lineage
        self._roaming = leaves.roaming
        self._subscription = leaves.subscription
        self._without_heartbeats: set[Endpoint | None] = set()

    def is_silent(self, endpoint: Endpoint | None) -> bool:
        """True for an endpoint whose backend was seen to live though it answers no heartbeats."""
        return endpoint in self._without_heartbeats

    def end(self, reason: str, *, keep_waiting: bool) -> None:
        """Let go of the link or the attempt, whatever its phase: the link, then the requests, then the subscription.

        With ``keep_waiting`` another attempt follows, and requests that were not sent wait for it.
        """
        turn, attempt, connection = self._turn, self._attempt, self._attempt.connection
        now = turn.now
        self._parts.drop()
        if attempt.has_link:
            turn.effects.append(CloseLink(attempt.link))
        if not keep_waiting:
            turn.effects += self._lookout.look_at(())
        if attempt.phase is Phase.SWITCHING:
            self._session.abandon_load()
        if attempt.is_up:
            process, seen = connection.look.who.process, connection.look.seen or now
            self._lineage.lost(attempt.endpoint, process, seen)
            self._session.last_seen(str(attempt.endpoint), process, seen.utc, now.monotonic_s)
        self.forget_failures_if_healthy()
        turn.effects += self._exchange.link_down(now, reason=reason, keep_waiting=keep_waiting)
        connection.rtt_ms = None
        connection.degradations.clear()
        if connection.path is not None:
            self._without_heartbeats -= {attempt.endpoint}
            is_silent = connection.path.heartbeats is Heartbeats.NONE
            self._without_heartbeats |= {attempt.endpoint} if is_silent else set()
            connection.path = None
        attempt.stall.link_ended()
        attempt.enter(Phase.IDLE)
        if not keep_waiting:
            self._roaming.forget()
        turn.effects += self._subscription.end(now, is_left=not keep_waiting)

    def forget_failures_if_healthy(self) -> None:
        """Before the state leaves ``connected``: where it has lasted for long enough, the earlier outage is over."""
        has_lasted = self._attempt.connection.pings.has_lasted(self._turn.now.monotonic_s)
        if self._report.state is State.CONNECTED and has_lasted:
            self._backoff.reset()
