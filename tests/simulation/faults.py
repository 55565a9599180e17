"""Everything that goes wrong, each kind for a while and then over; a seed has some kinds and not others."""

from __future__ import annotations

from collections.abc import Callable

from stui_supervisor import inputs
from stui_supervisor.config import NETWORK_SETTLE_S, SLEEP_LOOK_S
from stui_supervisor.failures import FailureKind
from stui_supervisor.inputs import Input
from stui_supervisor.wire.dialects import Dialect
from tests.simulation.agenda import Agenda
from tests.simulation.backend import Character
from tests.simulation.network import Reach, Site
from tests.simulation.program import Program
from tests.simulation.storage import FULL, Mood, SimulatedDisk, SimulatedKeyring

_DIALECTS = (
    frozenset({Dialect.COMMAND}),
    frozenset({Dialect.COMMAND}),
    frozenset({Dialect.ENVELOPE}),
    frozenset(Dialect),
)
IMAGES = ("Pharo 12.0", "Pharo 13.0", None)
_LAG_S = 0.3
_BUSY_S = (1.0, 20.0)


def some_character(agenda: Agenda, *, wants_token: bool, image_id: str | None) -> Character:
    """A server that an image might run."""
    return Character(
        image_id=image_id,
        dialects=agenda.rng.choice(_DIALECTS),
        has_sessions=agenda.chance(0.85),
        ignores_other_dialect=agenda.chance(0.2),
        own_ids=agenda.chance(0.2),
        wants_token=wants_token,
        state_with_restore=agenda.chance(0.8),
    )


