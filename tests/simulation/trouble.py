"""What every kind of fault needs: the chance, a victim, and an end."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.agenda import Agenda
from tests.simulation.network import Site


class Trouble:
    """Some kinds of faults. Each of ``kinds`` begins one, which is over by itself after a while."""

    def __init__(self, agenda: Agenda, sites: list[Site], note: Callable[[str], None]) -> None:
        self.kinds: list[Callable[[], None]] = []
        self._agenda = agenda
        self._sites = sites
        self._note = note

    def end(self) -> None:
        """Everything works from now on."""
        raise NotImplementedError

    def _for_a_while(self, what: str, longest_s: float, over: Callable[[], None]) -> None:
        seconds = self._agenda.between(0.05, longest_s)
        self._note(f"{what} for {seconds:.2f} s")
        self._agenda.after(seconds, over)

    def _site(self) -> Site:
        """Mostly one that is in use: what goes wrong elsewhere is seldom noticed."""
        in_use = [site for site in self._sites if site.is_in_use]
        return self._agenda.rng.choice(in_use if in_use and self._agenda.chance(0.8) else self._sites)
