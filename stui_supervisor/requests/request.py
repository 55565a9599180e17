"""One request of a user, and the one message that is on the link."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple

from stui_supervisor.errors import ConfigurationError, RequestError
from stui_supervisor.exact_json import loads
from stui_supervisor.moment import Moment
from stui_supervisor.wire.commands import is_repeatable
from stui_supervisor.wire.dialects import Members, Operation, members_of

LOOK_FIRST = "look at the image before repeating it"
SAFE_TO_REPEAT = "repeating it is safe"
_TIMEOUT_HINT = "give seconds above 0, or None"


@dataclass(slots=True)
class Request:
    """One call of a user, from submission to its end.

    ``members`` are its parameters as they were then; the message is composed when it is sent. ``deadline`` is the
    monotonic time by which it must have ended; None: it waits ``Settings.link_wait_s`` for a link and then as long as
    the link lives. ``has_outlived_process``: it waited when a link was lost, or came while there was none, so
    that a process that answers later may be another one than the caller knew.
    """

    number: int
    message_id: str
    command: str
    members: Members
    repeatable: bool
    submitted_at: float
    deadline: float | None
    link_deadline: float | None = None
    sendings: int = 0
    has_outlived_process: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by their names."""
        return {name: loads(value) for name, value in self.members.items()}

    def expires_at(self) -> float | None:
        """The monotonic time at which waiting for this request ends."""
        if self.deadline is None:
            return self.link_deadline
        return self.deadline


class Ended(NamedTuple):
    """A request that is over without a reply."""

    request: Request
    error: RequestError


class Purpose(Enum):
    """Whose message is in flight."""

    HANDSHAKE = auto()
    PING = auto()
    PUSH = auto()
    SESSION = auto()
    COPY = auto()
    OWNER = auto()
    REQUEST = auto()


@dataclass(slots=True)
class Flight:
    """The one message on the link. ``request`` is None once nobody waits for it, and for our own messages.

    ``tokens`` are more than one when a handshake has asked again, for instance in a second dialect: any answer counts.
    ``size`` is in bytes.
    """

    tokens: tuple[bytes, ...]
    sent_at: float
    purpose: Purpose
    request: Request | None
    size: int = 0


def limit_in_seconds(timeout: object) -> float | None:
    """A caller's timeout; None for one without end, however it was written. Raises ConfigurationError."""
    if timeout is None:
        return None
    if not isinstance(timeout, int | float):
        raise ConfigurationError(f"a timeout of {timeout!r} s", hint=_TIMEOUT_HINT)
    try:
        seconds = float(timeout)
    except OverflowError:  # an integer beyond every float
        seconds = math.inf if timeout > 0 else -math.inf
    if not seconds > 0:
        raise ConfigurationError(f"a timeout of {seconds:g} s", hint=_TIMEOUT_HINT)
    return None if math.isinf(seconds) else seconds


def new_request(
    number: int,
    message_id: str,
    operation: Operation,
    timeout: object,
    *,
    repeatable: object,
    now: Moment,
) -> Request:
    """One call of a user, with the ``timeout`` in seconds and the word about repeating that he gave.

    Raises ConfigurationError for parameters that are not JSON or too large, and for what is no timeout or no word.
    """
    limit_s = limit_in_seconds(timeout)
    if repeatable is not None and not isinstance(repeatable, bool):
        hint = "give True, False, or None for what the protocol says of the command"
        raise ConfigurationError(f"repeatable is {repeatable!r}", hint=hint)
    return Request(
        number=number,
        message_id=message_id,
        command=operation.command,
        members=members_of(operation),
        repeatable=is_repeatable(operation.command) if repeatable is None else repeatable,
        submitted_at=now.monotonic_s,
        deadline=None if limit_s is None else now.monotonic_s + limit_s,
    )
