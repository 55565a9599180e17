"""How an event reads, for people and for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stui_supervisor.cli.console.event_lines import event_line, event_object
from stui_supervisor.cli.console.terminal import Terminal
from stui_supervisor.events import (
    ContextSaved,
    Event,
    EventsDropped,
    Notification,
    NotificationsMissed,
    Problem,
    SessionSwitched,
    Transition,
)
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.problems import ProblemCode

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CLOCK = AT.astimezone().strftime("%H:%M:%S")
BEFORE = (AT - timedelta(seconds=3)).astimezone().strftime("%H:%M:%S")
MOVED = Transition(
    at=AT,
    from_state=State.CONNECTED,
    to_state=State.RECOVERING,
    trigger=Trigger.LINK_LOST,
    reason="reset\x07 by peer",
    endpoint="tcp://127.0.0.1:5555",
)
PROBLEM = Problem(at=AT, code=ProblemCode.STORE_FAILED, message="the disk is full", hint="make room")


def test_a_transition_is_an_object_with_the_names_of_the_log() -> None:
    assert event_object(MOVED) == {
        "event": "transition",
        "at": "2026-01-02T03:04:05+00:00",
        "from": "connected",
        "to": "recovering",
        "trigger": "link_lost",
        "reason": "reset\x07 by peer",
        "endpoint": "tcp://127.0.0.1:5555",
        "kind": None,
    }


def test_a_problem_is_an_object_with_its_code_and_hint() -> None:
    assert event_object(PROBLEM) == {
        "event": "problem",
        "at": "2026-01-02T03:04:05+00:00",
        "code": "store_failed",
        "message": "the disk is full",
        "hint": "make room",
    }


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (MOVED, f"{CLOCK}  recovering    reset by peer"),
        (PROBLEM, f"{CLOCK}  problem       the disk is full; make room"),
        (
            SessionSwitched(at=AT, session_id="s", image_id="Pharo 13", reason="another image answers"),
            f"{CLOCK}  session       another image answers",
        ),
        (
            NotificationsMissed(at=AT, since=AT - timedelta(seconds=3), until=AT),
            f"{CLOCK}  missed        notifications from {BEFORE} to {CLOCK}, if there were any",
        ),
        (EventsDropped(at=AT, count=3), f"{CLOCK}  lost          3 lines, because this output is read too slowly"),
    ],
)
def test_an_event_is_one_line_for_a_person(event: Event, line: str) -> None:
    assert event_line(event, Terminal(as_json=False)) == line


def test_missed_notifications_are_an_object_with_both_times() -> None:
    assert event_object(NotificationsMissed(at=AT, since=AT - timedelta(seconds=3), until=AT)) == {
        "event": "notifications_missed",
        "at": "2026-01-02T03:04:05+00:00",
        "since": "2026-01-02T03:04:02+00:00",
        "until": "2026-01-02T03:04:05+00:00",
    }


@pytest.mark.parametrize(
    "event", [ContextSaved(at=AT, bytes=100), Notification(at=AT, topic="errors", body={})], ids=["saved", "notified"]
)
def test_what_is_no_news_for_a_person_is_not_shown(event: Event) -> None:
    assert event_object(event) is None
    assert event_line(event, Terminal(as_json=False)) is None
