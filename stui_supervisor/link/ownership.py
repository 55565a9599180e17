"""Whether a session that a backend gives is still ours.

A backend that numbers its sessions gives our number to another client after it was started again. So where it may
have been, something else has to show that the session is ours: its owner's name, or the work in it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from stui_supervisor.config import UPTIME_ROUNDED_S
from stui_supervisor.context.image_copy import has_been_written_by
from stui_supervisor.moment import since
from stui_supervisor.peer.backend_session import BackendSession, is_pushed_by_another
from stui_supervisor.peer.identity import Identity, identity_of
from stui_supervisor.peer.process import Earlier, Process
from stui_supervisor.session.records import KnownBackend


class Ownership(NamedTuple):
    """What the reply to ``restore_session`` shows of whose the session is.

    ``is_another_process``: the image was certainly started again since it was seen last. ``is_unproven``: only the
    work in the session can show yet that it is ours.
    """

    is_another_process: bool = False
    is_unproven: bool = False

    def is_shown_by(self, state: Any, known: KnownBackend) -> bool:
        """True unless the copy of the work in the session says, or has to be taken to say, that it is another's."""
        is_anothers = is_pushed_by_another(state, known.client_id)
        if is_anothers is not None:
            return not is_anothers
        return not self.is_unproven or has_been_written_by(state, known.sections)


NOTHING_SHOWN: Final = Ownership()


class Evidence(NamedTuple):
    """What there is to judge by whether a session that is given is the one that was ours.

    ``process`` is the one that answers, None where no ping was answered; ``earlier`` is the process that the
    last link was to; ``utc`` is the present by the wall clock, where it is known.
    """

    process: Process | None
    earlier: Earlier
    utc: datetime | None

    def judge(self, session: BackendSession, owner: Identity | None, known: KnownBackend) -> Ownership:
        """Judge a session that was given: ``owner`` is what the reply calls its owner, ``session`` what it was."""
        is_another_process = self._is_another_process(session, known)
        # A name that the backend gives may be everybody's, or be given anew.
        is_named = owner is not None and owner == identity_of(known.client_id)
        is_named_first = session.owner is None and owner is not None  # an earlier version has kept no owner
        is_doubtful = is_another_process or (bool(known.sections) and self._may_be_another(session, known))
        return Ownership(is_another_process, is_unproven=(is_named_first or is_doubtful) and not is_named)

    def _is_another_process(self, session: BackendSession, known: KnownBackend) -> bool:
        """True only where something shows that it is not the process any more that had the session."""
        if self.process is None:
            return False
        had_it = session.process
        if known.is_elsewhere:  # the uptimes of two servers say nothing of each other
            had_it = had_it._replace(server=None, uptime_s=None)
        away_s = since(session.seen_at, self.utc) if session.seen_at and self.utc else 0.0
        return self.earlier.is_another_than(self.process) or self.process.in_short.is_same_as(had_it, away_s) is False

    def _may_be_another(self, session: BackendSession, known: KnownBackend) -> bool:
        """True where nothing could show that it is not the process any more that had the session."""
        boot = self.process.in_short.boot if self.process is not None else None
        if boot is not None and boot == session.process.boot:
            return False
        seen_at = session.seen_at
        is_put_back = seen_at is not None and self.utc is not None and since(self.utc, seen_at) > UPTIME_ROUNDED_S
        return known.is_elsewhere or is_put_back  # the uptime of another server, or no time to hold it against
