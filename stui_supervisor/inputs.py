"""Everything the core can be told. ``link`` and ``load`` are numbers; a late one is recognised by its number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import CredentialError, StoreError
from stui_supervisor.policy import Failure
from stui_supervisor.record import Claimed
from stui_supervisor.requests import Request
from stui_supervisor.secret import Secret


@dataclass(frozen=True, slots=True)
class Moment:
    """When an input arrived: ``monotonic_s`` for deadlines, ``utc`` for people."""

    monotonic_s: float
    utc: datetime

    def after(self, seconds: float) -> Moment:
        """The moment so many seconds later."""
        return Moment(self.monotonic_s + seconds, self.utc + timedelta(seconds=seconds))


@dataclass(frozen=True, slots=True)
class Start:
    """The program starts; ``endpoint`` overrides the stored one."""

    endpoint: Endpoint | None


@dataclass(frozen=True, slots=True)
class Stop:
    """The program ends."""


@dataclass(frozen=True, slots=True)
class Connect:
    """The user names an endpoint."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The user wants no link."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """The user wants a new link, or the next attempt now."""


@dataclass(frozen=True, slots=True)
class Submit:
    """A request to be sent once, in turn."""

    request: Request


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody waits for the request any more."""

    request: int


@dataclass(frozen=True, slots=True)
class ContextChanged:
    """The user changed a section of the context."""


@dataclass(frozen=True, slots=True)
class SaveContext:
    """The user wants the context on disk now."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The store has claimed a session."""

    load: int
    claimed: Claimed


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """The store could not claim a session."""

    load: int
    error: StoreError


@dataclass(frozen=True, slots=True)
class Saved:
    """The last Save is on disk; ``context_bytes`` is the size of its context file, None when it held none."""

    context_bytes: int | None


@dataclass(frozen=True, slots=True)
class SaveFailed:
    """The last Save is not, or not wholly, on disk."""

    error: StoreError


@dataclass(frozen=True, slots=True)
class CredentialRead:
    """The credential for the attempt, if there is one."""

    link: int
    secret: Secret | None
    source: str


@dataclass(frozen=True, slots=True)
class CredentialFailed:
    """The credential could not be read."""

    link: int
    error: CredentialError


@dataclass(frozen=True, slots=True)
class Opened:
    """The link's transport is up."""

    link: int


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The link did not take the message of the last Send; the backend certainly has not got it."""

    link: int
    token: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """The link brought a reply."""

    link: int
    token: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """The link never came up, or is gone."""

    link: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class TimePassed:
    """A deadline may have come."""


Input = (
    Start
    | Stop
    | Connect
    | Disconnect
    | Reconnect
    | Submit
    | Cancel
    | ContextChanged
    | SaveContext
    | Loaded
    | LoadFailed
    | Saved
    | SaveFailed
    | CredentialRead
    | CredentialFailed
    | Opened
    | NotTaken
    | Received
    | Lost
    | TimePassed
)
