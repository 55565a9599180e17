"""One line per event, for people and for programs."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from stui_supervisor.cli.console.terminal import STATE_COLOURS, STATE_WIDTH, Colour, Terminal
from stui_supervisor.events import Event, EventsDropped, NotificationsMissed, Problem, SessionSwitched, Transition
from stui_supervisor.printable import printable

# The events that ``run`` shows: what changes for the user, not each attempt and each request.
_NAMES: Final[dict[type[Event], str]] = {
    Transition: "transition",
    Problem: "problem",
    SessionSwitched: "session_switched",
    NotificationsMissed: "notifications_missed",
    EventsDropped: "events_dropped",
}
_SHORT: Final = {"from_state": "from", "to_state": "to"}


def event_object(event: Event) -> dict[str, Any] | None:
    """The event as ``run --json`` prints it, or None for one that it does not show."""
    name = _NAMES.get(type(event))
    if name is None:
        return None
    values = ((_SHORT.get(field.name, field.name), getattr(event, field.name)) for field in fields(event))
    plain = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in values}
    return {"event": name, **plain}


def event_line(event: Event, terminal: Terminal) -> str | None:
    """The event as ``run`` prints it for a person, or None for one that it does not show."""
    match event:
        case Transition():
            label, colour, text = event.to_state.value, STATE_COLOURS[event.to_state], event.reason
        case Problem():
            label, colour, text = "problem", Colour.RED, f"{event.message}; {event.hint}"
        case SessionSwitched():
            label, colour, text = "session", Colour.BLUE, event.reason
        case NotificationsMissed():
            since, until = _clock(event.since), _clock(event.until)
            label, colour, text = "missed", Colour.YELLOW, f"notifications from {since} to {until}, if there were any"
        case EventsDropped():
            label, colour, text = "lost", Colour.RED, f"{event.count} lines, because this output is read too slowly"
        case _:
            return None
    shown = terminal.paint(label.ljust(STATE_WIDTH), colour)
    return f"{terminal.paint(_clock(event.at), Colour.DIM)}  {shown}  {printable(text)}"


def _clock(at: datetime) -> str:
    return at.astimezone().strftime("%H:%M:%S")
