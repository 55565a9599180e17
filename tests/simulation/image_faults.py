"""What goes wrong with the images: restarts, busy and frozen ones, some that forget, and some that lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stui_supervisor.wire.dialects import Dialect
from tests.simulation.agenda import Agenda
from tests.simulation.backend import QUICK_S, Character, SimulatedImage
from tests.simulation.network import Site
from tests.simulation.trouble import Degradation

_DIALECTS = (
    frozenset({Dialect.COMMAND}),
    frozenset({Dialect.COMMAND}),
    frozenset({Dialect.ENVELOPE}),
    frozenset(Dialect),
)
_FROZEN_EARLY = (0.0, 0.3)  # of the new links of a story: none, or so many
_EARLY_S = (0.0, 1.0)  # the first heartbeat comes later
_FROZEN_EARLY_S = (2.0, 8.0)
_IGNORES_UNKNOWN = 0.3  # of the servers without sessions
_BUSY_S = (1.0, 20.0)
_REFUSES_SLOWLY = 0.5  # of the images that refuse everyone and are not frozen
_SLOWLY_S = (6.0, 12.0)  # later than an answer is waited for
_SLOW_S = (0.1, 3.0)


def some_character(agenda: Agenda, *, wants_token: bool, image_id: Any) -> Character:
    """A server that an image might run."""
    dialects, has_sessions = agenda.rng.choice(_DIALECTS), agenda.chance(0.85)
    return Character(
        image_id=image_id,
        dialects=dialects,
        has_sessions=has_sessions,
        ignores_other_dialect=agenda.chance(0.2),
        ignores_unknown_commands=not has_sessions and agenda.side_rng.random() < _IGNORES_UNKNOWN,
        own_ids=agenda.chance(0.2),
        wants_token=wants_token,
        state_with_restore=agenda.chance(0.8),
    )


class ImageFaults(Degradation):
    """``has_lied`` is True once an image has said what is not so."""

    def __init__(self, agenda: Agenda, sites: list[Site], note: Callable[[str], None]) -> None:
        super().__init__(agenda, sites, note)
        self.has_lied = False
        self._frozen_early = agenda.side_rng.choice(_FROZEN_EARLY)
        self.kinds = [
            self._restart,
            self._lose_sessions,
            self._freeze,
            self._be_busy,
            self._be_slow,
            self._be_hostile,
            self._lie_about_sessions,
            self._lie_about_identity,
            self._refuse_everyone,
        ]

    def end(self) -> None:
        """Everything works from now on."""
        self._frozen_early = 0.0
        for site in self._sites:
            image = site.image
            image.service_s, image.hostility, image.refuses_everyone = QUICK_S, 0.0, False
            image.false_sessions, image.false_identity = 0.0, 0.0
            image.frozen_until = min(image.frozen_until, self._agenda.now)
            if not image.is_up:
                image.come_up(image.character, keeps_sessions=True)

    def established(self, site: Site) -> None:
        """A link is up; where the kernel would show it, the process freezes now and then before it was ever heard."""
        rng = self._agenda.side_rng
        if site.shows_kernel and rng.random() < self._frozen_early:
            self._agenda.after(rng.uniform(*_EARLY_S), lambda: self._freeze_early(site))

    def _freeze_early(self, site: Site) -> None:
        if self._frozen_early:
            seconds = self._agenda.side_rng.uniform(*_FROZEN_EARLY_S)
            self._note(f"frozen early for {seconds:.2f} s")
            site.image.freeze(seconds)

    def _restart(self) -> None:
        site, chance = self._site(), self._agenda.chance
        image = site.image
        if not image.is_up:
            return
        image.go_down()
        character, keeps = image.character, chance(0.5)
        if chance(0.2):
            image_id = self._agenda.rng.choice(image.names)
            character = some_character(self._agenda, wants_token=character.wants_token, image_id=image_id)
            keeps = False
        self._for_a_while(
            f"restart: {character}, keeps sessions: {keeps}",
            self._agenda.rng.choice((0.5, 5.0, 60.0)),
            lambda: None if image.is_up else image.come_up(character, keeps_sessions=keeps),
        )
        site.hang_up()

    def _lose_sessions(self) -> None:
        self._note("the image forgets its sessions")
        self._site().image.kept.forget()

    def _freeze(self) -> None:
        seconds = self._agenda.between(0.5, 60.0)
        self._note(f"frozen for {seconds:.2f} s")
        self._site().image.freeze(seconds)

    def _be_busy(self) -> None:
        image = self._site().image
        image.service_s = _BUSY_S
        self._for_a_while("busy", 40.0, lambda: setattr(image, "service_s", QUICK_S))

    def _be_slow(self) -> None:
        image = self._site().image
        image.service_s = _SLOW_S
        self._for_a_while("slow to answer", 40.0, lambda: setattr(image, "service_s", QUICK_S))

    def _be_hostile(self) -> None:
        image, self.has_lied = self._site().image, True
        image.hostility = self._agenda.between(0.1, 1.0)
        self._for_a_while("hostile", 10.0, lambda: setattr(image, "hostility", 0.0))

    def _lie_about_sessions(self) -> None:
        image, self.has_lied = self._site().image, True
        image.false_sessions = self._agenda.between(0.2, 1.0)
        self._for_a_while("it claims sessions that it has not", 20.0, lambda: setattr(image, "false_sessions", 0.0))

    def _lie_about_identity(self) -> None:
        image, self.has_lied = self._site().image, True
        image.false_identity = self._agenda.between(0.2, 1.0)
        self._for_a_while("it changes its name", 20.0, lambda: setattr(image, "false_identity", 0.0))

    def _refuse_everyone(self) -> None:
        image = self._site().image
        image.refuses_everyone = True
        if self._agenda.chance(0.5):
            image.freeze(self._agenda.between(6.0, 30.0))  # somebody changes the token in a debugger
        elif self._agenda.side_rng.random() < _REFUSES_SLOWLY:
            image.service_s = _SLOWLY_S  # or while the image computes
        self._for_a_while("every token is refused", 120.0, lambda: self._let_in(image))

    def _let_in(self, image: SimulatedImage) -> None:
        image.refuses_everyone = False
        if image.service_s == _SLOWLY_S:
            image.service_s = QUICK_S
