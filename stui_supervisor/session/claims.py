"""The claims of sessions: one is under way at a time, and what is wanted may have changed when its answer comes."""

from __future__ import annotations

from typing import NamedTuple

from stui_supervisor.peer.identity import Identity
from stui_supervisor.session.held_session import HeldSession
from stui_supervisor.session.messages import Load
from stui_supervisor.session.records import ClaimedSession


class Wanted(NamedTuple):
    """The session that is waited for: one of this image, or a new one. It is for ``held``, which is in memory."""

    held: HeldSession
    image: Identity | None
    is_new: bool


class Others(NamedTuple):
    """What the store has reported of the profile's sessions: whether all could be read, and the endpoints in them."""

    are_all_known: bool = False
    endpoints: frozenset[str] | None = None

    def has_later(self, endpoint: str | None) -> bool:
        """True when one that could not be read, or that of this last endpoint and is gone, may have been used later."""
        is_gone = endpoint is not None and self.endpoints is not None and endpoint not in self.endpoints
        return not self.are_all_known or is_gone


class Claims:
    """The claim that is under way, and the session that is ``wanted`` by now; None when nobody waits for one.

    A claim beside another would find the session taken, and make a new one.
    """

    def __init__(self, profile: str) -> None:
        self._latest = Load(0, profile, None)
        self._is_under_way = False
        self.wanted: Wanted | None = None

    def begin_run(self) -> None:
        """The program starts, perhaps again: no answer of an earlier run will come."""
        self.wanted, self._is_under_way = None, False

    def claim(self, profile: str, wanted: Wanted) -> list[Load]:
        """This is wanted, in place of what was wanted before: ask for it, or once the present answer is here."""
        self.wanted = wanted
        if self._is_under_way:
            return []
        self._latest = Load(self._latest.load + 1, profile, wanted.image, wanted.is_new)
        self._is_under_way = True
        return [self._latest]

    def take_answer(self, load: int) -> bool:
        """The answer to this claim has come. True when it is the latest, and somebody waits for a session still."""
        if load != self._latest.load:
            return False
        self._is_under_way = False
        return self.wanted is not None

    def fits(self, claimed: ClaimedSession) -> bool:
        """True for the kind of session that is wanted; the claim may have been made for another."""
        if self.wanted is None:
            return False
        is_of_image = self.wanted.image in {self._latest.image, claimed.record.image}
        return is_of_image and self.wanted.is_new == self._latest.is_new

    def end(self) -> HeldSession | None:
        """Nobody waits any more; what the session was wanted for."""
        wanted, self.wanted = self.wanted, None
        return wanted.held if wanted is not None else None
