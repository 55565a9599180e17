from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stui_supervisor import events
from stui_supervisor.adapters.journal.lines import Line, LineDigest, LineName, stamp
from stui_supervisor.config import JOURNAL_LINES_IN_FULL, JOURNAL_TEXT_MAX_LENGTH
from stui_supervisor.events import (
    AttemptScheduled,
    Beside,
    ContextSaved,
    Event,
    EventsDropped,
    MachineWoke,
    NetworkMoved,
    Notification,
    NotificationsMissed,
    Problem,
    RequestFinished,
    SessionSwitched,
    Transition,
)
from stui_supervisor.machine.states import Outcome, State, Trigger
from stui_supervisor.machine.table import TABLE, EdgeKind
from stui_supervisor.problems import ProblemCode

AT = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)
ENDPOINT = "tcp://127.0.0.1:5555"


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def lost(at: datetime = AT) -> Transition:
    return Transition(
        at=at,
        from_state=State.CONNECTED,
        to_state=State.RECOVERING,
        trigger=Trigger.LINK_LOST,
        reason="connection reset",
        endpoint=ENDPOINT,
    )


def back(at: datetime) -> Transition:
    return Transition(
        at=at,
        from_state=State.RECOVERING,
        to_state=State.CONNECTED,
        trigger=Trigger.ESTABLISHED,
        reason="the link is back",
        endpoint=ENDPOINT,
    )


def attempt(number: int, at: datetime, failure: str = "refused") -> AttemptScheduled:
    return AttemptScheduled(at=at, attempt=number, delay_s=0.5, failure=failure)


def request(at: datetime = AT, outcome: Outcome = Outcome.REPLIED, command: str = "evaluate") -> RequestFinished:
    return RequestFinished(at=at, command=command, outcome=outcome, duration_ms=1.23456, request_id="me-1")


SINGLE: list[tuple[Event, str, dict[str, Any], bool]] = [
    (
        lost(),
        "transition",
        {
            "from": "connected",
            "to": "recovering",
            "trigger": "link_lost",
            "reason": "connection reset",
            "endpoint": ENDPOINT,
            "attempt": 0,
            "lasted_s": 0.0,
        },
        True,
    ),
    (attempt(3, AT), "attempt", {"attempt": 3, "delay_s": 0.5, "failure": "refused"}, False),
    (
        request(),
        "request",
        {"command": "evaluate", "outcome": "replied", "duration_ms": 1.235, "request_id": "me-1"},
        False,
    ),
    (
        request(outcome=Outcome.OUTCOME_UNKNOWN),
        "request",
        {"command": "evaluate", "outcome": "outcome_unknown", "duration_ms": 1.235, "request_id": "me-1"},
        True,
    ),
    (MachineWoke(at=AT, slept_s=28_800.00049), "woke", {"slept_s": 28_800.0}, False),
    (NetworkMoved(at=AT), "network", {}, False),
    (ContextSaved(at=AT, bytes=420), "saved", {"bytes": 420}, False),
    (
        SessionSwitched(at=AT, session_id="s2", image_id="Pharo 12.0", reason="another image answered"),
        "session_switched",
        {"session_id": "s2", "image_id": "Pharo 12.0", "reason": "another image answered"},
        False,
    ),
    (
        NotificationsMissed(at=AT, since=later(-2.5), until=AT),
        "notifications_missed",
        {"since": "2026-03-29T00:58:57.500+00:00", "until": "2026-03-29T00:59:00.000+00:00"},
        True,
    ),
    (
        Problem(at=AT, code=ProblemCode.STORE_FAILED, message="the disk is full", hint="make room"),
        "problem",
        {"code": "store_failed", "message": "the disk is full", "hint": "make room"},
        True,
    ),
    (
        Problem(at=AT, code=ProblemCode.DAMAGED_FILE, message="a file was damaged", hint="nothing"),
        "recovered_store",
        {"code": "damaged_file", "message": "a file was damaged", "hint": "nothing"},
        True,
    ),
    (
        Problem(at=AT, code=ProblemCode.NO_TOKEN, message="the keyring is locked", hint="unlock it"),
        "credential",
        {"code": "no_token", "message": "the keyring is locked", "hint": "unlock it"},
        True,
    ),
]


@pytest.mark.parametrize(("event", "name", "values", "is_warning"), SINGLE)
def test_each_event_has_its_line(event: Event, name: str, values: dict[str, Any], is_warning: bool) -> None:
    assert LineDigest().lines(event, Beside(7)) == [Line(AT, LineName(name), 7, values, is_warning)]


