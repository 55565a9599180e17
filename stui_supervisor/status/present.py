"""What is wrong now: told once as an event, and kept for the status for as long as it lasts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from stui_supervisor.config import PROBLEM_SHOWN_AFTER_S
from stui_supervisor.errors import ConnectionRejected
from stui_supervisor.events import PresentCode, PresentProblem, Status
from stui_supervisor.failures import FAILURES, FailureKind, kind_named
from stui_supervisor.machine.states import DegradedReason, State
from stui_supervisor.moment import since
from stui_supervisor.problems import ProblemCode

_OF_STORE: Final = (ProblemCode.STORE_FAILED, ProblemCode.STORE_SLOW)
OF_RUN: Final = (
    ProblemCode.DAMAGED_FILE,
    ProblemCode.UNUSABLE_FILE,
    ProblemCode.NEWER_FORMAT,
    ProblemCode.SHARED_DIRECTORY,
    ProblemCode.NOT_SAVED,
)
_DEGRADED_HINTS: Final[Mapping[DegradedReason, str]] = {
    DegradedReason.BUSY: FAILURES[FailureKind.BUSY_HANDSHAKE].hint,
    DegradedReason.SILENT: "nothing yet: it is decided within seconds whether the link is lost",
    DegradedReason.SLOW: "look at what the image computes, and at the network",
    DegradedReason.DEAF: "see whether the image still publishes; it is subscribed to again by itself",
}


class Present:
    """The problems beside the link; those of the disk and of the profile end with their cause, others with the run."""

    def __init__(self) -> None:
        self._noted: dict[tuple[ProblemCode, str], PresentProblem] = {}

    @property
    def is_empty(self) -> bool:
        """True when no problem was told that lasts."""
        return not self._noted

    def begin_run(self) -> None:
        """What an earlier run was told is of no concern any more."""
        self._noted.clear()

    def note(self, code: ProblemCode, message: str, hint: str, at: datetime) -> None:
        """It was told; what is over with the telling is not kept."""
        if code in (*_OF_STORE, *OF_RUN, ProblemCode.PROFILE_NOT_READABLE):
            self._noted[code, message] = PresentProblem(code=code, message=message, hint=hint, since=at)

    def settle(self, *, is_store_ok: bool, is_profile_known: bool) -> None:
        """What the disk and the profile have mended by now is over."""
        if self._noted:
            over = _over(is_store_ok=is_store_ok, is_profile_known=is_profile_known)
            self._noted = {key: value for key, value in self._noted.items() if key[0] not in over}

    def with_link(
        self, status: Status, rejection: ConnectionRejected | None, *, is_store_ok: bool, is_profile_known: bool
    ) -> tuple[PresentProblem, ...]:
        """All that is wrong, the link first; what keeps it away is listed once."""
        over = _over(is_store_ok=is_store_ok, is_profile_known=is_profile_known)
        noted = tuple(value for (code, _), value in self._noted.items() if code not in over)
        link = _of_link(status, rejection)
        has_profile = any(each.code is ProblemCode.PROFILE_NOT_READABLE for each in noted)
        is_consequence = link is not None and link.code is FailureKind.PROFILE and has_profile
        return (*((link,) if link is not None and not is_consequence else ()), *noted)


def _over(*, is_store_ok: bool, is_profile_known: bool) -> tuple[ProblemCode, ...]:
    """What cannot be wrong where these are right."""
    return (*(_OF_STORE if is_store_ok else ()), *((ProblemCode.PROFILE_NOT_READABLE,) if is_profile_known else ()))


def lasts(began: datetime, now: datetime) -> bool:
    """True for what has been wrong for long enough to be shown."""
    return since(began, now) >= PROBLEM_SHOWN_AFTER_S


def lasting(problems: tuple[PresentProblem, ...], now: datetime) -> tuple[PresentProblem, ...]:
    """Those that have lasted long enough to be shown."""
    return tuple(each for each in problems if lasts(each.since, now))


def _of_link(status: Status, rejection: ConnectionRejected | None) -> PresentProblem | None:
    code: PresentCode | None = status.failure
    hint = "" if status.failure is None else FAILURES[status.failure].hint
    message = status.last_error or ""
    if rejection is not None and status.state is State.DISCONNECTED:
        code, message, hint = kind_named(rejection.failure), rejection.message, rejection.hint
    elif status.state is State.DEGRADED and status.degraded_reason is not None:
        code, hint = status.degraded_reason, _DEGRADED_HINTS[status.degraded_reason]
    elif status.state not in (State.CONNECTING, State.RECOVERING):
        return None
    return None if code is None else PresentProblem(code=code, message=message, hint=hint, since=status.since)
