"""What to do about a link or an attempt when the machine has slept, or its network has changed.

Neither event says anything about the link. So a link that is up is asked, not cut. What had been decided on grounds
that may be gone (to wait, to go on trying) is decided again: at once, but at most once a second however often the
network changes.
"""

from __future__ import annotations

from enum import Enum, auto
from math import inf
from typing import Final, NamedTuple

from stui_supervisor.config import PROBE_PAUSE_S
from stui_supervisor.link.phase import Phase

_WHEN_WOKEN: Final = (Phase.OPENING, Phase.HANDSHAKE, Phase.SWITCHING)


class Remedy(Enum):
    """What to do about a disturbance."""

    PROBE = auto()
    REDIAL = auto()
    NOTHING = auto()


class Answer(NamedTuple):
    """What to do now, and whether the machine has slept since the attempt began."""

    remedy: Remedy
    has_woken: bool


class Roaming:
    """Gathers disturbances, and answers at most once in PROBE_PAUSE_S what to do about them.

    They concern the attempt of their time; one that began later knows the new network already.
    """

    def __init__(self) -> None:
        self._due = inf
        self._not_before = -inf
        self._disturbed_link = 0
        self._woken_link: int | None = None
        self._redialled_link = 0

    def woke(self, link: int) -> None:
        """The machine has slept, while this was the attempt."""
        self._woken_link = link

    def disturbed(self, link: int, now: float) -> None:
        """The machine has slept or its network changed, while this was the attempt."""
        self._disturbed_link = link
        if self._due == inf:
            self._due = max(now, self._not_before)

    def forget(self) -> None:
        """No link is wanted."""
        self._due = inf

    def redialled(self, link: int) -> None:
        """This attempt was begun for the sake of a disturbance."""
        self._redialled_link = link

    def next_deadline(self) -> float:
        """The monotonic time at which to ask for the remedy."""
        return self._due

    def take_remedy(self, link: int, phase: Phase, now: float) -> Answer | None:
        """What to do about the present attempt, told once; None when there is no reason, or it is not time."""
        if now < self._due:
            return None
        self._due, self._not_before = inf, now + PROBE_PAUSE_S
        has_woken, self._woken_link = self._woken_link == link, None
        if link != self._disturbed_link:
            return None
        if phase is Phase.UP:
            return Answer(Remedy.PROBE, has_woken)
        # A network that changes all the time must not keep every attempt from its end.
        is_first = phase is Phase.OPENING and link != self._redialled_link
        is_out_of_date = phase in (Phase.WAITING, Phase.LOOKING) or (has_woken and phase in _WHEN_WOKEN) or is_first
        return Answer(Remedy.REDIAL if is_out_of_date else Remedy.NOTHING, has_woken)
