"""What the log says about each event, and what it says in summary.

A transition or a switch of session is one line each. What recurs (attempts, requests, saves, sleeps,
problems, changes of the network) is written in full a few times after each transition and then
counted: one line stands for all of its kind since the last one, at intervals that double. The next
transition writes what was counted by then, so nothing is missing from the sum. The events' own times
drive all this: a line has the time at which it is due to be written, so that lines follow each other
in time, and one that stands for several says from when to when they were.

A run begins with a line of its own, which is repeated at the head of each file that follows, and ends
with one. A run without that end is told by the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from stui_supervisor.config import (
    JOURNAL_LINES_IN_FULL,
    JOURNAL_SUMMARY_FIRST_S,
    JOURNAL_SUMMARY_MAX_S,
    JOURNAL_TEXT_MAX_LENGTH,
)
from stui_supervisor.events import (
    AttemptScheduled,
    Beside,
    ContextSaved,
    Event,
    MachineWoke,
    NetworkMoved,
    NotificationsMissed,
    Problem,
    RequestFinished,
    SessionSwitched,
    Transition,
)
from stui_supervisor.machine.states import Outcome, State, Trigger
from stui_supervisor.machine.table import TABLE, EdgeKind
from stui_supervisor.problems import ProblemCode


class LineName(StrEnum):
    """The event names of the log; programs that read it rely on them."""

    RUN_BEGAN = "run_began"
    RUN_CONTINUED = "run_continued"
    RUN_ENDED = "run_ended"
    RUN_WITHOUT_END = "run_without_end"
    TRANSITION = "transition"
    ATTEMPT = "attempt"
    REQUEST = "request"
    SAVED = "saved"
    SESSION_SWITCHED = "session_switched"
    NOTIFICATIONS_MISSED = "notifications_missed"
    LINES_DROPPED = "lines_dropped"
    CLOCK_SET_BACK = "clock_set_back"
    PROBLEM = "problem"
    RECOVERED_STORE = "recovered_store"
    CREDENTIAL = "credential"
    NETWORK = "network"
    WOKE = "woke"
    FRONT = "front"


class Line(NamedTuple):
    """One line of the log, before it is text; ``values`` are JSON values."""

    at: datetime
    name: LineName
    link: int
    values: Mapping[str, Any]
    is_warning: bool = False
    session: str | None = None


class _Kind(NamedTuple):
    """How one type of event is logged.

    Of those that recur, each value of ``apart`` is counted apart, and the first of each ``variant``
    is always written in full.
    """

    name: LineName
    is_warning: bool = False
    recurs: bool = False
    apart: str = ""
    variant: str = ""


_KINDS: Final[Mapping[type[Event], _Kind]] = {
    Transition: _Kind(LineName.TRANSITION),
    AttemptScheduled: _Kind(LineName.ATTEMPT, recurs=True, variant="failure"),
    RequestFinished: _Kind(LineName.REQUEST, recurs=True, apart="outcome", variant="command"),
    ContextSaved: _Kind(LineName.SAVED, recurs=True),
    SessionSwitched: _Kind(LineName.SESSION_SWITCHED),
    NotificationsMissed: _Kind(LineName.NOTIFICATIONS_MISSED, is_warning=True, recurs=True),
    Problem: _Kind(LineName.PROBLEM, is_warning=True, recurs=True, apart="code", variant="message"),
    MachineWoke: _Kind(LineName.WOKE, recurs=True),
    NetworkMoved: _Kind(LineName.NETWORK, recurs=True),
}
# Problems with a name of their own; any other is a ``problem``.
_NAMED_PROBLEMS: Final[Mapping[ProblemCode, LineName]] = {
    ProblemCode.DAMAGED_FILE: LineName.RECOVERED_STORE,
    ProblemCode.UNUSABLE_FILE: LineName.RECOVERED_STORE,
    ProblemCode.NO_TOKEN: LineName.CREDENTIAL,
}
_SHORT: Final = {"from_state": "from", "to_state": "to"}
_FAULTS: Final = frozenset(
    (source, row.trigger) for row in TABLE if row.kind is EdgeKind.FAULT for source in row.sources
)
_WITHOUT_KIND: Final = ("kind", None)  # most transitions come of no failure
_DECIMALS: Final = 3


@dataclass(slots=True)
class _Tally:
    """What recurred since the last transition, and the part of it that is not written yet."""

    written: int = 0
    variants: set[str] = field(default_factory=set)
    written_at: datetime | None = None
    interval_s: float = JOURNAL_SUMMARY_FIRST_S / 2
    held: Line | None = None
    count: int = 0
    since: str = ""

    def add(self, line: Line, variant: str) -> list[Line]:
        """The lines to write now that ``line`` has come."""
        is_new = variant not in self.variants and len(self.variants) < JOURNAL_LINES_IN_FULL
        if is_new:
            self.variants.add(variant)
        if is_new or self.written < JOURNAL_LINES_IN_FULL:
            lines = [*self.flush(line.at), line]
            self.written += 1
            self.written_at = line.at
            return lines
        self.held = line
        self.count += 1
        self.since = self.since or line.values.get("since") or stamp(line.at)
        return self.flush(line.at) if self._is_due(line.at) else []

    def flush(self, at: datetime) -> list[Line]:
        """What is not written yet, as one line that is due now. It has the values of the latest."""
        if self.held is None:
            return []
        line, until = self.held, self.held.values.get("until") or stamp(self.held.at)
        counted = {"count": self.count, "since": self.since, "until": until}
        self.held, self.count, self.since = None, 0, ""
        return [line._replace(at=at, values={**line.values, **counted})]

    def _is_due(self, now: datetime) -> bool:
        interval_s = min(2 * self.interval_s, JOURNAL_SUMMARY_MAX_S)
        # A wall clock that was set back must not silence the log until it has caught up.
        if self.written_at and self.written_at <= now < self.written_at + timedelta(seconds=interval_s):
            return False
        self.written_at, self.interval_s = now, interval_s
        return True


class LineDigest:
    """Turns events into lines; knows nothing of files or clocks."""

    def __init__(self, began_s: float = 0.0) -> None:
        self._tallies: dict[tuple[str, str], _Tally] = {}
        self._attempt = 0
        self._latest: datetime | None = None
        self._beside = Beside()
        self._entered_s = began_s

    def lines(self, event: Event, beside: Beside) -> list[Line]:
        """The lines that ``event`` causes: none, its own, or summaries before it."""
        kind = _KINDS.get(type(event))
        if kind is None:
            return []
        self._beside = beside
        line = Line(event.at, kind.name, beside.link, _values(event), kind.is_warning, beside.session)
        return [*self._clock_set_back(line), *self._caused(event, line, kind, beside)]

    def flush(self, at: datetime) -> list[Line]:
        """The lines for everything that was counted and not written yet; the counting starts anew."""
        lines = [line for tally in self._tallies.values() for line in tally.flush(at)]
        self._tallies.clear()
        return lines

    def end(self, at: datetime, values: Mapping[str, Any]) -> list[Line]:
        """The run ends in order; the last line has these values."""
        line = Line(at, LineName.RUN_ENDED, self._beside.link, values, session=self._beside.session)
        return [*self._clock_set_back(line), *self.flush(at), line]

    def head(self, at: datetime, values: Mapping[str, Any]) -> Line:
        """The first line of a file in which the run goes on, with these values."""
        return Line(at, LineName.RUN_CONTINUED, self._beside.link, values, session=self._beside.session)

    def _caused(self, event: Event, line: Line, kind: _Kind, beside: Beside) -> list[Line]:
        match event:
            case Transition():
                return self._transition(line, event, beside)
            case AttemptScheduled():
                self._attempt = event.attempt
            case RequestFinished():
                line = line._replace(is_warning=event.outcome is not Outcome.REPLIED)
            case Problem():
                line = line._replace(name=_NAMED_PROBLEMS.get(event.code, kind.name))
        if not kind.recurs:
            return [line]
        tally = self._tallies.setdefault((kind.name, str(line.values.get(kind.apart, ""))), _Tally())
        return tally.add(line, str(line.values.get(kind.variant, "")))

    def _transition(self, line: Line, event: Transition, beside: Beside) -> list[Line]:
        if event.to_state is State.CONNECTING:
            self._attempt = 1
        lasted_s = max(0.0, beside.elapsed_s - self._entered_s)
        values = {**line.values, "attempt": self._attempt, "lasted_s": _json_value(lasted_s)}
        if event.trigger is Trigger.ESTABLISHED:
            values |= {"image_id": _json_value(beside.image_id), "boot_id": _json_value(beside.boot_id)}
        own = line._replace(values=values, is_warning=(event.from_state, event.trigger) in _FAULTS)
        if event.to_state not in {State.CONNECTING, State.RECOVERING}:
            self._attempt = 0
        self._entered_s = beside.elapsed_s
        return [*self.flush(line.at), own]

    def _clock_set_back(self, line: Line) -> list[Line]:
        """The one case in which a line is earlier than the one before, said where a reader would wonder."""
        before, self._latest = self._latest, line.at
        if before is None or before <= line.at:
            return []
        values = {"by_s": _json_value((before - line.at).total_seconds())}
        return [line._replace(name=LineName.CLOCK_SET_BACK, values=values, is_warning=True)]


def stamp(at: datetime) -> str:
    """A time in the form that every line has."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _values(event: Event) -> dict[str, Any]:
    pairs = ((_SHORT.get(item.name, item.name), getattr(event, item.name)) for item in fields(event))
    return {name: _json_value(value) for name, value in pairs if name != "at" and (name, value) != _WITHOUT_KIND}


def _json_value(value: object) -> object:
    match value:
        case datetime():
            return stamp(value)
        case float():
            return round(value, _DECIMALS)
        case str() if len(value) > JOURNAL_TEXT_MAX_LENGTH:
            return value[: JOURNAL_TEXT_MAX_LENGTH - 1] + "…"
        case _:
            return value
