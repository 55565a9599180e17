"""Closed until known: what the profile settles holds from the first packet, and is asked for until it is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Announce, Effect, OpenLink, ReadCredential, ReadProfile, Send
from stui_supervisor.core.inputs import Input
from stui_supervisor.events import Transition
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.profile import Profile
from tests.simulation.violation import demand

_LEAST_S = 2.0  # from the beginning of a reading that failed to that of the next
_MOST_S = 30.0
_LATE_S = 2.0  # a loop that stood still hears first what has come meanwhile
_ROUNDED_S = 1e-6


class SettledWitness:
    """Knows what one process has read of its profile."""

    def __init__(self) -> None:
        self._profile: Profile | None = None
        self._reading: int | None = None
        self._asked_at = -math.inf
        self._failed_at: float | None = None
        self._link: tuple[str, str | None] = "", None

    def saw(self, event: Input, effects: Sequence[Effect], now: float, state: State, deadline: float) -> None:
        """Judge one step."""
        self._heard(event, now)
        for effect in effects:
            match effect:
                case ReadProfile(read):
                    self._asks(event, read, now)
                case ReadCredential(_, endpoint):
                    demand(self._profile is not None, f"nothing is begun with {endpoint} before the profile is known")
                case OpenLink(_, endpoint, _, curve):
                    demand(self._profile is not None, f"nothing is sent to {endpoint} before the profile is known")
                    self._link = str(endpoint), curve.server if curve else None
                    demand(self._is_keyed, f"a link to {endpoint} has its pinned key")
                case Send():
                    demand(self._is_keyed, f"nothing is sent on a link to {self._link[0]} without its pinned key")
                case Announce(Transition(trigger=Trigger.REJECTED, reason=reason)):
                    demand(self._profile is not None, f"nobody is rejected before the profile is known: {reason}")
        is_asking = self._reading is not None or self._profile is not None or self._failed_at is None
        if state is State.RECOVERING and not is_asking:
            due = max((self._failed_at or 0.0) + _MOST_S + _ROUNDED_S, now + _LATE_S)
            demand(deadline <= due, f"the profile is asked for again by {due:.3f}")

    @property
    def _is_keyed(self) -> bool:
        """True for a link with the pinned key; with one that is pinned no more it is as safe as before."""
        endpoint, key = self._link
        return self._profile is None or self._profile.server_keys.get(endpoint) in {None, key}

    def _heard(self, event: Input, now: float) -> None:
        match event:
            case inputs.Start():
                self._reading = self._failed_at = None
            case inputs.ProfileRead(read, profile) if read == self._reading:
                self._reading, self._profile = None, profile
            case inputs.ProfileFailed(read) if read == self._reading:
                self._reading, self._failed_at = None, now

    def _asks(self, event: Input, read: int, now: float) -> None:
        demand(self._reading is None, f"reading {self._reading} of the profile is waited for before {read} is begun")
        is_by_itself = isinstance(event, inputs.TimePassed)
        asked_at, self._reading = self._asked_at, read
        self._asked_at = now if is_by_itself else -math.inf  # the user may ask whenever they like
        if is_by_itself and self._failed_at is not None and self._profile is None:
            waited_s = now - asked_at
            demand(waited_s >= _LEAST_S - _ROUNDED_S, f"{waited_s:.3f} s are too soon to ask for the profile again")
