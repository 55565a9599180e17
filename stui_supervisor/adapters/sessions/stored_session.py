"""What a process may know of a session that it does not own."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from stui_supervisor.session.claim_order import Candidate
from stui_supervisor.session.records import SessionRecord


class StoredSession(NamedTuple):
    """One session as it was saved last. ``live``: somebody owns it now.

    ``last_sign`` is when the process that saved it last is known to have lived.
    """

    session_id: str
    record: SessionRecord
    saved_at: datetime
    live: bool
    live_sections: int
    last_sign: datetime | None = None


def stored_session(candidate: Candidate, *, live: bool, last_sign: datetime | None = None) -> StoredSession:
    """The session behind a candidate."""
    return StoredSession(
        session_id=candidate.session_id,
        record=candidate.record,
        saved_at=candidate.saved_at,
        live=live,
        live_sections=candidate.live_sections,
        last_sign=last_sign,
    )
