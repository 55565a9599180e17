from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from stui_supervisor.claiming import Candidate, in_order_of_claim, newest_first, seed
from stui_supervisor.identity import identity_of
from stui_supervisor.record import SessionRecord

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = SessionRecord(
    profile="default",
    endpoint="tcp://127.0.0.1:5555",
    wanted=False,
    dialect="command",
    image_id="one",
    backend_session="s",
    client_id="c",
    status={"state": "connected"},
)


def candidate(
    name: str, minute: int, live_sections: int = 1, record: SessionRecord = RECORD, seq: int = 1
) -> Candidate:
    return Candidate(
        session_id=name,
        record=record,
        saved_at=MOMENT + timedelta(minutes=minute),
        seq=seq,
        live_sections=live_sections,
    )


def names(candidates: list[Candidate]) -> list[str]:
    return [candidate.session_id for candidate in candidates]


def test_work_comes_before_age_and_age_before_seq_and_name() -> None:
    candidates = [
        candidate("a", 1),
        candidate("b", 2, seq=1),
        candidate("c", 2, seq=2),
        candidate("d", 2, seq=2),
        candidate("empty", 9, live_sections=0),
    ]
    assert names(in_order_of_claim(candidates, "default", None)) == ["d", "c", "b", "a", "empty"]
    assert names(newest_first(candidates)) == ["empty", "d", "c", "b", "a"]


def test_only_the_profile_and_the_image_asked_for_fit() -> None:
    candidates = [
        candidate("same", 1),
        candidate("no image", 2, record=replace(RECORD, image_id=None)),
        candidate("other image", 3, record=replace(RECORD, image_id="two")),
        candidate("other profile", 4, record=replace(RECORD, profile="other")),
    ]
    assert names(in_order_of_claim(candidates, "default", identity_of("one"))) == ["same"]
    assert names(in_order_of_claim(candidates, "default", None)) == ["other image", "no image", "same"]


def test_a_new_session_starts_where_the_profile_was_connected_last() -> None:
    candidates = [
        candidate("old", 1, record=replace(RECORD, endpoint="tcp://127.0.0.1:1")),
        candidate("last", 2),
        candidate("never connected", 3, record=replace(RECORD, endpoint=None)),
        candidate("other profile", 4, record=replace(RECORD, profile="other", endpoint="tcp://127.0.0.1:2")),
    ]
    assert seed(candidates, "default", identity_of("two")) == SessionRecord(
        profile="default", endpoint=RECORD.endpoint, wanted=False, dialect="command", image_id="two"
    )
    assert seed(candidates, "unknown", None) == SessionRecord(profile="unknown")
