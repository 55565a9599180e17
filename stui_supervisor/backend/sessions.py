"""The sessions of an image. Times are seconds since 1970, and the caller gives the present one as ``now``."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from stui_supervisor import exact_json
from stui_supervisor.backend.errors import Kind, Refusal
from stui_supervisor.backend.settings import SESSION_BYTES, SESSIONS_MAX_BYTES, SESSIONS_PER_CLIENT
from stui_supervisor.backend.smalltalk.values import Workspace
from stui_supervisor.wire.dialects import timestamp
from stui_supervisor.wire.strict_json import parsed_bytes

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)


@dataclass(slots=True)
class Session:
    """What an image keeps for one client."""

    session_id: str
    client_id: str
    created_at: float
    modified_at: float
    used_at: float
    state: dict[str, Any] = field(default_factory=dict)
    workspace: Workspace = field(default_factory=Workspace)
    state_bytes: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        self.state_bytes = _bytes_of(self.state)

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        return SESSION_BYTES + _bytes_of(self.client_id) + self.state_bytes + self.workspace.weight


class Sessions:
    """All sessions of an image.

    ``changed`` is called with what happened ("created", "restored", "updated", "closed", "expired") and the session.
    """

    def __init__(self, timeout_s: float, changed: Callable[[str, Session], None]) -> None:
        self.timeout_s = timeout_s
        self.all: dict[str, Session] = {}
        self._changed = changed

    def create(self, client_id: str, now: float) -> Session:
        """A new session. Raises Refusal when the client has as many as it may, or all together are too large."""
        if len(self.of_client(client_id, now)) >= SESSIONS_PER_CLIENT:
            raise Refusal(Kind.TOO_MANY_SESSIONS, f"a client may have {SESSIONS_PER_CLIENT} sessions at most")
        session = Session(str(uuid.uuid4()), client_id, now, now, now)
        self.refuse_above_limit(session.size_bytes, now)
        self.all[session.session_id] = session
        self._changed("created", session)
        return session

    def find(self, session_id: str, now: float) -> Session:
        """A live session, in use from now on. Raises Refusal when it is gone or has expired."""
        session = self.look_at(session_id)
        if self.expires_in(session, now) <= 0:
            raise Refusal(Kind.UNKNOWN_SESSION, f"the session {session_id} has expired")
        session.used_at = now
        return session

    def look_at(self, session_id: str) -> Session:
        """A session, expired or not, without using it. Raises Refusal when it is gone."""
        session = self.all.get(session_id)
        if session is None:
            raise Refusal(Kind.UNKNOWN_SESSION, "there is no such session")
        return session

    def restore(self, session_id: str, now: float) -> Session:
        """As ``find``, and announce that the session is in use again."""
        session = self.find(session_id, now)
        self._changed("restored", session)
        return session

    def keep_state(self, session_id: str, state: dict[str, Any], now: float) -> Session:
        """Replace the state of a session. Raises Refusal as ``find``, and when all together would get too large."""
        session = self.find(session_id, now)
        state_bytes = _bytes_of(state)
        if state_bytes > session.state_bytes:
            self.refuse_above_limit(state_bytes - session.state_bytes, now)
        session.state, session.state_bytes, session.modified_at = state, state_bytes, now
        self._changed("updated", session)
        return session

    def close(self, session_id: str, now: float) -> Session:
        """Remove a session. Raises Refusal as ``find``."""
        session = self.find(session_id, now)
        del self.all[session_id]
        self._changed("closed", session)
        return session

    def refuse_above_limit(self, more_bytes: int, now: float) -> None:
        """Raises Refusal when all live sessions would take too much memory with ``more_bytes`` added."""
        if self._size_bytes() + more_bytes > SESSIONS_MAX_BYTES:
            self.clean_up(now)
            if self._size_bytes() + more_bytes > SESSIONS_MAX_BYTES:
                limit = f"{SESSIONS_MAX_BYTES:,} bytes"
                raise Refusal(Kind.TOO_MANY_SESSIONS, f"all sessions together may take {limit}; close one")

    def _size_bytes(self) -> int:
        return sum(session.size_bytes for session in self.all.values())

    def clean_up(self, now: float) -> None:
        """Remove the sessions that have expired."""
        for session in [session for session in self.all.values() if self.expires_in(session, now) <= 0]:
            del self.all[session.session_id]
            self._changed("expired", session)

    def of_client(self, client_id: str, now: float) -> list[Session]:
        """The live sessions of one client."""
        mine = (session for session in self.all.values() if session.client_id == client_id)
        return [session for session in mine if self.expires_in(session, now) > 0]

    def expires_in(self, session: Session, now: float) -> float:
        """Seconds until the session expires if nobody uses it."""
        return session.used_at + self.timeout_s - now

    def describe(self, session: Session, now: float) -> dict[str, Any]:
        """The description of a session for clients, without its content."""
        left_s = self.expires_in(session, now)
        return {
            "session_id": session.session_id,
            "client_id": session.client_id,
            "created_at": _iso(session.created_at),
            "last_modified": _iso(session.modified_at),
            "timeout": self.timeout_s,
            "time_until_expiry": max(0.0, round(left_s, 3)),
            "is_expired": left_s <= 0,
            "is_active": left_s > 0,
        }


def _bytes_of(value: Any) -> int:
    return parsed_bytes(exact_json.dumps(value, _ENCODER).encode())


def _iso(seconds: float) -> str:
    return timestamp(datetime.fromtimestamp(seconds, UTC))
