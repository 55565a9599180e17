"""What a status says in sentences: how things are, since when, why, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from stui_supervisor.config import SIGN_OF_LIFE_S
from stui_supervisor.states import State

ENDED_HINT: Final = "what it had sent last may have run: look before you repeat it"
_SHOWN: Final = f"it shows that every {SIGN_OF_LIFE_S:g} s"
_TIME: Final = "%Y-%m-%d %H:%M:%S UTC"


def at_time(at: datetime) -> str:
    """A moment as people read it."""
    return at.astimezone(UTC).strftime(_TIME)


def has_stopped(status: Mapping[str, Any]) -> bool:
    """False for the stored status of a run that has not stopped, or has not yet."""
    state = status.get("state")
    return state == State.DISCONNECTED or state not in tuple(State)


def end_without_stopping(status: Mapping[str, Any], last_sign: datetime | None) -> str | None:
    """What to say of a run that is gone and left this status; None for one that had stopped."""
    if has_stopped(status):
        return None
    pid, since = status.get("pid"), _moment(status.get("since"))
    who = f"the last run (process {pid})" if isinstance(pid, int) else "the last run"
    lasted = f", since {at_time(since)}" if since is not None else ""
    lived = "" if last_sign is None else f"; it is last known to have lived at {at_time(last_sign)} ({_SHOWN})"
    return f"{who} ended without stopping while {status['state']}{lasted}{lived}"


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
