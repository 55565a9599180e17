"""What goes wrong on the user's own machine: its disk, its keyring, its clocks, and the program's event loop."""

from __future__ import annotations

from collections.abc import Callable

from stui_supervisor.config import NETWORK_SETTLE_S, SLEEP_LOOK_S
from stui_supervisor.core import inputs
from tests.simulation.agenda import Agenda
from tests.simulation.network import Site
from tests.simulation.program import Program
from tests.simulation.storage import FULL, Mood, SimulatedDisk, SimulatedKeyring
from tests.simulation.trouble import Degradation

_LAG_S = 0.3
_STALL_S = (0.05, 15.0)
_SLEEP_S = (2.0, 30.0, 600.0, 28_800.0)
_JUMP_S = (-86_400.0, -3_600.0, -1.0, 1.0, 3_600.0, 86_400.0 * 365)


class OwnFaults(Degradation):
    """``programs`` are those that run now."""

    def __init__(
        self,
        agenda: Agenda,
        sites: list[Site],
        disk: SimulatedDisk,
        keyring: SimulatedKeyring,
        programs: Callable[[], list[Program]],
        note: Callable[[str], None],
    ) -> None:
        super().__init__(agenda, sites, note)
        self._disk = disk
        self._keyring = keyring
        self._programs = programs
        self.kinds = [
            self._slow_disk,
            self._full_disk,
            self._half_written,
            self._moody_keyring,
            self._jump,
            self._lag,
            self._stall,
            self._stand_still,
            self._sleep,
            self._cry_wolf,
        ]

    def end(self) -> None:
        """Everything works from now on; a stall or a sleep goes on to its end."""
        self._disk.call_s, self._disk.half_written, self._disk.memory.failure = (0.001, 0.02), 0.0, None
        self._keyring.mood = Mood.RIGHT
        for program in self._programs():
            program.lag_s = 0.0

    def _program(self) -> Program:
        return self._agenda.rng.choice(self._programs())

    def _slow_disk(self) -> None:
        self._disk.call_s = (0.1, self._agenda.rng.choice((0.5, 3.0, 6.0)))
        self._for_a_while("a slow disk", 20.0, lambda: setattr(self._disk, "call_s", (0.001, 0.02)))

    def _full_disk(self) -> None:
        self._disk.memory.failure = FULL
        self._for_a_while("a full disk", 20.0, lambda: setattr(self._disk.memory, "failure", None))

    def _half_written(self) -> None:
        self._disk.half_written = self._agenda.between(0.3, 1.0)
        self._for_a_while("half of a save fails", 10.0, lambda: setattr(self._disk, "half_written", 0.0))

    def _moody_keyring(self) -> None:
        self._keyring.mood = self._agenda.rng.choice(list(Mood))
        self._for_a_while(f"keyring: {self._keyring.mood}", 15.0, lambda: setattr(self._keyring, "mood", Mood.RIGHT))

    def _jump(self) -> None:
        seconds = self._agenda.rng.choice(_JUMP_S)
        self._note(f"the wall clock jumps by {seconds:g} s")
        self._agenda.clock.set_wall(seconds)

    def _lag(self) -> None:
        program = self._program()
        program.lag_s = self._agenda.between(0.01, _LAG_S)
        self._for_a_while("late timers", 10.0, lambda: setattr(program, "lag_s", 0.0))

    def _stall(self) -> None:
        seconds = self._agenda.between(*_STALL_S)
        self._note(f"the event loop stalls for {seconds:.2f} s")
        self._program().stall(seconds)

    def _stand_still(self) -> None:
        seconds = self._agenda.between(*_STALL_S)
        self._note(f"the whole process stands still for {seconds:.2f} s")
        self._program().stand_still(seconds)

    def _sleep(self) -> None:
        seconds = self._agenda.rng.choice(_SLEEP_S)
        self._note(f"the machine sleeps for {seconds:g} s")
        self._agenda.sleep(seconds)
        for site in self._sites:
            for way in site.ways:
                way.block(seconds)
            if self._agenda.chance(0.5):
                site.cut_connections()  # nobody on the way remembers them
        for program in self._programs():
            program.stand_still(seconds)
            program.tell_later(inputs.Woke(seconds), seconds + self._agenda.between(0.0, SLEEP_LOOK_S))

    def _cry_wolf(self) -> None:
        self._note("news of the network, without a reason")
        program = self._program()
        for number in range(self._agenda.rng.choice((1, 3, 100))):
            program.tell_later(inputs.NetworkChanged(), number * NETWORK_SETTLE_S)
