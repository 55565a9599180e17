"""What waking from sleep and another network mean for the attempt or the link of the moment."""

from __future__ import annotations

from typing import Final

from stui_supervisor.core.dialer import Dialer
from stui_supervisor.core.health import Health
from stui_supervisor.core.notifications import Notifications
from stui_supervisor.core.shared import Leaves, Turn
from stui_supervisor.events import JournalOnly
from stui_supervisor.link.roaming import Remedy

_WOKE: Final = "the machine woke from sleep"
_CHANGED: Final = "the network changed"


class Disturbances:
    """Carries out what ``Roaming`` answers. It never changes the state by itself."""

    def __init__(
        self, turn: Turn, leaves: Leaves, dialer: Dialer, health: Health, notifications: Notifications
    ) -> None:
        self._turn = turn
        self._dialer = dialer
        self._health = health
        self._notifications = notifications
        self._attempt = leaves.attempt
        self._backoff = leaves.backoff
        self._route = leaves.route
        self._lineage = leaves.lineage
        self._roaming = leaves.roaming

    def woke(self, slept_s: float) -> None:
        """The machine has slept: what was known before is older than the clock says."""
        self._notifications.woke()
        self._roaming.woke(self._attempt.link)
        self._attempt.connection.look.slept(slept_s)
        self._lineage.slept(slept_s)
        self._health.woke()

    def disturbed(self, event: JournalOnly) -> None:
        """The machine has slept, or its network changed: the attempt or the link may be of no use any more."""
        self._turn.announce(event)
        self._roaming.disturbed(self._attempt.link, self._turn.now.monotonic_s)
        self.look_around()

    def look_around(self) -> None:
        """Do what a disturbance asks for, if there was one and it is time."""
        attempt = self._attempt
        answer = self._roaming.take_remedy(attempt.link, attempt.phase, self._turn.now.monotonic_s)
        if answer is None:
            return
        self._backoff.forgive()
        self._route.forgive()
        match answer.remedy:
            case Remedy.PROBE:
                self._health.probe()
                self._notifications.hurry()
            case Remedy.REDIAL:
                if answer.has_woken:
                    self._backoff.reset()
                self._dialer.redial(_WOKE if answer.has_woken else _CHANGED)
                self._roaming.redialled(attempt.link)
            case Remedy.NOTHING:
                pass
