"""What the store answers to writes: saved, failed, silent, or the session is another process's by now."""

from __future__ import annotations

from stui_supervisor.config import STORE_SILENT_S
from stui_supervisor.core.replication import Replication
from stui_supervisor.core.report import STORE_HINT, Report
from stui_supervisor.core.restore import Restore
from stui_supervisor.core.shared import Leaves, Turn
from stui_supervisor.events import ContextSaved
from stui_supervisor.peer.backend_session import SessionId
from stui_supervisor.problems import ProblemCode
from stui_supervisor.session.messages import Saved, SaveFailed, SnapshotFailed, StoreSilent
from stui_supervisor.session.records import SessionLost


class Saves:
    """Hands the answers to the session, and tells what the user has to know."""

    def __init__(self, turn: Turn, report: Report, leaves: Leaves, replication: Replication, restore: Restore) -> None:
        self._turn = turn
        self._report = report
        self._replication = replication
        self._restore = restore
        self._session = leaves.session

    def saved(self, event: Saved) -> None:
        """A write is on the disk."""
        session, utc = self._session, self._turn.now.utc
        self._turn.effects += session.saved(event.session_id)
        if event.context_bytes is not None and session.is_in_use(event.session_id):
            session.context_saved_at = utc
            self._turn.announce(ContextSaved(at=utc, bytes=event.context_bytes))

    def failed(self, event: SaveFailed) -> None:
        """A write is not on the disk."""
        self._report.warn_of_store(event.error)
        had = self._session.record.backend_session
        self._turn.effects += self._session.save_failed(event.session_id, event.error, self._turn.now.monotonic_s)
        if isinstance(event.error, SessionLost):
            self._lost(had)

    def snapshot_failed(self, event: SnapshotFailed) -> None:
        """Copies that lost a merge are not on the disk."""
        session, error = self._session, event.error
        if isinstance(error, SessionLost):
            self._report.warn_of_store(error)
            had, now = session.record.backend_session, self._turn.now.monotonic_s
            self._turn.effects += session.snapshot_lost(event.session_id, event.sections, now)
            self._lost(had)
        elif session.snapshot_failed(event.session_id, event.sections):
            self._report.warn_of_store(error)

    def silent(self, event: StoreSilent) -> None:
        """A write is under way for long, or given up with the end of the program."""
        was_ok = self._session.is_store_ok
        if not self._session.note_silent_store():
            return
        if event.is_over:
            message = "what was changed last is not on the disk, which did not take it"
            hint = "see what is wrong with the disk; what the image has comes back with the next link"
            self._report.problem(ProblemCode.NOT_SAVED, message, hint)
        elif was_ok:
            message = f"the disk has not taken the work within {STORE_SILENT_S:g} s"
            self._report.problem(ProblemCode.STORE_FAILED, message, STORE_HINT)

    def _lost(self, had: SessionId | None) -> None:
        """Another process has a session of ours; ``had`` is the backend session that was in use until then."""
        if self._session.record.backend_session != had:
            self._replication.leave_backend_session()
        if not self._restore.is_running:
            self._turn.effects += self._session.save_if_due(self._turn.now.monotonic_s)
