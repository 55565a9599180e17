"""How long to wait after each failure.

The curves are data (failures.py). Every wait has full jitter
(M. Brooker, "Exponential Backoff and Jitter", 2015): a uniform draw between nothing and the
curve's value, so that the clients of a restarted backend do not come back in the same moment.
"""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from stui_supervisor.config import Settings
from stui_supervisor.failures import FAILURES, Curve, Failure, FailureKind

if TYPE_CHECKING:
    from tenacity import RetryCallState


UNFINISHED: Final = (FailureKind.NO_HANDSHAKE, FailureKind.NOT_ZEROMQ)


class Backoff:
    """The waits of one outage, from the first failure until health has lasted. ``attempt`` counts its attempts."""

    def __init__(self, settings: Settings, rng: Random) -> None:
        self._settings = settings
        self._rng = rng
        self._began: float | None = None
        self._slow_attempts = 0
        self._debt = 0
        self.attempt = 0

    def next_wait(self, failure: Failure, *, is_local: bool, now: float) -> float:
        """Seconds to wait before the next attempt."""
        self.begin_outage(now)
        curve = FAILURES[failure.kind].curve
        if curve is None:
            raise AssertionError(f"{failure.kind} is not tried again")
        if failure.kind in UNFINISHED:
            self._slow_attempts += 1  # a handshake over a far line needs longer than a connection
        return self._rng.uniform(0.0, self._longest_wait(curve, is_local=is_local, now=now))

    def begin_outage(self, now: float) -> None:
        """Something failed; while it goes on, the outage is the same."""
        if self._began is None:
            self._began = now

    def idle_wait(self, longest_s: float) -> float:
        """Seconds to wait where there may never be anybody."""
        return self._rng.uniform(0.0, longest_s)

    def begin_attempt(self) -> None:
        """Another attempt begins; ``attempt`` is its number in this outage."""
        self.attempt += 1

    def attempt_timeout(self) -> float:
        """Seconds that the next attempt may take."""
        settings = self._settings
        return _grown(settings.attempt_timeout_s, settings.attempt_timeout_max_s, self._slow_attempts)

    def outage_s(self, now: float) -> float:
        """Seconds since the first failure of this outage."""
        return 0.0 if self._began is None else now - self._began

    def is_over(self, now: float) -> bool:
        """True once this outage has lasted for as long as a program allows."""
        return now >= self.over_at()

    def over_at(self) -> float:
        """The monotonic time at which this outage will have lasted for so long; infinite without a limit."""
        limit_s = self._settings.give_up_after_s
        return math.inf if limit_s is None or self._began is None else self._began + limit_s

    def forgive(self) -> None:
        """The waits begin anew at the foot of their curve; the outage goes on."""
        self._debt = 0

    def reset(self) -> None:
        """Forget the outage; the next failure begins another."""
        self._began = None
        self._slow_attempts = 0
        self._debt = 0
        self.attempt = 0

    def _longest_wait(self, curve: Curve, *, is_local: bool, now: float) -> float:
        quick = curve.local_s if is_local else curve.remote_s
        if self.outage_s(now) < self._settings.quick_retry_s:
            return quick
        self._slow_attempts += 1
        self._debt += 1
        return _grown(quick, curve.cap_s, self._debt)


class _AttemptNumber(NamedTuple):
    """The one field of a retry state that the wait strategies read."""

    attempt_number: int


def _grown(first_s: float, max_s: float, times: int) -> float:
    """The first value, doubled so many times, up to the largest."""
    if times == 0:
        return min(first_s, max_s)
    from tenacity import wait_exponential  # noqa: PLC0415  # not each start needs it

    curve = wait_exponential(first_s, max=max_s)
    return float(curve(cast("RetryCallState", _AttemptNumber(times + 1))))
