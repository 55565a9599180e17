"""The sessions that one image keeps: what is in them, whose they are, and how its server treats them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any, Final

STRANGER: Final = "stranger"  # how the ids of all other users begin
_NUMBERS = 0.3
_NAMES = 0.6
_RENAMES = 0.2
_BOOTS = 0.3
_UPTIMES = 0.3


class Merging(StrEnum):
    """What a server does with a state that it is given for a session that has one."""

    REPLACES = "replaces it"
    MERGES = "merges its sections"
    MERGES_DEEPLY = "merges whatever it holds"


@dataclass(frozen=True, slots=True)
class Manners:
    """How the servers of one life treat sessions, and what their pings tell of the process.

    With ``numbers_sessions`` the first one after each start has the same id. With ``names_clients`` a reply says whose
    the session is; with ``renames_clients`` that is not what the client calls itself.
    """

    merging: Merging = Merging.REPLACES
    numbers_sessions: bool = False
    names_clients: bool = False
    renames_clients: bool = False
    tells_boot: bool = False
    tells_uptime: bool = False

    def called(self, client: str) -> str:
        """What the server calls a client that calls itself so."""
        return f"known here as {client}" if self.renames_clients else client


USUAL_MANNERS: Final = Manners()


def some_manners(rng: Random) -> Manners:
    """Mostly good ones."""
    merging = rng.choice((*[Merging.REPLACES] * 4, Merging.MERGES, Merging.MERGES_DEEPLY))
    return Manners(merging, *(rng.random() < share for share in (_NUMBERS, _NAMES, _RENAMES, _BOOTS, _UPTIMES)))


@dataclass(slots=True)
class ImageSessions:
    """``states`` by the id of the session, ``owners`` are the clients' ids."""

    manners: Manners
    states: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    made: int = 0

    def make(self, prefix: str, client: str) -> str:
        """A new, empty session of this client."""
        self.made += 1
        session = f"session_{self.made}" if self.manners.numbers_sessions else f"{prefix}-{self.made}"
        self.states[session] = {}
        self.owners[session] = self.manners.called(client)
        return session

    def write(self, session: str, state: Mapping[str, Any]) -> None:
        """Take a state in, as the server does."""
        match self.manners.merging:
            case Merging.REPLACES:
                self.states[session] = dict(state)
            case Merging.MERGES:
                self.states[session] = {**self.states[session], **state}
            case Merging.MERGES_DEEPLY:
                self.states[session] = _merged(self.states[session], state)

    def owner_named(self, session: str) -> dict[str, str]:
        """What a reply says of the session's owner."""
        named = self.manners.names_clients and session in self.owners
        return {"client_id": self.owners[session]} if named else {}

    def forget(self) -> None:
        """Drop all of them; new ones get other ids."""
        self.states.clear()
        self.owners.clear()

    def begin_anew(self) -> None:
        """The same, as after a start of the process."""
        self.forget()
        self.made = self.made if not self.manners.numbers_sessions else 0


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    return {**old, **{name: _merged(old.get(name), value) for name, value in new.items()}}
