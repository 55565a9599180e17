"""What the supervisor tells its users: the events of ``Supervisor.events()`` and the status.

``at`` is always an aware datetime in UTC; ``_s`` are seconds, ``_ms`` milliseconds.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

from stui_supervisor.failures import FailureKind
from stui_supervisor.machine.states import BackendVerdict, DegradedReason, Outcome, State, Trigger, Work
from stui_supervisor.problems import ProblemCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, and when."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition(Event):
    """The state changed; the only way it ever does. ``kind`` is that of the failure, where one was the reason."""

    from_state: State
    to_state: State
    trigger: Trigger
    reason: str
    endpoint: str | None
    kind: FailureKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptScheduled(Event):
    """The next attempt begins in ``delay_s`` seconds because of ``failure``, which is of this ``kind``.

    Where nobody listens on this machine it is 0.0, and the attempt begins as soon as somebody does.
    """

    attempt: int
    delay_s: float
    failure: str
    kind: FailureKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFinished(Event):
    """A request ended, in the one way ``outcome`` says; ``duration_ms`` counts from the call.

    ``request_id`` is the id of its message, which the backend and a RequestError name too.
    """

    command: str
    outcome: Outcome
    duration_ms: float
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextSaved(Event):
    """The work context is on the local disk, in a file of ``bytes`` bytes."""

    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSwitched(Event):
    """Another session is in use; ``Supervisor.context`` holds its content by now."""

    session_id: str
    image_id: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification(Event):
    """The image published ``body`` under ``topic``."""

    topic: str
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationsMissed(Event):
    """Notifications between the two times may not have arrived."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem(Event):
    """Something a person may want to mend; supervision goes on. ``code`` is stable, for programs."""

    code: ProblemCode
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsDropped(Event):
    """This reader was too slow and lost its ``count`` oldest events."""

    count: int


PresentCode = ProblemCode | FailureKind | DegradedReason


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentProblem:
    """Something that is wrong ``since`` then, and still is. What follows from it is not listed beside it."""

    code: PresentCode
    message: str
    hint: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything that is known about the link at one moment.

    ``summary`` says it in one sentence for a person. ``problems`` are what is wrong now, for a second or longer.
    """

    state: State
    since: datetime
    profile: str
    endpoint: str | None = None
    image_id: str | None = None
    backend_verdict: BackendVerdict | None = None
    dialect: str | None = None
    session_id: str | None = None
    attempt: int = 0
    next_attempt_in_s: float | None = None
    degraded_reason: DegradedReason | None = None
    last_error: str | None = None
    rtt_ms: float | None = None
    waiting_requests: int = 0
    context_saved_at: datetime | None = None
    store_ok: bool = True
    credential_source: str | None = None
    liveness_source: str | None = None
    front: str | None = None
    pid: int | None = None
    failure: FailureKind | None = None
    summary: str = ""
    problems: tuple[PresentProblem, ...] = ()
    work: Work = Work.FRESH

    def as_dict(self) -> dict[str, Any]:
        """The same names with JSON values, as ``status --json`` prints them."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
        return {**plain, "problems": [{**asdict(each), "since": each.since.isoformat()} for each in self.problems]}


class Announce(NamedTuple):
    """Tell the journal and, unless it is JournalOnly, the user. ``size_bytes`` is what it takes if that may be much."""

    event: Event
    size_bytes: int = 0


class JournalOnly(Event):
    """An event that goes to the journal and to nobody else."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineWoke(JournalOnly):
    """The machine has slept for ``slept_s`` seconds."""

    slept_s: float


class NetworkMoved(JournalOnly):
    """An address or a route of this machine came or went."""

    __slots__ = ()


class Beside(NamedTuple):
    """What is true while an event happens, for the line of the log that tells of it.

    ``elapsed_s`` are seconds since some fixed moment, those that the machine slept included. ``image_id`` and
    ``boot_id`` are what the image said of itself on this link; None where it said nothing.
    """

    link: int = 0
    session: str | None = None
    elapsed_s: float = 0.0
    image_id: str | None = None
    boot_id: str | None = None