def test_every_kind_is_logged_but_notifications_and_what_one_reader_missed() -> None:
    logged = {type(event) for event, *_ in SINGLE}
    known = {kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)} - {
        Event,
        events.JournalOnly,
    }
    assert logged | {Notification, EventsDropped} == known
    assert LineDigest().lines(Notification(at=AT, topic="errors", body={"code": "secret code"}), Beside(1)) == []
    assert LineDigest().lines(EventsDropped(at=AT, count=3), Beside(1)) == []


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.trigger}-{row.sources[0]}")
def test_a_transition_warns_when_the_table_calls_it_a_fault(row: Any) -> None:
    for source in row.sources:
        event = replace(lost(), from_state=source, to_state=row.target, trigger=row.trigger)
        (line,) = LineDigest().lines(event, Beside(1))
        assert line.is_warning is (row.kind is EdgeKind.FAULT)


def test_a_transition_names_the_attempt_that_led_to_it() -> None:
    first = replace(lost(), from_state=State.RESTORING, to_state=State.CONNECTING, trigger=Trigger.RESTORED)
    failed = replace(lost(), from_state=State.CONNECTING, trigger=Trigger.ATTEMPT_FAILED)
    digest = LineDigest()
    lines = [
        line
        for event in (first, failed, attempt(2, later(1)), attempt(3, later(2)), back(later(3)), lost(later(4)))
        for line in digest.lines(event, Beside(1))
    ]
    assert [line.values["attempt"] for line in lines if line.name is LineName.TRANSITION] == [1, 1, 3, 0]


def test_a_day_without_a_backend_takes_few_lines_and_every_attempt_is_counted() -> None:
    digest = LineDigest()
    lines = digest.lines(lost(), Beside(1))
    attempts = 0
    for second in range(0, 24 * 3600, 5):
        attempts += 1
        lines += digest.lines(attempt(attempts, later(second), "refused" if second % 2 else "timeout"), Beside(1))
        lines += digest.lines(request(later(second), Outcome.NOT_SENT), Beside(1))
        lines += digest.lines(ContextSaved(at=later(second), bytes=1), Beside(1))
    lines += digest.lines(back(later(24 * 3600)), Beside(2))
    assert len(lines) <= 200
    counted = [line.values.get("count", 1) for line in lines if line.name == "attempt"]
    assert sum(counted) == attempts
    assert len(counted) <= 60


def test_what_recurs_is_written_in_full_first_and_then_at_growing_intervals() -> None:
    digest = LineDigest()
    written = [
        (second, line.values)
        for second in range(100)
        for line in digest.lines(ContextSaved(at=later(second), bytes=second), Beside(1))
    ]
    assert written == [
        *((second, {"bytes": second}) for second in range(JOURNAL_LINES_IN_FULL)),
        (14, {"bytes": 14, "count": 10, "since": stamp(later(5)), "until": stamp(later(14))}),
        (34, {"bytes": 34, "count": 20, "since": stamp(later(15)), "until": stamp(later(34))}),
        (74, {"bytes": 74, "count": 40, "since": stamp(later(35)), "until": stamp(later(74))}),
    ]


def test_the_next_transition_writes_what_was_counted_and_starts_anew() -> None:
    digest = LineDigest()
    digest.lines(lost(), Beside(1))
    for number in range(1, 9):
        digest.lines(attempt(number, later(number / 10)), Beside(1))
    lines = digest.lines(back(later(1)), Beside(2))
    assert [(line.name, line.at, line.values.get("count"), line.values["attempt"]) for line in lines] == [
        ("attempt", later(1), 3, 8),
        ("transition", later(1), None, 8),
    ]
    assert (lines[0].values["since"], lines[0].values["until"]) == (stamp(later(0.6)), stamp(later(0.8)))
    assert digest.lines(attempt(1, later(2)), Beside(2)) == [
        Line(later(2), LineName.ATTEMPT, 2, {"attempt": 1, "delay_s": 0.5, "failure": "refused"})
    ]


def test_one_that_was_counted_alone_says_when_it_was() -> None:
    digest = LineDigest()
    for _ in range(JOURNAL_LINES_IN_FULL + 1):
        digest.lines(ContextSaved(at=AT, bytes=1), Beside(1))
    counted = {"count": 1, "since": stamp(AT), "until": stamp(AT)}
    assert digest.flush(later(9)) == [Line(later(9), LineName.SAVED, 1, {"bytes": 1, **counted})]
    assert digest.flush(later(9)) == []


def test_a_new_failure_is_written_at_once_after_what_was_counted_before() -> None:
    digest = LineDigest()
    for number in range(1, 8):
        digest.lines(attempt(number, AT), Beside(1))
    lines = digest.lines(attempt(8, later(1), "name not found"), Beside(1))
    assert [(line.values["failure"], line.values.get("count")) for line in lines] == [
        ("refused", 2),
        ("name not found", None),
    ]


def test_failures_that_never_repeat_do_not_flood_the_log() -> None:
    digest = LineDigest()
    lines = [
        line
        for number in range(1_000)
        for line in digest.lines(attempt(number, later(number / 100), str(number)), Beside(1))
    ]
    assert len(lines) == JOURNAL_LINES_IN_FULL


