"""What a status says in sentences: how things are, since when, why, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from stui_supervisor.config import SIGN_OF_LIFE_S
from stui_supervisor.events import Status
from stui_supervisor.failures import FailureKind
from stui_supervisor.machine.states import DegradedReason, State, Trigger

ENDED_HINT: Final = "what it had sent last may have run: look before you repeat it"
_SHOWN: Final = f"it shows that every {SIGN_OF_LIFE_S:g} s"
_DEGRADED: Final[Mapping[object, str]] = {
    DegradedReason.BUSY: "it is waited for, and the link is kept",
    DegradedReason.SILENT: "it is decided within seconds whether the link is lost",
    DegradedReason.SLOW: "requests go through, slowly",
    DegradedReason.DEAF: "requests go through, notifications are subscribed to again",
}
_TIME: Final = "%Y-%m-%d %H:%M:%S UTC"


def at_time(at: datetime) -> str:
    """A moment as people read it."""
    return at.astimezone(UTC).strftime(_TIME)


def summary_of(status: Status, *, trigger: str | None, hint: str, now: datetime) -> str:
    """One sentence for a person: what is, since when, why, and what comes next. ``trigger`` led to the state."""
    where = f" to {status.endpoint}" if status.endpoint else ""
    since, why = _since(status.since, now), f": {status.last_error}" if status.last_error else ""
    match status.state:
        case State.RESTORING:
            return f"Reading what was stored{since}; then a link is made{where}."
        case State.CONNECTING:
            return f"Making a first link{where}{since}{why}; {next_attempt(status)}."
        case State.CONNECTED:
            return f"Linked{where}{since}, and the image answers; requests go through."
        case State.DEGRADED:
            return (
                f"Linked{where}, with trouble{since}{why}; {_DEGRADED.get(status.degraded_reason, 'the link is kept')}."
            )
        case State.RECOVERING:
            return f"No link{where}{since}{why}; {next_attempt(status)}."
        case State.DISCONNECTED:
            return _disconnected(status, f"{where}{since}", why, trigger, hint)


def _disconnected(status: Status, where: str, why: str, trigger: str | None, hint: str) -> str:
    match trigger:
        case Trigger.REJECTED:
            return f"No link{where}{why}; nothing is tried before a person helps: {hint}."
        case Trigger.STOP:
            return f"Stopped, without a link{where}; the next start links again."
        case Trigger.DISCONNECT | Trigger.LEFT_DISCONNECTED:
            return f"Disconnected by the user, without a link{where}; connect or reconnect to link again."
        case Trigger.GAVE_UP:
            return f"Given up, without a link{where}{why}; connect or reconnect to try again."
        case _ if status.endpoint is None:
            return "No link, and no endpoint is known; name one to connect to."
        case _:
            return f"No link{where}{why}; the next start links again."


def next_attempt(status: Status) -> str:
    """What comes next where a link is wanted and there is none."""
    if status.failure is FailureKind.BUSY_HANDSHAKE:
        return "the image is waited for"
    if status.failure is FailureKind.REFUSED and status.next_attempt_in_s == 0.0:
        return f"attempt {status.attempt} begins as soon as somebody listens there"
    if status.next_attempt_in_s is None:
        return f"attempt {status.attempt} is under way" if status.attempt else "it is tried again until it succeeds"
    return f"attempt {status.attempt} begins in {status.next_attempt_in_s:.1f} s"


def _since(at: datetime, now: datetime) -> str:
    """With the date where it is not today's."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    return f" since {at.strftime('%H:%M:%S UTC')}" if at.date() == now.date() else f" since {at_time(at)}"


def has_stopped(status: Mapping[str, Any]) -> bool:
    """False for the stored status of a run that has not stopped, or has not yet."""
    state = status.get("state")
    return state == State.DISCONNECTED or state not in tuple(State)


def end_without_stopping(status: Mapping[str, Any], last_sign: datetime | None) -> str | None:
    """What to say of a run that is gone and left this status; None for one that had stopped."""
    if has_stopped(status):
        return None
    pid, since = status.get("pid"), moment(status.get("since"))
    who = f"the last run (process {pid})" if isinstance(pid, int) else "the last run"
    lasted = f", since {at_time(since)}" if since is not None else ""
    lived = "" if last_sign is None else f"; it is last known to have lived at {at_time(last_sign)} ({_SHOWN})"
    return f"{who} ended without stopping while {status['state']}{lasted}{lived}"


def moment(text: object) -> datetime | None:
    """The moment that a stored status names, if it does."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
