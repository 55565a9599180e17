from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields, is_dataclass
from datetime import UTC, datetime

import pytest

from stui_supervisor import events
from stui_supervisor.events import ContextSaved, Event, JournalOnly, Status
from stui_supervisor.machine.states import BackendVerdict, DegradedReason, State

AT = datetime(2026, 11, 22, 13, 30, tzinfo=UTC)

# The promised names: programs read them.
FIELDS = {
    "Transition": "from_state to_state trigger reason endpoint kind",
    "AttemptScheduled": "attempt delay_s failure kind",
    "RequestFinished": "command outcome duration_ms request_id",
    "ContextSaved": "bytes",
    "SessionSwitched": "session_id image_id reason",
    "Notification": "topic body",
    "NotificationsMissed": "since until",
    "Problem": "code message hint",
    "EventsDropped": "count",
}
STATUS = (
    "state since profile endpoint image_id backend_verdict dialect session_id attempt next_attempt_in_s "
    "degraded_reason last_error rtt_ms waiting_requests context_saved_at store_ok credential_source "
    "liveness_source front pid failure summary problems work"
)

KINDS = [kind for kind in vars(events).values() if is_dataclass(kind) and isinstance(kind, type)]


def names(kind: type) -> list[str]:
    return [field.name for field in fields(kind)]


def test_the_events_have_the_promised_names_and_each_its_time() -> None:
    told = [kind for kind in KINDS if issubclass(kind, Event) and not issubclass(kind, JournalOnly)]
    found = {kind.__name__: names(kind) for kind in told if kind is not Event}
    assert found == {name: ["at", *own.split()] for name, own in FIELDS.items()}


def test_the_status_has_the_promised_names() -> None:
    assert names(Status) == STATUS.split()


@pytest.mark.parametrize("kind", KINDS)
def test_everything_told_is_frozen_small_and_explained(kind: type) -> None:
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]  # private to dataclasses
    assert "__slots__" in vars(kind)
    assert (kind.__doc__ or "").count(".") >= 1


def test_an_event_cannot_be_changed() -> None:
    event = ContextSaved(at=AT, bytes=1)
    with pytest.raises(FrozenInstanceError):
        event.bytes = 2  # type: ignore[misc]  # on purpose


def test_a_status_is_printed_as_json_under_the_same_names() -> None:
    status = Status(
        state=State.DEGRADED,
        since=AT,
        profile="default",
        endpoint="tcp://127.0.0.1:5555",
        backend_verdict=BackendVerdict.RESUMED,
        degraded_reason=DegradedReason.BUSY,
        context_saved_at=AT,
    )
    assert json.loads(json.dumps(status.as_dict())) == {
        "state": "degraded",
        "since": "2026-11-22T13:30:00+00:00",
        "profile": "default",
        "endpoint": "tcp://127.0.0.1:5555",
        "image_id": None,
        "backend_verdict": "resumed",
        "dialect": None,
        "session_id": None,
        "attempt": 0,
        "next_attempt_in_s": None,
        "degraded_reason": "busy",
        "last_error": None,
        "rtt_ms": None,
        "waiting_requests": 0,
        "context_saved_at": "2026-11-22T13:30:00+00:00",
        "store_ok": True,
        "credential_source": None,
        "liveness_source": None,
        "front": None,
        "pid": None,
        "failure": None,
        "summary": "",
        "problems": [],
        "work": "fresh",
    }
