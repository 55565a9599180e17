"""The simulated profiles: late, failing or damaged, each process with a thread of its own for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from stui_supervisor.core import inputs
from stui_supervisor.core.effects import NoteLink, ReadProfile
from stui_supervisor.core.inputs import Input
from stui_supervisor.errors import StoreError
from stui_supervisor.testing import MemoryProfiles
from tests.simulation.agenda import Agenda

ProfileCall = ReadProfile | NoteLink
_CALL_S = (0.001, 0.02)


@dataclass
class ProfileShelf:
    """What survives every process. ``failure`` is what a reading finds; while ``is_late`` none of them ends."""

    agenda: Agenda
    memory: MemoryProfiles = field(default_factory=MemoryProfiles)
    failure: StoreError | None = None
    is_late: bool = False
    waiting: list[Callable[[], None]] = field(default_factory=list)

    def hurry(self) -> None:
        """The disk answers again, also what was asked long ago."""
        self.is_late = False
        waiting, self.waiting = self.waiting, []
        for run in waiting:
            run()


class ProfileQueue:
    """One process's thread for the profiles; see StoreQueue."""

    def __init__(self, shelf: ProfileShelf, answered: Callable[[Input], None]) -> None:
        self._shelf = shelf
        self._answered: Callable[[Input], None] | None = answered
        self._calls: deque[ProfileCall] = deque()
        self._is_busy = False

    def do(self, call: ProfileCall) -> None:
        """Queue one call."""
        self._calls.append(call)
        self._next()

    def abandon(self) -> None:
        """Nobody listens any more."""
        self._answered = None

    def die(self) -> None:
        """The process is gone."""
        self._answered = None
        self._calls.clear()

    def _next(self) -> None:
        if not self._is_busy and self._calls:
            self._is_busy, call = True, self._calls.popleft()
            self._shelf.agenda.after(self._shelf.agenda.side_rng.uniform(*_CALL_S), lambda: self._run(call))

    def _run(self, call: ProfileCall) -> None:
        if self._shelf.is_late:
            self._shelf.waiting.append(lambda: self._run(call))
            return
        self._is_busy = False
        answer = self._call(call)
        self._next()
        if answer is not None and self._answered is not None:
            self._answered(answer)

    def _call(self, call: ProfileCall) -> Input | None:
        match call:
            case ReadProfile(read, name):
                if self._shelf.failure is not None:
                    return inputs.ProfileFailed(read, self._shelf.failure)
                return inputs.ProfileRead(read, *self._shelf.memory.read(name))
            case NoteLink(name, endpoint, wanted, stored_as):
                self._shelf.memory.note_link(name, endpoint, wanted=wanted, stored_as=stored_as)
        return None
