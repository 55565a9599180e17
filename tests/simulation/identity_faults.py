"""What goes wrong with who answers: another image at the same endpoint, at any step of a handshake and in use."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation.agenda import Agenda
from tests.simulation.backend import SimulatedImage
from tests.simulation.network import Site
from tests.simulation.trouble import Degradation

_STEPS = (1, 6)  # a handshake has a ping, a session, perhaps a second ping and another session, and a push
_LONGEST_S = 30.0


class IdentityFaults(Degradation):
    """``has_changed`` is True once another image has taken a place without a link ending for it."""

    def __init__(self, agenda: Agenda, sites: list[Site], note: Callable[[str], None], rng: Random) -> None:
        super().__init__(agenda, sites, note, rng)
        self.has_changed = self._is_over = False
        self.kinds = [self._another_answers, self._another_answers_from_a_step_on]
        if any(site.image.manners.numbers_sessions for site in sites):
            self.kinds = []  # a session of the same number in another image: nothing could tell it, until the next look

    def end(self) -> None:
        """Whoever answers now goes on."""
        self._is_over = True
        for site in self._sites:
            site.image.changes_after(0, None)

    def _another_answers(self) -> None:
        """As behind a tunnel, whose near end keeps the connection."""
        image, before, other = self._choice()
        what = f"{other!r:.40} answers in place of {before!r:.40}"
        self._for_a_while(what, _LONGEST_S, lambda: self._is_back(image, before))
        image.become(other)

    def _another_answers_from_a_step_on(self) -> None:
        image, before, other = self._choice()
        steps = self._rng.randint(*_STEPS)
        what = f"{other!r:.40} answers in place of {before!r:.40} after {steps} messages"
        self._for_a_while(what, _LONGEST_S, lambda: self._is_back(image, before))
        image.changes_after(steps, other)

    def _is_back(self, image: SimulatedImage, name: Any) -> None:
        if not self._is_over:
            image.become(name)

    def _choice(self) -> tuple[SimulatedImage, Any, Any]:
        self.has_changed = True
        image = self._site().image
        before = image.character.image_id
        return image, before, self._rng.choice(image.names)
