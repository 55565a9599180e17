"""Everything that goes wrong, each kind for a while and then over; a seed has some kinds and not others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from stui_supervisor.endpoint import Endpoint
from tests.simulation.agenda import Agenda
from tests.simulation.identity_faults import IdentityFaults
from tests.simulation.image_faults import ImageFaults
from tests.simulation.network import Site
from tests.simulation.network_faults import NetworkFaults
from tests.simulation.own_faults import OwnFaults
from tests.simulation.profile_faults import ProfileFaults
from tests.simulation.program import Program
from tests.simulation.session_faults import SessionFaults
from tests.simulation.settling import Settling
from tests.simulation.storage import SimulatedDisk, SimulatedKeyring

_OFTEN = 0.35


class _Turns:
    """Some of the kinds of faults in a life, one after the other, as ``rng`` draws them."""

    def __init__(
        self, agenda: Agenda, rng: Random, kinds: Sequence[Callable[[], None]], spare: Sequence[Callable[[], None]]
    ) -> None:
        self._agenda = agenda
        self._rng = rng
        self._kinds = [kind for kind in kinds if rng.random() < _OFTEN] or spare
        self._mean_s = rng.uniform(2.0, 12.0)
        self._ends_at = 0.0

    def begin(self, until_s: float) -> None:
        """Go on breaking things until the machine was awake for so long."""
        self._ends_at = until_s
        if self._kinds:
            self._wait()

    def _next(self) -> None:
        if self._agenda.awake_s < self._ends_at:
            self._rng.choice(self._kinds)()
            self._wait()

    def _wait(self) -> None:
        starts_at = max(self._agenda.now, self._agenda.asleep_until)
        self._agenda.at(starts_at + self._rng.expovariate(1 / self._mean_s), self._next)


class Faults:
    """Breaks one thing after the other. ``programs`` are the user's present processes."""

    def __init__(
        self,
        agenda: Agenda,
        sites: Mapping[Endpoint, Site],
        disk: SimulatedDisk,
        keyring: SimulatedKeyring,
        programs: Callable[[], list[Program]],
        note: Callable[[str], None],
    ) -> None:
        self._agenda = agenda
        self._note = note
        all_sites = list(sites.values())
        self._identities = IdentityFaults(agenda, all_sites, note, agenda.side_rng)
        self._profiles = ProfileFaults(agenda, all_sites, disk.profiles, note, agenda.side_rng)
        self._beside = (
            self._identities,
            self._profiles,
            SessionFaults(agenda, all_sites, note, agenda.side_rng),
            Settling(agenda, sites, disk.profiles, programs, note),
        )
        self._images = ImageFaults(agenda, all_sites, note)
        self._all = (
            self._images,
            NetworkFaults(agenda, all_sites, programs, note),
            OwnFaults(agenda, all_sites, disk, keyring, programs, note),
        )
        kinds = [kind for some in self._all for kind in some.kinds]
        self._turns = _Turns(agenda, agenda.rng, kinds, kinds)
        # Drawn beside the others, so that a life without them goes on as it did.
        kinds_beside = [kind for some in self._beside for kind in some.kinds]
        self._turns_beside = _Turns(agenda, agenda.side_rng, kinds_beside, ())

    @property
    def have_lied(self) -> bool:
        """True once an image has said what is not so."""
        return self._images.has_lied or self._identities.has_changed

    def begin(self, until_s: float) -> None:
        """Go on breaking things until the machine was awake for so long."""
        self._turns.begin(until_s)
        self._turns_beside.begin(until_s)
        self._profiles.begin()

    def established(self, site: Site) -> None:
        """A link to it is up."""
        self._images.established(site)

    def end(self) -> None:
        """Everything works from now on."""
        self._note("calm: everything works from now on")
        for some in (*self._all, *self._beside):
            some.end()
