"""Waiting between attempts is bounded by the policy's curves, and an outage that is over is forgotten."""

from __future__ import annotations

from collections.abc import Sequence

from stui_supervisor.config import PROBE_PAUSE_S, Settings
from stui_supervisor.core.effects import Announce, Effect, LookOut, OpenLink, ReadCredential
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.events import AttemptScheduled, MachineWoke, Transition
from stui_supervisor.failures import FAILURES, FailureKind
from stui_supervisor.machine.states import State, Trigger
from tests.simulation.violation import demand

_REFUSED = FailureKind.REFUSED
_SLOW = (FailureKind.NO_HANDSHAKE, FailureKind.NOT_ZEROMQ)  # a handshake that was not over in time, or no ZeroMQ at all
_LONGEST_OF_ALL = max(failure.curve.cap_s for failure in FAILURES.values() if failure.curve)
_OF_PROFILE = FailureKind.PROFILE  # grows with each reading, and not with the age of the outage
_FORGOTTEN_S = 2 * PROBE_PAUSE_S  # after a sleep


class WaitWitness:
    """An outage lasts from its first failure until ten seconds of health, or until the user begins anew.

    ``shares`` are the waits while it is young, each as a share of the longest that was allowed.
    """

    def __init__(self, settings: Settings) -> None:
        self.shares: list[float] = []
        self._settings = settings
        self._began: float | None = None
        self._attempt = 0
        self._may_be_long = False
        self._woken_at: float | None = None
        self._healthy_since = 0.0
        self._endpoint: Endpoint | None = None
        self._looked_at: tuple[Endpoint, ...] = ()
        self._is_for_profile = False

    def saw(self, effects: Sequence[Effect], now: float) -> None:
        """Judge one step."""
        for effect in effects:
            match effect:
                case Announce(Transition() as transition):
                    self._moved(transition, now)
                case Announce(AttemptScheduled() as scheduled):
                    self._waits(scheduled, now)
                    self._counts(scheduled.attempt, now)
                case Announce(MachineWoke()):
                    self._woken_at = now
                case LookOut(_, endpoints):
                    self._looked_at = endpoints
                case ReadCredential(_, endpoint):
                    self._endpoint = endpoint
                case OpenLink(_, endpoint, timeout_s):
                    self._endpoint = endpoint
                    self._opens(timeout_s, now)

    def _moved(self, transition: Transition, now: float) -> None:
        begins_anew = transition.trigger in (Trigger.CONNECT, Trigger.RESTORE)
        was_healthy = now - self._healthy_since >= self._settings.health_s
        if begins_anew or (transition.from_state is State.CONNECTED and was_healthy):
            self._begin_anew()
        if transition.to_state is State.CONNECTED:
            self._healthy_since = now

    def _begin_anew(self) -> None:
        self._began, self._attempt, self._may_be_long = None, 0, False

    def _counts(self, attempt: int, now: float) -> None:
        """Attempts are counted on through an outage, however often a link came up; only a sleep may end it."""
        demand(self._woken_at is not None or attempt > self._attempt, f"attempt {attempt} comes after {self._attempt}")
        self._attempt = attempt
        if self._woken_at is not None and now - self._woken_at > _FORGOTTEN_S:
            self._woken_at = None

    def _age(self, now: float) -> float:
        if self._began is None:
            self._began = now
        return now - self._began

    def _waits(self, scheduled: AttemptScheduled, now: float) -> None:
        kind = scheduled.kind
        curve = FAILURES[kind].curve if kind is not None else None
        if curve is None:
            raise AssertionError(f"nothing is tried again after {scheduled}")
        was_for_profile, self._is_for_profile = self._is_for_profile, kind is _OF_PROFILE
        if was_for_profile and not self._is_for_profile:
            self._begin_anew()  # that outage was the profile's
        self._may_be_long |= kind in _SLOW
        rests = kind is _REFUSED and self._endpoint in self._looked_at  # until somebody listens: others have waits
        is_local = self._endpoint is not None and self._endpoint.is_local
        quick = curve.local_s if is_local else curve.remote_s
        is_young = self._age(now) < self._settings.quick_retry_s and not self._is_for_profile
        longest = quick if is_young else curve.cap_s
        if rests:
            longest = _LONGEST_OF_ALL
        demand(0.0 <= scheduled.delay_s <= longest, f"a wait of {scheduled.delay_s:.3f} s is within {longest} s")
        if is_young and scheduled.delay_s > 0.0 and not rests:  # the next endpoint of a profile is tried at once
            self.shares.append(scheduled.delay_s / longest)

    def _opens(self, timeout_s: float, now: float) -> None:
        is_old = self._began is not None and now - self._began >= self._settings.quick_retry_s
        is_long = is_old or self._may_be_long
        longest = self._settings.attempt_timeout_max_s if is_long else self._settings.attempt_timeout_s
        demand(0.0 < timeout_s <= longest, f"an attempt of {timeout_s} s is within {longest} s")
