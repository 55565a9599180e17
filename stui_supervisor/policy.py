"""How long to wait after each failure.

The curves are data (failures.py). Every wait has full jitter
(M. Brooker, "Exponential Backoff and Jitter", 2015): a uniform draw between nothing and the
curve's value, so that the clients of a restarted backend do not come back in the same moment.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple, cast

from tenacity import RetryCallState, wait_exponential
from tenacity.wait import wait_base

from stui_supervisor.config import Settings
from stui_supervisor.failures import FAILURES, Failure, FailureClass


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
            return quick
        self._slow_attempts += 1
        return _at(wait_exponential(quick, max=failure.cap_s), self._slow_attempts + 1)


class _AttemptNumber(NamedTuple):
    """The one field of a retry state that the wait strategies read."""

    attempt_number: int


def _at(curve: wait_base, attempt: int) -> float:
    return float(curve(cast("RetryCallState", _AttemptNumber(attempt))))