def test_failed_requests_are_counted_apart_from_those_that_were_replied_to() -> None:
    digest = LineDigest()
    for _ in range(1_000):
        digest.lines(request(), Beside(1))
    assert [line.values["outcome"] for line in digest.lines(request(outcome=Outcome.BACKEND_ERROR), Beside(1))] == [
        "backend_error"
    ]


def test_a_clock_set_back_does_not_silence_the_log() -> None:
    digest = LineDigest()
    for second in range(10):
        digest.lines(ContextSaved(at=later(second), bytes=1), Beside(1))
    lines = digest.lines(ContextSaved(at=later(-86_400), bytes=1), Beside(1))
    assert [(line.name, line.values.get("by_s"), line.values.get("count")) for line in lines] == [
        ("clock_set_back", 86_409.0, None),
        ("saved", None, 6),
    ]


def test_a_long_text_is_cut() -> None:
    (line,) = LineDigest().lines(
        Problem(at=AT, code=ProblemCode.STORE_FAILED, message="m" * 10_000_000, hint=""), Beside(1)
    )
    assert line.values["message"] == "m" * (JOURNAL_TEXT_MAX_LENGTH - 1) + "…"


def test_a_network_that_changes_every_second_for_a_day_takes_few_lines_and_every_change_is_counted() -> None:
    digest = LineDigest()
    lines = [line for second in range(86_400) for line in digest.lines(NetworkMoved(at=later(second)), Beside(1))]
    lines += digest.flush(later(86_400))
    assert len(lines) <= 50
    assert sum(line.values.get("count", 1) for line in lines) == 86_400


def test_a_transition_says_how_long_the_state_before_it_lasted_whatever_the_clock_on_the_wall_shows() -> None:
    digest = LineDigest(began_s=1_000.0)
    events = [lost(), back(later(-3_600)), lost(later(30))]
    lines = [
        line
        for event, elapsed_s in zip(events, (1_000.5, 30_000.0, 30_010.25), strict=True)
        for line in digest.lines(event, Beside(1, elapsed_s=elapsed_s))
    ]
    assert [(line.name, line.values.get("lasted_s")) for line in lines] == [
        ("transition", 0.5),
        ("clock_set_back", None),
        ("transition", 28_999.5),
        ("transition", 10.25),
    ]


def test_an_established_link_says_which_image_answers_and_which_process_of_it() -> None:
    for beside, named in ((Beside(1, None, 0.0, "Pharo 12", "boot"), ("Pharo 12", "boot")), (Beside(1), (None, None))):
        (line,) = LineDigest().lines(back(AT), beside)
        assert (line.values["image_id"], line.values["boot_id"]) == named
        (line,) = LineDigest().lines(lost(), beside)
        assert line.values.keys().isdisjoint({"image_id", "boot_id"})


def test_each_line_names_the_session_of_its_moment() -> None:
    digest = LineDigest()
    lines = [
        *digest.lines(lost(), Beside(1)),
        *digest.lines(back(later(1)), Beside(2, "s1")),
        *digest.end(later(2), {}),
    ]
    assert [(line.session, line.link) for line in lines] == [(None, 1), ("s1", 2), ("s1", 2)]


def test_lines_follow_each_other_in_time_whatever_was_counted_before() -> None:
    digest = LineDigest()
    lines = []
    for second in range(300):
        event: Event = ContextSaved(at=later(second), bytes=1) if second % 3 else attempt(second, later(second))
        if second % 70 == 69:
            event = back(later(second))
        lines += digest.lines(event, Beside(1))
    lines += digest.end(later(300), {})
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert lines[-1].name is LineName.RUN_ENDED


def test_a_gap_between_notifications_that_was_only_counted_lies_within_what_is_said() -> None:
    digest = LineDigest()
    for number in range(10):
        gap = NotificationsMissed(at=later(number), since=later(number - 5), until=later(number - 0.5))
        digest.lines(gap, Beside(1))
    (line,) = digest.flush(later(20))
    assert line.values == {"count": 5, "since": stamp(later(0)), "until": stamp(later(8.5))}


def test_a_problem_that_comes_again_and_again_does_not_flood_the_log_and_another_is_written_at_once() -> None:
    digest = LineDigest()
    lines = [
        line
        for second in range(86_400)
        for line in digest.lines(
            Problem(at=later(second), code=ProblemCode.STORE_FAILED, message="m", hint="h"), Beside(1)
        )
    ]
    assert len(lines) <= 50
    (line,) = digest.lines(Problem(at=later(86_400), code=ProblemCode.READ_ONLY, message="m", hint="h"), Beside(1))
    assert (line.at, line.values["code"]) == (later(86_400), "read_only")
