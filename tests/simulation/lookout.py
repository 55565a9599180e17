"""Looks at the simulated sites: whether anybody listens there, as a plain connection would show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from stui_supervisor.config import LOOK_MAX_S
from stui_supervisor.endpoint import Endpoint
from tests.simulation.agenda import Agenda
from tests.simulation.network import Reach, Site

_REFUSING: Final = {Reach.REFUSED, Reach.GOOD, Reach.OPENS_AND_BREAKS}  # where a process that is away shows


class SimulatedLookout:
    """See ports.Lookout; what is seen is told to whoever watched last."""

    def __init__(self, agenda: Agenda, sites: dict[Endpoint, Site]) -> None:
        self._agenda = agenda
        self._sites = sites
        self._watch = 0

    def watch(self, endpoints: Sequence[Endpoint], seen: Callable[[Endpoint, bool | None], None]) -> None:
        """Look at these from now on."""
        self._watch += 1
        for endpoint in endpoints:
            self._look(self._watch, endpoint, seen, is_first=True)

    def close(self) -> None:
        """Look no more."""
        self._watch += 1

    def _look(
        self, watch: int, endpoint: Endpoint, seen: Callable[[Endpoint, bool | None], None], *, is_first: bool
    ) -> None:
        def look() -> None:
            if watch != self._watch:
                return
            site = self._sites[endpoint]
            is_away = site.reach is Reach.REFUSED or not site.image.is_up
            is_listening = not (is_away and site.reach in _REFUSING)
            if is_first or is_listening:
                seen(endpoint, is_listening)
            if not is_listening:
                self._look(watch, endpoint, seen, is_first=False)

        self._agenda.after(LOOK_MAX_S, look)