class Faults:
    """Breaks one thing after the other. ``program`` is the user's present process."""

    def __init__(
        self,
        agenda: Agenda,
        sites: list[Site],
        disk: SimulatedDisk,
        keyring: SimulatedKeyring,
        program: Callable[[], Program],
        note: Callable[[str], None],
    ) -> None:
        self._agenda = agenda
        self._sites = sites
        self._disk = disk
        self._keyring = keyring
        self._program = program
        self._note = note
        kinds: list[Callable[[], None]] = [
            self._restart,
            self._lose_sessions,
            self._freeze,
            self._be_busy,
            self._be_hostile,
            self._refuse_everyone,
            self._change_reach,
            self._break_links,
            self._block,
            self._be_slow,
            self._take_nothing,
            self._talk_late,
            self._repeat,
            self._slow_disk,
            self._full_disk,
            self._half_written,
            self._moody_keyring,
            self._jump,
            self._lag,
            self._sleep,
            self._move,
        ]
        self.was_hostile = False
        self._kinds = [kind for kind in kinds if agenda.chance(0.45)] or [self._restart]
        self._mean_s = agenda.between(3.0, 15.0)
        self._ends_at = 0.0

    def begin(self, until_s: float) -> None:
        """Go on breaking things until then."""
        self._ends_at = until_s
        self._agenda.after(self._agenda.rng.expovariate(1 / self._mean_s), self._next)

    def end(self) -> None:
        """Everything works from now on."""
        self._note("calm: everything works from now on")
        for site in self._sites:
            site.reach, site.blocked_until, site.not_taken, site.late_talk = Reach.GOOD, 0.0, 0.0, 0.0
            site.delay_s, site.repeats = (0.0001, 0.002), 0.0
            image = site.image
            image.service_s, image.hostility, image.refuses_everyone = (0.0005, 0.01), 0.0, False
            image.frozen_until = min(image.frozen_until, self._agenda.now)
            if not image.is_up:
                image.come_up(image.character, keeps_sessions=True)
        self._disk.call_s, self._disk.half_written, self._disk.memory.failure = (0.001, 0.02), 0.0, None
        self._keyring.mood = Mood.RIGHT
        self._program().lag_s = 0.0

    def _next(self) -> None:
        if self._agenda.now < self._ends_at:
            self._agenda.rng.choice(self._kinds)()
            self._agenda.after(self._agenda.rng.expovariate(1 / self._mean_s), self._next)

    def _for_a_while(self, what: str, longest_s: float, over: Callable[[], None]) -> None:
        seconds = self._agenda.between(0.05, longest_s)
        self._note(f"{what} for {seconds:.2f} s")
        self._agenda.after(seconds, over)

    def _site(self) -> Site:
        """Mostly one that is in use: what goes wrong elsewhere is seldom noticed."""
        in_use = [site for site in self._sites if site.is_in_use]
        return self._agenda.rng.choice(in_use if in_use and self._agenda.chance(0.8) else self._sites)

    def _restart(self) -> None:
        site, chance = self._site(), self._agenda.chance
        image = site.image
        if not image.is_up:
            return
        image.go_down()
        character, keeps = image.character, chance(0.5)
        if chance(0.2):
            image_id = self._agenda.rng.choice(IMAGES)
            character = some_character(self._agenda, wants_token=character.wants_token, image_id=image_id)
            keeps = False
        self._for_a_while(
            f"restart: {character}, keeps sessions: {keeps}",
            self._agenda.rng.choice((0.5, 5.0, 60.0)),
            lambda: None if image.is_up else image.come_up(character, keeps_sessions=keeps),
        )
        site.break_links(FailureKind.RESET)

    def _lose_sessions(self) -> None:
        self._note("the image forgets its sessions")
        self._site().image.sessions.clear()

    def _freeze(self) -> None:
        seconds = self._agenda.between(0.5, 60.0)
        self._note(f"frozen for {seconds:.2f} s")
        self._site().freeze(seconds)

    def _be_busy(self) -> None:
        image = self._site().image
        image.service_s = _BUSY_S
        self._for_a_while("busy", 40.0, lambda: setattr(image, "service_s", (0.0005, 0.01)))

    def _be_hostile(self) -> None:
        image, self.was_hostile = self._site().image, True
        image.hostility = self._agenda.between(0.1, 1.0)
        self._for_a_while("hostile", 10.0, lambda: setattr(image, "hostility", 0.0))

    def _refuse_everyone(self) -> None:
        site = self._site()
        image = site.image
        image.refuses_everyone = True
        if self._agenda.chance(0.5):
            site.freeze(self._agenda.between(6.0, 30.0))  # somebody changes the token in a debugger
        self._for_a_while("every token is refused", 40.0, lambda: setattr(image, "refuses_everyone", False))

    def _change_reach(self) -> None:
        site = self._site()
        site.reach = self._agenda.rng.choice(list(Reach))
        self._for_a_while(f"new links: {site.reach}", 45.0, lambda: setattr(site, "reach", Reach.GOOD))

    def _break_links(self) -> None:
        self._note("links are reset")
        self._site().break_links(FailureKind.RESET)

    def _block(self) -> None:
        seconds = self._agenda.between(0.1, 60.0)
        self._note(f"nothing gets through for {seconds:.2f} s")
        self._site().block(seconds)

    def _be_slow(self) -> None:
        site = self._site()
        site.delay_s = (0.01, self._agenda.between(0.05, 3.0))
        self._for_a_while("a slow way", 20.0, lambda: setattr(site, "delay_s", (0.0001, 0.002)))

    def _take_nothing(self) -> None:
        site = self._site()
        site.not_taken = self._agenda.between(0.1, 1.0)
        self._for_a_while("messages are not taken", 5.0, lambda: setattr(site, "not_taken", 0.0))

    def _talk_late(self) -> None:
        site = self._site()
        site.late_talk = self._agenda.between(0.2, 1.0)
        self._for_a_while("closed links talk on", 30.0, lambda: setattr(site, "late_talk", 0.0))

    def _repeat(self) -> None:
        site = self._site()
        site.repeats = self._agenda.between(0.2, 1.0)
        self._for_a_while("replies come twice", 30.0, lambda: setattr(site, "repeats", 0.0))

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
        seconds = self._agenda.rng.choice((-86_400.0, -3_600.0, -1.0, 1.0, 3_600.0, 86_400.0 * 365))
        self._note(f"the wall clock jumps by {seconds:g} s")
        self._agenda.clock.set_wall(seconds)

    def _lag(self) -> None:
        program = self._program()
        program.lag_s = self._agenda.between(0.01, _LAG_S)
        self._for_a_while("late timers", 10.0, lambda: setattr(program, "lag_s", 0.0))

    def _sleep(self) -> None:
        seconds = self._agenda.rng.choice((2.0, 600.0, 28_800.0))
        self._note(f"the machine sleeps for {seconds:g} s")
        self._agenda.clock.sleep(seconds)
        if self._agenda.chance(0.5):
            self._site().break_links(FailureKind.RESET)
        self._agenda.after(self._agenda.between(0.0, SLEEP_LOOK_S), lambda: self._tell(inputs.Woke(seconds)))

    def _move(self) -> None:
        changes = self._agenda.rng.choice((1, 3, 100))
        self._note(f"the network changes {changes} times")
        for number in range(changes):
            self._agenda.after(number * NETWORK_SETTLE_S, lambda: self._tell(inputs.NetworkChanged()))

    def _tell(self, event: Input) -> None:
        if self._program().is_running:
            self._program().feed(event)
