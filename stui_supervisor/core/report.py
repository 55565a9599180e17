"""What is told of the link: its state, its problems, and the status that is made of all parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Any, Final

from stui_supervisor.config import ERROR_TEXT_MAX_LENGTH
from stui_supervisor.core.shared import BEFORE_ALL, Leaves, Turn
from stui_supervisor.errors import ConnectionRejected, StoreError
from stui_supervisor.events import Problem, Status, Transition
from stui_supervisor.failures import FailureKind
from stui_supervisor.link.phase import Phase
from stui_supervisor.machine.link_state import LinkState
from stui_supervisor.machine.states import BackendVerdict, State, Trigger, Work
from stui_supervisor.moment import Moment
from stui_supervisor.problems import ProblemCode
from stui_supervisor.status.present import Present, lasting
from stui_supervisor.status.summary import summary_of

STORE_HINT: Final = "the work goes on in memory and is saved once the disk takes it again"


@dataclass(slots=True)
class LastLink:
    """What the latest attempt or link was found to be; it stays known until the next one shows something else."""

    credential_source: str | None = None
    backend_verdict: BackendVerdict | None = None
    liveness_source: str | None = None


class Report:
    """The one place where the state changes and problems are told; ``restored`` is where the work came from."""

    def __init__(self, turn: Turn, leaves: Leaves, *, pid: int) -> None:
        self._turn = turn
        self._leaves = leaves
        self._machine = LinkState()
        self._present = Present()
        self._since = BEFORE_ALL
        self._trigger: Trigger | None = None
        self.pid = pid
        self.last_error: str | None = None
        self.failure: FailureKind | None = None
        self.rejection: ConnectionRejected | None = None
        self.restored = Work.FRESH
        self.last_link = LastLink()

    @property
    def state(self) -> State:
        """One of the six."""
        return self._machine.state

    @property
    def endpoint(self) -> str | None:
        """Where the link is or would be: the endpoint named last, else the last-known-good one."""
        attempt, session = self._leaves.attempt, self._leaves.session
        return str(attempt.endpoint) if attempt.endpoint else session.record.endpoint

    def begin_run(self) -> None:
        """The program starts: the problems of an earlier run are of no concern any more."""
        self._present.begin_run()

    def move(self, trigger: Trigger, reason: str, kind: FailureKind | None = None) -> None:
        """Change the state along the table, and see to it that everyone knows; ``kind`` is that of a failure."""
        before, utc = self.state, self._turn.now.utc
        after = self._machine.fire(trigger)
        self._trigger, self._since = trigger, utc
        self._turn.announce(
            Transition(
                at=utc,
                from_state=before,
                to_state=after,
                trigger=trigger,
                reason=reason,
                endpoint=self.endpoint,
                kind=kind,
            )
        )
        self.note_status()

    def note_error(self, text: str | None, failure: FailureKind | None = None) -> None:
        """What went wrong last, for the status; None when all is well again."""
        self.last_error = text[:ERROR_TEXT_MAX_LENGTH] if text else None
        self.failure = failure

    def problem(self, code: ProblemCode, message: str, hint: str) -> None:
        """Tell of a problem, and keep it for the status as long as it lasts."""
        utc = self._turn.now.utc
        self._present.note(code, message, hint, utc)
        self._turn.announce(Problem(at=utc, code=code, message=message, hint=hint))

    def warn_of_store(self, error: StoreError) -> None:
        """The disk did not do its part: one warning until it does again."""
        if self._leaves.session.is_store_ok:
            self.problem(ProblemCode.STORE_FAILED, error.message, error.hint or STORE_HINT)

    def settle(self) -> None:
        """At the end of a turn: forget the problems of the disk and of the profile that are over by now."""
        if self._present.noted:
            self._present.settle(**self._mended())

    def note_status(self) -> None:
        """Have the present status stored, for whoever asks when this process is gone."""
        # The work is written along with this; who reads it judges by the time then what has lasted.
        known, session = self._all_of(self._turn.now), self._leaves.session
        work = Work.SAVED if known.work is Work.UNSAVED and session.is_store_ok else known.work
        told = replace(known, work=work).as_dict()
        status = {**told, "rejected": self.rejection is not None, "trigger": self._trigger}
        session.note_status(status, self._turn.now.monotonic_s)

    def status(self, now: Moment) -> Status:
        """Everything known at this moment."""
        known = self._all_of(now)
        hint = self.rejection.hint if self.rejection is not None else ""
        summary = summary_of(known, trigger=self._trigger, hint=hint, now=now.utc)
        return replace(known, summary=summary, problems=lasting(known.problems, now.utc))

    def _all_of(self, now: Moment) -> Status:
        """The status without its summary, and with problems that have not lasted long enough yet to be shown."""
        attempt, session, exchange = self._leaves.attempt, self._leaves.session, self._leaves.exchange
        connection, record, last = attempt.connection, session.record, self.last_link
        worst = connection.degradations.worst
        is_between = attempt.waits or attempt.phase is Phase.PROFILE
        due = now.monotonic_s if attempt.phase is Phase.LOOKING else attempt.until
        status = Status(
            state=self.state,
            since=now.utc if self._since is BEFORE_ALL else self._since,
            profile=self._leaves.reading.name,
            endpoint=self.endpoint,
            image_id=record.image_id,
            backend_verdict=last.backend_verdict,
            dialect=record.dialect,
            session_id=session.id,
            attempt=0 if attempt.phase in (Phase.IDLE, Phase.UP) else self._leaves.backoff.attempt + is_between,
            next_attempt_in_s=max(0.0, due - now.monotonic_s) if is_between and due < inf else None,
            degraded_reason=worst.reason if worst is not None else None,
            last_error=self.last_error,
            rtt_ms=connection.rtt_ms,
            waiting_requests=exchange.waiting,
            context_saved_at=session.context_saved_at,
            store_ok=session.is_store_ok and self._leaves.reading.failure is None,
            credential_source=last.credential_source,
            liveness_source=last.liveness_source,
            pid=self.pid,
            failure=self.failure,
            work=self._work,
        )
        return replace(status, problems=self._present.with_link(status, self.rejection, **self._mended()))

    def _mended(self) -> dict[str, Any]:
        session, reading = self._leaves.session, self._leaves.reading
        return {"is_store_ok": session.is_store_ok, "is_profile_known": reading.failure is None}

    @property
    def _work(self) -> Work:
        session = self._leaves.session
        if session.has_unsaved_work:
            return Work.UNSAVED
        return self.restored if session.context_saved_at is None else Work.SAVED
