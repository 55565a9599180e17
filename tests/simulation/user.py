"""The user: works, asks, saves, changes their mind, closes the program, and sometimes pulls the plug."""

from __future__ import annotations

from collections.abc import Callable

from stui_supervisor.config import LAST_PUSH_S
from stui_supervisor.core import inputs
from stui_supervisor.endpoint import Endpoint
from tests.simulation.agenda import Agenda
from tests.simulation.program import Program

_SECTIONS = ("notes", "workspaces", "windows")
_BETWEEN_RUNS_S = (0.9, 5.0)  # the end of a stop may take 0.8 s

_TIDIES = 0.04  # of the users fill many sections, and delete them after
_TIDIES_S = (1.0, 30.0)
_MANY = 120  # more than a program needs to remember if it forgets the oldest deletions


class User:
    """Does things at random, some seldom. ``replace_program`` gives the process after a kill."""

    def __init__(
        self,
        agenda: Agenda,
        program: Program,
        endpoints: list[Endpoint],
        replace_program: Callable[[], Program],
        note: Callable[[str], None],
    ) -> None:
        self.program = program
        self._agenda = agenda
        self._endpoints = endpoints
        self._replace_program = replace_program
        self._note = note
        often: list[tuple[Callable[[], None], float]] = [
            (self._ask, 12.0),
            (self._cancel, 2.0),
            (self._work, 8.0),
            (self._delete, 1.0),
            (self._save, 2.0),
            (self._reconnect, 1.0),
            (self._connect, 0.7),
            (self._disconnect, 0.4),
            (self._change_their_mind, 0.5),
            (self._stop, 0.6),
            (self._close_window, 0.4),
            (self._kill, 0.6),
        ]
        self._actions = [action for action, _ in often]
        self._weights = [weight * agenda.rng.choice((0.0, 1.0, 1.0, 3.0)) for _, weight in often]
        self._mean_s = agenda.rng.choice((0.3, 1.0, 4.0, 12.0))
        self._ends_at = 0.0
        self._values = 0
        self._has_left = False

    def begin(self, until_s: float) -> None:
        """Start the program and use it until the machine was awake for so long."""
        self._ends_at = until_s
        self.start()
        rng = self._agenda.side_rng
        if rng.random() < _TIDIES:
            fills_at = rng.uniform(0.0, until_s)
            self._agenda.after(fills_at, lambda: self._when_awake(self._fill))
            self._agenda.after(fills_at + rng.uniform(*_TIDIES_S), lambda: self._when_awake(self._tidy))
        self._agenda.after(self._agenda.rng.expovariate(1 / self._mean_s), self._next)

    def start(self) -> None:
        """Start the program, with an endpoint or with what it remembers."""
        if self.program.held_until > self._agenda.now:
            self._agenda.at(self.program.held_until, self.start)
        elif self.program.is_leaving:
            self._agenda.after(LAST_PUSH_S, self.start)
        elif not self.program.is_running and not self._has_left:
            named = self._agenda.rng.choice(self._endpoints) if self._agenda.chance(0.6) else None
            self.program.start(named)

    def leave(self) -> None:
        """Stop the program for good."""
        self._has_left = True
        self.program.stop()

    def _next(self) -> None:
        if self._agenda.awake_s >= self._ends_at:
            return
        if self.program.held_until > self._agenda.now:
            self._agenda.at(self.program.held_until, self._next)
            return
        if self.program.is_running and any(self._weights):
            self._agenda.rng.choices(self._actions, self._weights)[0]()
        elif self.program.is_running:
            self._work()
        self._agenda.after(self._agenda.rng.expovariate(1 / self._mean_s), self._next)

    def _ask(self) -> None:
        rng = self._agenda.rng
        for _ in range(rng.choice((1, 1, 1, 3, 8))):
            self.program.request(
                rng.choice(("evaluate", "evaluate", "inspect")),
                timeout_s=rng.choice((None, None, 0.1, 1.0, 5.0, 30.0)),
                fails=self._agenda.chance(0.1),
            )

    def _cancel(self) -> None:
        waiting = list(self.program.witness.requests.open)
        if waiting:
            self.program.feed(inputs.Cancel(self._agenda.rng.choice(waiting)))

    def _work(self) -> None:
        self._values += 1
        name = self._agenda.rng.choice(_SECTIONS)
        self._note(f"the user changes {name} to {self._values}")
        self.program.assign(name, self._values)

    def _delete(self) -> None:
        self.program.delete(self._agenda.rng.choice(_SECTIONS))

    def _when_awake(self, action: Callable[[], None]) -> None:
        """A program whose loop stands still takes nothing in."""
        if self.program.held_until > self._agenda.now:
            self._agenda.at(self.program.held_until, lambda: self._when_awake(action))
        elif self._agenda.awake_s < self._ends_at:
            action()

    def _fill(self) -> None:
        self._note(f"the user makes {_MANY} sections")
        for number in range(_MANY):
            self.program.assign(f"page {number}", number)

    def _tidy(self) -> None:
        self._note("the user deletes every page")
        for number in range(_MANY):
            self.program.delete(f"page {number}")

    def _save(self) -> None:
        self.program.save()

    def _reconnect(self) -> None:
        self.program.feed(inputs.Reconnect())

    def _connect(self) -> None:
        self.program.feed(inputs.Connect(self._agenda.rng.choice(self._endpoints)))

    def _disconnect(self) -> None:
        self.program.feed(inputs.Disconnect())

    def _stop(self) -> None:
        self.program.stop()
        self._agenda.after(self._agenda.between(*_BETWEEN_RUNS_S), self.start)

    def _change_their_mind(self) -> None:
        for action in self._agenda.rng.choices((self._ask, self._cancel, self._reconnect, self._connect), k=4):
            action()

    def _close_window(self) -> None:
        """The program is told to stop, and is gone before it has."""
        self._note("the window is closed")
        self.program.stop()
        program = self.program
        self._agenda.after(self._agenda.between(0.0, 0.05), lambda: self._is_gone(program))

    def _is_gone(self, program: Program) -> None:
        if program is self.program and not program.is_running:
            self._kill()

    def _kill(self) -> None:
        self._note("the process is killed")
        self.program.kill()
        self.program = self._replace_program()
        self._agenda.after(self._agenda.between(0.01, 2.0), self.start)
