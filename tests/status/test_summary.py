"""What a status says in one sentence, and what is said of a run that is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stui_supervisor.events import Status
from stui_supervisor.failures import FailureKind
from stui_supervisor.machine.states import DegradedReason, State, Trigger
from stui_supervisor.status.summary import end_without_stopping, has_stopped, summary_of

AT = datetime(2026, 11, 22, 13, 30, tzinfo=UTC)
HERE = "tcp://127.0.0.1:5555"
LINK = Status(state=State.CONNECTED, since=AT, profile="default", endpoint=HERE)


def said(trigger: Trigger | None = None, hint: str = "", **more: Any) -> str:
    return summary_of(replace(LINK, **more), trigger=trigger, hint=hint, now=AT + timedelta(hours=1))


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (said(), "Linked to H since 13:30:00 UTC, and the image answers; requests go through."),
        (
            said(state=State.DEGRADED, degraded_reason=DegradedReason.BUSY, last_error="it does not answer"),
            "Linked to H, with trouble since 13:30:00 UTC: it does not answer; it is waited for, and the link is kept.",
        ),
        (
            said(state=State.RECOVERING, last_error="nothing listens", attempt=4, next_attempt_in_s=2.04),
            "No link to H since 13:30:00 UTC: nothing listens; attempt 4 begins in 2.0 s.",
        ),
        (
            said(
                state=State.RECOVERING,
                failure=FailureKind.REFUSED,
                last_error="nothing listens",
                attempt=4,
                next_attempt_in_s=0.0,
            ),
            "No link to H since 13:30:00 UTC: nothing listens; attempt 4 begins as soon as somebody listens there.",
        ),
        (
            said(state=State.RECOVERING, last_error="nothing listens", attempt=4),
            "No link to H since 13:30:00 UTC: nothing listens; attempt 4 is under way.",
        ),
        (
            said(state=State.CONNECTING, failure=FailureKind.BUSY_HANDSHAKE, last_error="it may be computing"),
            "Making a first link to H since 13:30:00 UTC: it may be computing; the image is waited for.",
        ),
        (
            said(Trigger.REJECTED, "do this", state=State.DISCONNECTED, last_error="not let in"),
            "No link to H since 13:30:00 UTC: not let in; nothing is tried before a person helps: do this.",
        ),
        (
            said(Trigger.STOP, state=State.DISCONNECTED),
            "Stopped, without a link to H since 13:30:00 UTC; the next start links again.",
        ),
        (
            said(Trigger.DISCONNECT, state=State.DISCONNECTED),
            "Disconnected by the user, without a link to H since 13:30:00 UTC; connect or reconnect to link again.",
        ),
        (
            said(Trigger.GAVE_UP, state=State.DISCONNECTED, last_error="nothing listens"),
            "Given up, without a link to H since 13:30:00 UTC: nothing listens; connect or reconnect to try again.",
        ),
        (
            said(state=State.DISCONNECTED, endpoint=None),
            "No link, and no endpoint is known; name one to connect to.",
        ),
        (said(state=State.RESTORING), "Reading what was stored since 13:30:00 UTC; then a link is made to H."),
    ],
)
def test_a_status_says_what_is_since_when_why_and_what_comes_next(told: str, sentence: str) -> None:
    assert told == sentence.replace(" H", f" {HERE}")


@pytest.mark.parametrize("trigger", [None, *Trigger])
@pytest.mark.parametrize("state", State)
def test_every_state_has_a_sentence_whatever_led_to_it(state: State, trigger: Trigger | None) -> None:
    told = said(trigger, "do this", state=state)
    assert told.endswith(".")
    assert told[0].isupper()


def test_a_time_of_another_day_has_its_date() -> None:
    told = summary_of(LINK, trigger=None, hint="", now=AT + timedelta(days=1))
    assert "since 2026-11-22 13:30:00 UTC" in told


@pytest.mark.parametrize("state", [state for state in State if state is not State.DISCONNECTED])
def test_a_run_that_is_gone_and_had_not_stopped_is_told_with_its_last_sign_of_life(state: State) -> None:
    stored = {"state": state.value, "since": AT.isoformat(), "pid": 4711}
    assert end_without_stopping(stored, AT + timedelta(minutes=5)) == (
        f"the last run (process 4711) ended without stopping while {state}, since 2026-11-22 13:30:00 UTC; "
        "it is last known to have lived at 2026-11-22 13:35:00 UTC (it shows that every 60 s)"
    )
    assert not has_stopped(stored)


def test_of_a_run_that_left_little_only_that_is_said() -> None:
    for odd in ({}, {"since": "soon", "pid": "me"}, {"since": "2026-11-22T13:30:00"}):
        assert end_without_stopping({"state": "connected", **odd}, None) == (
            "the last run ended without stopping while connected"
        )


@pytest.mark.parametrize("stored", [{}, {"state": "disconnected"}, {"state": "flying"}, {"state": []}, {"state": None}])
def test_a_run_that_stopped_or_of_which_nothing_is_known_is_not_said_to_have_died(stored: dict[str, Any]) -> None:
    assert (has_stopped(stored), end_without_stopping(stored, AT)) == (True, None)
