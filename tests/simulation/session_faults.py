"""What goes wrong with the sessions in an image: other users, other clients of the same user, and passing errors."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from stui_supervisor.context.context import METADATA_KEY
from tests.simulation.agenda import Agenda
from tests.simulation.backend import SimulatedImage
from tests.simulation.copy_witness import FOREIGN
from tests.simulation.image_sessions import STRANGER
from tests.simulation.network import Site
from tests.simulation.trouble import Degradation

_SECTIONS = ("notes", "workspaces", "windows", "theirs")
_COUNTERS = (1, 5, 1_000)
_FIRST_MAX = 3  # other users who are quicker after a restart
_DOWN_S = (0.2, 3.0)
_ERRORS_S = 30.0


class SessionFaults(Degradation):
    """Other people's values are texts; those of the user of a life are numbers."""

    def __init__(self, agenda: Agenda, sites: list[Site], note: Callable[[str], None], rng: Random) -> None:
        super().__init__(agenda, sites, note, rng)
        self._values = 0
        self._is_over = False
        self.kinds = [
            self._stranger_works,
            self._strangers_are_first,
            self._client_adds,
            self._client_overwrites,
            self._client_replaces,
            self._client_removes,
            self._fail_in_passing,
        ]

    def end(self) -> None:
        """Every error has passed; what others have written stays."""
        self._is_over = True
        for site in self._sites:
            site.image.passing = 0.0

    # Another user of the image

    def _stranger_works(self) -> None:
        self._make_strangers(self._site().image, 1)

    def _strangers_are_first(self) -> None:
        site, count = self._site(), self._rng.randint(1, _FIRST_MAX)
        image = site.image
        if not image.is_up:
            return
        self._note(f"restart: all sessions are gone, and {count} strangers are the first")
        image.go_down()
        self._agenda.after(self._rng.uniform(*_DOWN_S), lambda: self._come_up(image, count))
        site.hang_up()

    def _come_up(self, image: SimulatedImage, strangers: int) -> None:
        if not image.is_up:
            image.come_up(image.character, keeps_sessions=False)
            if not self._is_over:
                self._make_strangers(image, strangers)

    def _make_strangers(self, image: SimulatedImage, count: int) -> None:
        if not image.is_up or not image.character.has_sessions:
            return
        for _ in range(count):
            self._values += 1
            session = image.kept.make(STRANGER, f"{STRANGER} {self._values}")
            names = self._rng.sample(_SECTIONS, 2)
            image.kept.states[session] = self._signed(dict.fromkeys(names, f"{STRANGER} {self._values}"))
            self._note(f"a stranger has {session} with {names}")

    def _signed(self, sections: dict[str, Any]) -> dict[str, Any]:
        """Half of the strangers have a program like ours."""
        if self._rng.random() < 0.5:  # half
            return sections
        tags = {name: {"counter": self._rng.choice(_COUNTERS), "writer": f"{STRANGER}'s"} for name in sections}
        return {**sections, METADATA_KEY: {"sections": tags}}

    # Another client of the same user, which knows nothing of our tags

    def _client_adds(self) -> None:
        self._write("adds a section", lambda state, value: {**state, "foreign": value})

    def _client_overwrites(self) -> None:
        def overwrite(state: dict[str, Any], value: str) -> dict[str, Any]:
            return {name: old if name == METADATA_KEY else value for name, old in state.items()}

        self._write("overwrites every section", overwrite)

    def _client_replaces(self) -> None:
        self._write("puts another state in its place", lambda _, value: {"notes": value})

    def _client_removes(self) -> None:
        self._write("removes every section", lambda state, _: {METADATA_KEY: state.get(METADATA_KEY)})

    def _write(self, what: str, written: Callable[[dict[str, Any], str], dict[str, Any]]) -> None:
        image = self._site().image
        own = [session for session, owner in image.kept.owners.items() if STRANGER not in owner]
        if image.is_up and own:
            self._values += 1
            session = self._rng.choice(own)
            self._note(f"another client {what} in {session}: {self._values}")
            image.kept.states[session] = written(dict(image.kept.states[session]), f"{FOREIGN} {self._values}")

    # Errors

    def _fail_in_passing(self) -> None:
        image = self._site().image
        image.passing = self._rng.choice((0.1, 0.5, 1.0))
        self._for_a_while(f"{image.passing:.0%} passing errors", _ERRORS_S, lambda: setattr(image, "passing", 0.0))
