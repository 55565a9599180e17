from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from stui_supervisor.peer.backend_session import BackendSession
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.session.claim_order import Candidate, as_last, in_order_of_claim, last_of, newest_first, seed
from stui_supervisor.session.records import SessionRecord

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = SessionRecord(
    profile="default",
    endpoint="tcp://127.0.0.1:5555",
    wanted=False,
    dialect="command",
    image_id="one",
    session=BackendSession("s"),
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


ONE = replace(RECORD, wanted=True)
TWO = replace(RECORD, endpoint="tcp://127.0.0.1:2", image_id="two")


def first(candidates: list[Candidate], taken: str = "") -> tuple[str, SessionRecord]:
    last = last_of(candidates, "default", lambda one: one.session_id != taken)
    queue = in_order_of_claim(candidates, "default", None, last=last)
    chosen = next(one for one in queue if one.session_id != taken)
    return chosen.session_id, as_last(chosen, last)


def test_work_of_another_image_leads_away_neither_from_the_last_endpoint_nor_from_the_last_wish() -> None:
    candidates = [candidate("work", 1, record=ONE), candidate("last", 2, live_sections=0, record=TWO)]
    assert first(candidates) == ("last", TWO)
    older = [candidate("older work", 0, record=replace(TWO, endpoint="tcp://127.0.0.1:3", wanted=True)), *candidates]
    assert first(older) == ("older work", TWO)


def test_a_session_in_use_leads_nobody_else_but_its_wish_to_stay_away_counts() -> None:
    work, two = candidate("work", 1, record=ONE), replace(TWO, wanted=True)
    assert first([work, candidate("last", 2, live_sections=0, record=two)], taken="last") == ("work", ONE)
    left = replace(ONE, wanted=False)
    assert first([work, candidate("last", 2, live_sections=0, record=TWO)], taken="last") == ("work", left)
    linked_since = [candidate("work", 3, record=ONE), candidate("left", 2, record=TWO)]
    assert first(linked_since, taken="left") == ("work", ONE)
    assert first([candidate("work", 1, record=left), candidate("in use", 2, record=two)], taken="in use") == (
        "work",
        left,
    )


def test_an_empty_session_of_the_same_image_does_not_hide_work_and_its_wish_counts() -> None:
    gone = replace(ONE, wanted=False)
    assert first([candidate("work", 1, record=ONE), candidate("last", 2, live_sections=0, record=gone)]) == (
        "work",
        gone,
    )


def test_an_image_without_a_name_is_known_by_its_endpoint() -> None:
    unnamed = replace(TWO, image_id=None)
    work = candidate("work", 1, record=ONE)
    assert first([work, candidate("last", 2, live_sections=0, record=unnamed)]) == ("last", unnamed)
    here = replace(ONE, image_id=None)
    assert first([work, candidate("seeded", 2, live_sections=0, record=here)]) == ("work", ONE)
    never_linked = replace(here, endpoint=None)
    assert first([work, candidate("never linked", 2, live_sections=0, record=never_linked)]) == ("work", ONE)
