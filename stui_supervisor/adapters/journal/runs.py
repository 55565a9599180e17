"""The runs that logs tell of: what the first line of one says, and how to see that the last one of a log has no end."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from stui_supervisor._version import __version__
from stui_supervisor.adapters.journal.lines import LineName, stamp
from stui_supervisor.config import DEFAULTS, JOURNAL_TEXT_MAX_LENGTH, Settings

_BEGINNINGS: Final = {LineName.RUN_BEGAN, LineName.RUN_CONTINUED}


class LastRun(NamedTuple):
    """The last run that a log tells of; ``alive_at`` is the last moment at which it is known to have lived."""

    profile: str
    pid: int | None
    began_at: str
    alive_at: str
    state: str | None
    session: str | None


def first_values(began_at: datetime, settings: Settings, libzmq: str | None) -> dict[str, Any]:
    """What the first line of a run says of it: with which parts it runs and where, and what was set."""
    return {
        "began_at": stamp(began_at),
        "version": __version__,
        "python": platform.python_version(),
        "libzmq": libzmq,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "pid": os.getpid(),
        "settings": {
            field.name: value
            for field in fields(Settings)
            if (value := getattr(settings, field.name)) != getattr(DEFAULTS, field.name)
        },
    }


def last_run(content: bytes, touched_at_s: int | None) -> LastRun | None:
    """The last run that a log tells of; None where the content begins after that one's first line.

    ``touched_at_s`` are the seconds since 1970 at which the run said last, without a line, that it lived.
    """
    run: LastRun | None = None
    for line in filter(None, map(_line, content.splitlines())):
        if line.get("event") in _BEGINNINGS:
            run = LastRun(
                profile=_text(line, "profile") or "",
                pid=line["pid"] if isinstance(line.get("pid"), int) else None,
                began_at=_text(line, "began_at") or "",
                alive_at="",
                state=_text(line, "state"),
                session=None,
            )
        if run is not None:
            state = _text(line, "to") if line["event"] == LineName.TRANSITION else run.state
            session = _text(line, "session") or run.session
            run = run._replace(alive_at=line["timestamp"], state=state, session=session)
    if run is None or touched_at_s is None:
        return run
    return run._replace(alive_at=_later(run.alive_at, touched_at_s))


def is_over(name: str, end: bytes) -> bool:
    """True where a log ends with the end of its last run, told by itself or by a later one."""
    last = next(filter(None, map(_line, reversed(end.splitlines()))), {})
    event = last.get("event")
    return event == LineName.RUN_ENDED or (event == LineName.RUN_WITHOUT_END and last.get("log") == name)


def without_end(name: str, run: LastRun) -> dict[str, Any]:
    """What is said of a run that has not told its end; why it has not, nobody knows."""
    return {
        "log": name,
        "pid": run.pid,
        "began_at": run.began_at,
        "alive_at": run.alive_at,
        "state": run.state,
        "last_session": run.session,
    }


def _line(text: bytes) -> dict[str, Any] | None:
    """One line of a log; None for what is none, as a crash may have cut it off."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_whole = isinstance(line, dict) and isinstance(line.get("event"), str) and isinstance(line.get("timestamp"), str)
    return line if is_whole else None


def _text(line: dict[str, Any], name: str) -> str | None:
    value = line.get(name)
    return value[:JOURNAL_TEXT_MAX_LENGTH] if isinstance(value, str) else None


def _later(alive_at: str, touched_at_s: int) -> str:
    try:
        touched = datetime.fromtimestamp(touched_at_s, UTC)
        return stamp(max(datetime.fromisoformat(alive_at), touched))
    except (ValueError, TypeError, OverflowError, OSError):
        return alive_at
