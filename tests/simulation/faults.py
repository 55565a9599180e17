"""Everything that goes wrong, each kind for a while and then over; a seed has some kinds and not others."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.agenda import Agenda
from tests.simulation.image_faults import ImageFaults
from tests.simulation.network import Site
from tests.simulation.network_faults import NetworkFaults
from tests.simulation.own_faults import OwnFaults
from tests.simulation.program import Program
from tests.simulation.storage import SimulatedDisk, SimulatedKeyring


class Faults:
    """Breaks one thing after the other. ``programs`` are the user's present processes."""

    def __init__(
        self,
        agenda: Agenda,
        sites: list[Site],
        disk: SimulatedDisk,
        keyring: SimulatedKeyring,
        programs: Callable[[], list[Program]],
        note: Callable[[str], None],
    ) -> None:
        self._agenda = agenda
        self._note = note
        self._images = ImageFaults(agenda, sites, note)
        self._all = (
            self._images,
            NetworkFaults(agenda, sites, programs, note),
            OwnFaults(agenda, sites, disk, keyring, programs, note),
        )
        kinds = [kind for some in self._all for kind in some.kinds]
        self._kinds = [kind for kind in kinds if agenda.chance(0.35)] or kinds
        self._mean_s = agenda.between(2.0, 12.0)
        self._ends_at = 0.0

    @property
    def have_lied(self) -> bool:
        """True once an image has said what is not so."""
        return self._images.has_lied

    def begin(self, until_s: float) -> None:
        """Go on breaking things until the machine was awake for so long."""
        self._ends_at = until_s
        self._wait()

    def established(self, site: Site) -> None:
        """A link to it is up."""
        self._images.established(site)

    def end(self) -> None:
        """Everything works from now on."""
        self._note("calm: everything works from now on")
        for some in self._all:
            some.end()

    def _next(self) -> None:
        if self._agenda.awake_s < self._ends_at:
            self._agenda.rng.choice(self._kinds)()
            self._wait()

    def _wait(self) -> None:
        starts_at = max(self._agenda.now, self._agenda.asleep_until)
        self._agenda.at(starts_at + self._agenda.rng.expovariate(1 / self._mean_s), self._next)
