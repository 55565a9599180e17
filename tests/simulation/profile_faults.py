"""What goes wrong with the profile's file: it is late, cannot be read, or is damaged, from the start or later."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from stui_supervisor.errors import StoreError
from tests.simulation.agenda import Agenda
from tests.simulation.network import Site
from tests.simulation.profile_shelf import ProfileShelf
from tests.simulation.trouble import Degradation

_UNREADABLE = StoreError("profiles.json cannot be read: Input/output error", hint="look at the disk")
_DAMAGED = StoreError("profiles.json is damaged", hint="decide with: profiles confirm")
_FROM_THE_START = 0.25
_LONGEST_S = 60.0


class ProfileFaults(Degradation):
    """The profile itself stays as it is; a reading meanwhile does not show it."""

    def __init__(
        self, agenda: Agenda, sites: list[Site], shelf: ProfileShelf, note: Callable[[str], None], rng: Random
    ) -> None:
        super().__init__(agenda, sites, note, rng)
        self._shelf = shelf
        self.kinds = [self._be_late, self._be_unreadable, self._be_damaged]

    def begin(self) -> None:
        """In some lives it is so when the program starts for the first time."""
        if self._rng.random() < _FROM_THE_START:
            self._rng.choice(self.kinds)()

    def end(self) -> None:
        """It can be read from now on."""
        self._shelf.failure = None
        self._shelf.hurry()

    def _be_late(self) -> None:
        self._shelf.is_late = True
        self._for_a_while("the profile is not read", _LONGEST_S, self._shelf.hurry)

    def _be_unreadable(self) -> None:
        self._fail(_UNREADABLE)

    def _be_damaged(self) -> None:
        self._fail(_DAMAGED)

    def _fail(self, failure: StoreError) -> None:
        self._shelf.failure = failure
        self._for_a_while(str(failure), _LONGEST_S, lambda: setattr(self._shelf, "failure", None))
