from __future__ import annotations

import pytest

from stui_supervisor.backend.refusals import Kind, Refusal
from stui_supervisor.backend.sessions import Session, Sessions

NOW = 1_800_000_000.0


class Told:
    """Sessions, and what was told of them."""

    def __init__(self, timeout_s: float = 60.0) -> None:
        self.events: list[tuple[str, str]] = []
        self.sessions = Sessions(timeout_s, self._changed)

    def _changed(self, what: str, session: Session) -> None:
        self.events.append((what, session.session_id))


def refused(told: Told, session_id: str, now: float) -> Kind:
    with pytest.raises(Refusal) as caught:
        told.sessions.find(session_id, now)
    return caught.value.kind


def test_a_session_goes_through_its_life() -> None:
    told = Told()
    session_id = told.sessions.create("c1", NOW).session_id
    told.sessions.keep_state(session_id, {"a": 1}, NOW + 1)
    assert told.sessions.restore(session_id, NOW + 2).state == {"a": 1}
    told.sessions.close(session_id, NOW + 3)
    assert told.events == [(what, session_id) for what in ("created", "updated", "restored", "closed")]
    assert refused(told, session_id, NOW + 4) is Kind.UNKNOWN_SESSION


def test_a_session_expires_when_nobody_uses_it() -> None:
    told = Told()
    session_id = told.sessions.create("c1", NOW).session_id
    told.sessions.find(session_id, NOW + 59)
    told.sessions.find(session_id, NOW + 118)
    assert refused(told, session_id, NOW + 178) is Kind.UNKNOWN_SESSION


def test_looking_at_a_session_does_not_use_it() -> None:
    told = Told()
    session = told.sessions.create("c1", NOW)
    assert told.sessions.describe(told.sessions.look_at(session.session_id), NOW + 59) == {
        "session_id": session.session_id,
        "client_id": "c1",
        "created_at": "2027-01-15T08:00:00.000Z",
        "last_modified": "2027-01-15T08:00:00.000Z",
        "timeout": 60.0,
        "time_until_expiry": 1.0,
        "is_expired": False,
        "is_active": True,
    }
    assert told.sessions.describe(told.sessions.look_at(session.session_id), NOW + 61)["is_expired"] is True


def test_cleaning_up_forgets_the_expired_ones_only() -> None:
    told = Told()
    old = told.sessions.create("c1", NOW)
    new = told.sessions.create("c1", NOW + 30)
    told.sessions.clean_up(NOW + 60)
    assert told.sessions.all == {new.session_id: new}
    assert told.events[-1] == ("expired", old.session_id)


def test_a_client_has_five_live_sessions_at_most() -> None:
    told = Told()
    for _ in range(5):
        told.sessions.create("c1", NOW)
    with pytest.raises(Refusal, match="5 sessions at most") as caught:
        told.sessions.create("c1", NOW + 1)
    assert caught.value.kind is Kind.TOO_MANY_SESSIONS
    told.sessions.create("c2", NOW + 1)
    told.sessions.create("c1", NOW + 60)
