"""What a person settles with a command while the program runs: another pin, other keys, and as it was again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from stui_supervisor.config import PROFILE_LOOK_S
from stui_supervisor.core import inputs
from stui_supervisor.endpoint import Endpoint
from tests.simulation.agenda import Agenda
from tests.simulation.network import Site
from tests.simulation.profile_shelf import ProfileShelf
from tests.simulation.program import PROFILE, Program
from tests.simulation.settled import OTHER_KEY
from tests.simulation.trouble import Degradation

_LONGEST_S = 20.0
_NOBODY = "an image that does not answer here"


class Settling(Degradation):
    """The servers get their other key at once, each program hears that the file has changed when it looks.

    ``programs`` are those that run now.
    """

    def __init__(
        self,
        agenda: Agenda,
        sites: Mapping[Endpoint, Site],
        shelf: ProfileShelf,
        programs: Callable[[], Iterable[Program]],
        note: Callable[[str], None],
    ) -> None:
        super().__init__(agenda, list(sites.values()), note, agenda.side_rng)
        self._endpoints = tuple(map(str, sites))
        self._shelf = shelf
        self._programs = programs
        self._at_first = shelf.memory.profiles[PROFILE]
        self.kinds = [self._pin_another, self._change_keys]

    def end(self) -> None:
        """It is settled as it was."""
        self._settle(self._at_first.pin_image, self._at_first.server_keys)

    def _pin_another(self) -> None:
        self._settle(_NOBODY, self._shelf.memory.profiles[PROFILE].server_keys)
        self._for_a_while("another image is pinned", _LONGEST_S, self.end)

    def _change_keys(self) -> None:
        profile = self._shelf.memory.profiles[PROFILE]
        self._settle(profile.pin_image, dict.fromkeys(self._endpoints, OTHER_KEY))
        self._for_a_while("the servers have another key", _LONGEST_S, self.end)

    def _settle(self, pin: str | None, keys: Mapping[str, str]) -> None:
        profiles = self._shelf.memory.profiles
        profiles[PROFILE] = replace(profiles[PROFILE], pin_image=pin, server_keys=keys)
        for site in self._sites:
            site.server_key = next(iter(keys.values()), None)
        for program in self._programs():
            program.tell_later(inputs.ProfileChanged(), self._rng.uniform(0.0, PROFILE_LOOK_S))
