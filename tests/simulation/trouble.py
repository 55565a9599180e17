"""What every kind of fault needs: the chance, a victim, and an end."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.simulation.agenda import Agenda
from tests.simulation.network import Site

_IN_USE = 0.8


class Degradation:
    """Some kinds of faults. Each of ``kinds`` begins one, which is over by itself after a while.

    ``rng`` draws them, the agenda's main one unless another is given.
    """

    def __init__(
        self, agenda: Agenda, sites: list[Site], note: Callable[[str], None], rng: Random | None = None
    ) -> None:
        self.kinds: list[Callable[[], None]] = []
        self._agenda = agenda
        self._sites = sites
        self._note = note
        self._rng = rng or agenda.rng

    def end(self) -> None:
        """Everything works from now on."""
        raise NotImplementedError

    def _for_a_while(self, what: str, longest_s: float, over: Callable[[], None]) -> None:
        seconds = self._rng.uniform(0.05, longest_s)
        self._note(f"{what} for {seconds:.2f} s")
        self._agenda.after(seconds, over)

    def _site(self) -> Site:
        """Mostly one that is in use: what goes wrong elsewhere is seldom noticed."""
        in_use = [site for site in self._sites if site.is_in_use]
        return self._rng.choice(in_use if in_use and self._rng.random() < _IN_USE else self._sites)
