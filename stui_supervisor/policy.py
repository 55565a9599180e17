"""How failures are told apart, and how long to wait after each.

A failure's class is data: its wording for people and its curve. Every wait has full jitter
(M. Brooker, "Exponential Backoff and Jitter", 2015): a uniform draw between nothing and the
curve's value, so that the clients of a restarted backend do not come back in the same moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final, cast

from tenacity import RetryCallState, wait_exponential, wait_fixed
from tenacity.wait import wait_base

from stui_supervisor.config import Settings


class FailureKind(StrEnum):
    """Why an attempt failed or a link was lost."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NAME_NOT_FOUND = "name_not_found"
    TIMEOUT = "timeout"
    NOT_ZEROMQ = "not_zeromq"
    RESET = "reset"
    PROTOCOL = "protocol_error"
    CREDENTIAL = "credential_not_readable"
    USER = "reconnect"


@dataclass(frozen=True, slots=True)
class FailureClass:
    """What a kind of failure means to a person, and its curve.

    The longest wait is ``local_s`` for a backend on this machine and ``remote_s`` for any other while
    an outage is young (Settings.quick_retry_s), then doubles up to ``cap_s``.
    """

    meaning: str
    hint: str
    local_s: float
    remote_s: float
    cap_s: float


FAILURES: Final[dict[FailureKind, FailureClass]] = {
    FailureKind.REFUSED: FailureClass(
        "nothing listens there", "start the image's STUI server, or check the port", 0.15, 0.5, 5.0
    ),
    FailureKind.UNREACHABLE: FailureClass(
        "the host cannot be reached", "check the network, the VPN and the address", 0.5, 0.5, 5.0
    ),
    FailureKind.NAME_NOT_FOUND: FailureClass(
        "the host name is not known", "check the spelling and the network's name service", 1.0, 1.0, 10.0
    ),
    FailureKind.TIMEOUT: FailureClass(
        "no answer from the host", "check the network, the firewall and whether the host is up", 0.15, 0.5, 5.0
    ),
    FailureKind.NOT_ZEROMQ: FailureClass(
        "something accepts connections there but does not speak ZeroMQ, or is frozen",
        "check that the port is the one of the image's STUI server",
        0.5,
        1.0,
        5.0,
    ),
    FailureKind.RESET: FailureClass(
        "the connection was closed by the other side", "the image or its host may be restarting", 0.15, 0.5, 5.0
    ),
    FailureKind.PROTOCOL: FailureClass(
        "what answers there does not speak STUI's protocol", "check that the port is the STUI server's", 1.0, 1.0, 30.0
    ),
    FailureKind.CREDENTIAL: FailureClass(
        "the credential could not be read", "unlock the keyring, or set STUI_TOKEN for one run", 2.0, 2.0, 30.0
    ),
    FailureKind.USER: FailureClass("the user asked for a new link", "", 0.0, 0.0, 0.0),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure: its kind and, where there is more to say, the detail in ``message``."""

    kind: FailureKind
    message: str = ""

    def __str__(self) -> str:
        meaning = FAILURES[self.kind].meaning
        return f"{meaning} ({self.message})" if self.message else meaning


class Backoff:
    """The waits of one outage, from the first failure until health has lasted."""

    def __init__(self, settings: Settings, rng: Random) -> None:
        self._settings = settings
        self._rng = rng
        self._began: float | None = None
        self._slow_attempts = 0
        self.attempt = 0

    def next_wait(self, failure: Failure, *, is_local: bool, now: float) -> float:
        """Seconds to wait before the next attempt."""
        if self._began is None:
            self._began = now
        return self._rng.uniform(0.0, self._longest_wait(FAILURES[failure.kind], is_local=is_local, now=now))

    def begin_attempt(self) -> None:
        """Another attempt begins; ``attempt`` is its number in this outage."""
        self.attempt += 1

    def attempt_timeout(self) -> float:
        """Seconds that the next attempt may take."""
        settings = self._settings
        curve = wait_exponential(settings.attempt_timeout_s, max=settings.attempt_timeout_max_s)
        return _at(curve, self._slow_attempts + 1)

    def outage_s(self, now: float) -> float:
        """Seconds since the first failure of this outage."""
        return 0.0 if self._began is None else now - self._began

    def reset(self) -> None:
        """Forget the outage; the next failure begins another."""
        self._began = None
        self._slow_attempts = 0
        self.attempt = 0

    def _longest_wait(self, failure: FailureClass, *, is_local: bool, now: float) -> float:
        quick = failure.local_s if is_local else failure.remote_s
        if self.outage_s(now) < self._settings.quick_retry_s:
            return _at(wait_fixed(quick), 1)
        self._slow_attempts += 1
        return _at(wait_exponential(quick, max=failure.cap_s), self._slow_attempts + 1)


@dataclass(frozen=True, slots=True)
class _AttemptNumber:
    """The one field of a retry state that the wait strategies read."""

    attempt_number: int


def _at(curve: wait_base, attempt: int) -> float:
    return float(curve(cast(RetryCallState, _AttemptNumber(attempt))))
