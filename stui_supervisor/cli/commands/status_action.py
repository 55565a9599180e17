"""What ``status`` does: read from disk what was last known about the link. It changes nothing there."""

from __future__ import annotations

import argparse
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from stui_supervisor.adapters.host.clock import directories
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.adapters.sessions.stored_session import StoredSession
from stui_supervisor.cli.commands.stored_state import stored_sessions, way_to_run
from stui_supervisor.cli.console.exit_codes import ExitCode
from stui_supervisor.cli.console.hints import way_out
from stui_supervisor.cli.console.terminal import STATE_COLOURS, Colour, GlobalOptions, Terminal, shown
from stui_supervisor.events import PresentProblem, Status
from stui_supervisor.failures import FAILURES, kind_named
from stui_supervisor.machine.states import State
from stui_supervisor.printable import printable
from stui_supervisor.status.present import OF_RUN, lasts
from stui_supervisor.status.summary import end_without_stopping, moment, summary_of

_UP = (State.CONNECTED, State.DEGRADED)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the status. The exit code tells whether the link is up, or a person is needed."""
    terminal = Terminal.of(arguments)
    sessions = stored_sessions(arguments)
    newest = sessions[0] if sessions else None
    known = _status_fields(newest, arguments, arguments.profile)
    if terminal.as_json:
        terminal.answer(known)
    else:
        _print(known, terminal)
    if newest is None:
        terminal.note(f"{_without_sessions(arguments)} Connect with: {printable(way_to_run(arguments))}")
    elif not newest.live:
        terminal.note(f"No supervisor runs; this is what the last one knew. {_way_on(known, arguments)}")
    if known["state"] in _UP:
        return ExitCode.DONE
    is_rejected = newest is not None and newest.record.status.get("rejected") is True
    return ExitCode.PERSON_NEEDED if is_rejected else ExitCode.NO_LINK


def _way_on(known: dict[str, Any], arguments: argparse.Namespace) -> str:
    """How to start another supervisor, and what to do before, if anything."""
    way = printable(way_to_run(arguments))
    kind = known["failure"]
    if kind is None or FAILURES[kind].rejection is None:
        return f"Start one with: {way}"
    return f"First: {printable(_hint(known, arguments))}. Then start one with: {way}"


def _without_sessions(arguments: argparse.Namespace) -> str:
    """Why no session can be shown: nothing is stored, or what is stored is damaged."""
    root = directories(arguments.home).sessions_root
    damaged = FileSessionStore(root).unusable()
    if not damaged:
        return "Nothing is stored yet."
    which = f"session {damaged[0]} was" if len(damaged) == 1 else f"{len(damaged)} sessions were"
    return printable(
        f"No file of what was stored can be used: {which} damaged, in {root}; the next start sets it aside."
    )


def _status_fields(session: StoredSession | None, options: GlobalOptions, profile: str) -> dict[str, Any]:
    """The fields of Status, as they are in the record of the session."""
    now = datetime.now(UTC)
    if session is None:
        return _completed(Status(state=State.DISCONNECTED, since=now, profile=profile).as_dict(), None, options, now)
    empty = Status(state=State.DISCONNECTED, since=session.saved_at, profile=profile, endpoint=session.record.endpoint)
    known = empty.as_dict()
    stored = session.record.status
    known |= {field.name: stored[field.name] for field in fields(Status) if field.name in stored}
    if known["state"] not in tuple(State):
        known["state"] = State.DISCONNECTED
    if session.live:
        known["next_attempt_in_s"] = _remaining_s(known["next_attempt_in_s"], (now - session.saved_at).total_seconds())
        return _completed(known, stored.get("trigger"), options, now)
    ended = end_without_stopping(known, session.last_sign)
    if ended is not None:
        since = session.last_sign or session.saved_at
        known["last_error"], known["failure"] = ended, None
        known["state"], known["since"] = State.DISCONNECTED, since.isoformat()
        known["problems"] = [each for each in _problems(known["problems"]) if each["code"] in OF_RUN]
    gone_with_the_process = ("next_attempt_in_s", "degraded_reason", "rtt_ms", "front", "pid")
    known |= dict.fromkeys(gone_with_the_process) | {"attempt": 0, "waiting_requests": 0}
    return _completed(known, stored.get("trigger") if ended is None else None, options, now)


def _completed(known: dict[str, Any], trigger: object, options: GlobalOptions, now: datetime) -> dict[str, Any]:
    """The same with its hints, its problems and its summary, which depend on the time and on the options."""
    kind = kind_named(known["failure"])
    known["failure"] = kind
    hint = _hint(known, options)
    known["problems"] = [
        {**each, "hint": hint} if each["code"] == kind else each
        for each in _problems(known["problems"])
        if (since := moment(each["since"])) is not None and lasts(since, now)
    ]
    since = moment(known["since"]) or now
    status = Status(**{**known, "state": State(known["state"]), "since": since, "problems": ()})
    known["summary"] = summary_of(status, trigger=trigger if isinstance(trigger, str) else None, hint=hint, now=now)
    return known


def _hint(known: dict[str, Any], options: GlobalOptions) -> str:
    endpoint, source = known["endpoint"], known["credential_source"]
    return way_out(known["failure"], options, endpoint=endpoint if isinstance(endpoint, str) else None, source=source)


def _problems(stored: Any) -> list[dict[str, Any]]:
    """The problems of a stored status that have all their fields."""
    found = stored if isinstance(stored, list) else []
    names = [field.name for field in fields(PresentProblem)]
    return [
        {name: each[name] for name in names}
        for each in found
        if isinstance(each, dict) and all(isinstance(each.get(name), str) for name in names)
    ]


def _remaining_s(wait_s: Any, age_s: float) -> float | None:
    """What is left of a wait in a record that is ``age_s`` old; None when it is over."""
    return wait_s - age_s if isinstance(wait_s, int | float) and 0 <= age_s < wait_s else None


def _print(known: dict[str, Any], terminal: Terminal) -> None:
    width = max(map(len, known))
    for name, value in known.items():
        if name == "state":
            terminal.row(name, width, terminal.paint(value, STATE_COLOURS[State(value)]))
        elif value is not None and name != "problems":
            terminal.row(name, width, shown(value))
    for each in known["problems"]:
        told = f"{each['message']}; {each['hint']}" if each["hint"] else each["message"]
        terminal.row("problem", width, printable(told), Colour.RED)
