from __future__ import annotations

import pytest

from stui_supervisor.backend.errors import Kind, Refusal
from stui_supervisor.backend.sessions import Session, Sessions
from stui_supervisor.backend.settings import SESSIONS_MAX_BYTES

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


def test_all_sessions_together_take_only_so_much_memory() -> None:
    told = Told()
    text = {"text": "x" * (SESSIONS_MAX_BYTES // 4)}
    for _ in range(3):
        told.sessions.keep_state(told.sessions.create("c1", NOW).session_id, text, NOW)
    last = told.sessions.create("c1", NOW + 30)
    with pytest.raises(Refusal, match="all sessions together may take 60,000,000 bytes; close one") as caught:
        told.sessions.keep_state(last.session_id, text, NOW + 30)
    assert (caught.value.kind, last.state) == (Kind.TOO_MANY_SESSIONS, {})
    with pytest.raises(Refusal, match="all sessions together"):
        told.sessions.create("x" * (SESSIONS_MAX_BYTES // 4), NOW + 30)
    told.sessions.keep_state(last.session_id, text, NOW + 60)  # by then the others have expired


def test_many_small_values_count_for_what_they_take() -> None:
    told = Told()
    session = told.sessions.create("c1", NOW)
    with pytest.raises(Refusal, match="all sessions together"):
        told.sessions.keep_state(session.session_id, {"lists": [[]] * 1_000_000}, NOW)


def test_a_state_that_shrinks_is_kept_whatever_the_others_take() -> None:
    told = Told()
    session = told.sessions.create("c1", NOW)
    session.state_bytes = 2 * SESSIONS_MAX_BYTES
    assert told.sessions.keep_state(session.session_id, {"a": 1}, NOW).state == {"a": 1}
