"""One seed: a user, their program, its disk and keyring, the network, the images, and what goes wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from stui_supervisor.config import HANDSHAKE_SILENCES, Settings
from stui_supervisor.context.image_copy import read_copy
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Announce, Effect
from stui_supervisor.core.inputs import Input
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import AuthenticationFailed, DifferentImage
from stui_supervisor.events import Transition
from stui_supervisor.machine.states import BackendVerdict, State, Trigger
from tests.simulation.agenda import Agenda
from tests.simulation.backend import SimulatedImage
from tests.simulation.faults import Faults
from tests.simulation.identities import some_names
from tests.simulation.image_faults import some_character
from tests.simulation.image_sessions import Merging, some_manners
from tests.simulation.network import Reach, Site
from tests.simulation.profile_shelf import ProfileShelf
from tests.simulation.program import PROFILE, Program
from tests.simulation.settled import something_settled
from tests.simulation.storage import SimulatedDisk, SimulatedKeyring
from tests.simulation.story import Note, Step, Story
from tests.simulation.user import User
from tests.simulation.violation import Violation, demand

HERE = Endpoint.parse("tcp://127.0.0.1:5555")
BESIDE = Endpoint.parse("tcp://127.0.0.1:5557")
THERE = Endpoint.parse("tcp://image.example:5555")
_TURMOIL_S = (30.0, 120.0)
_STARTED_WITHIN_S = 10.0
_IGNORED_WITHIN_S = HANDSHAKE_SILENCES * Settings().handshake_notice_s  # until no answer counts as one
_CONNECTED_WITHIN_S = 60.0  # the longest wait is 30 s, an image may be busy for 20 s
_HEALTHY_S = 12.0
_SETTLED_S = 2.0
_MOSTLY = 0.8
_ARRIVED_S = 8.0  # what was on its way when calm began: an answer, a claim, a credential


class World:
    """Turmoil first, calm at the end; ``run`` raises Violation when a promise is broken."""

    def __init__(self, seed: int) -> None:
        self.story = Story()
        self.agenda = Agenda(seed)
        self.walked: set[tuple[State, Trigger]] = set()
        self.shares: list[float] = []
        chance = self.agenda.chance
        self._settings = Settings(
            give_up_after_s=20.0 if chance(0.1) else None,
            queue_length=3 if chance(0.1) else 256,
            keeps_session=chance(0.95),
        )
        self._has_token = chance(0.3)
        self._names = some_names(self.agenda.side_rng)
        self._manners = some_manners(self.agenda.side_rng)
        self._settled = something_settled(self.agenda.side_rng, self._names, has_token=self._has_token)
        self._disk = SimulatedDisk(self.agenda, ProfileShelf(self.agenda))
        self._keyring = SimulatedKeyring(self.agenda, self._has_token and not self._settled.uses_token)
        endpoints = [HERE, BESIDE] if self._has_token and chance(0.8) else [HERE, BESIDE, THERE]
        self._sites = {endpoint: self._make_site() for endpoint in endpoints}
        profile = self._settled.profile(PROFILE, endpoints, has_failover=chance(0.2))
        self._disk.profiles.memory.profiles[PROFILE] = profile
        self._programs: list[Program] = []
        self._user, self._second_user = (
            User(self.agenda, self._new_program(), endpoints, self._new_program, self._note) for _ in range(2)
        )
        self._has_second_window = chance(0.2)
        users = [self._user, self._second_user] if self._has_second_window else [self._user]
        self._faults = Faults(
            self.agenda,
            self._sites,
            self._disk,
            self._keyring,
            lambda: [user.program for user in users],
            self._note,
        )

    def run(self) -> None:
        """Live through it."""
        turmoil_s = self.agenda.between(*_TURMOIL_S)
        self._faults.begin(turmoil_s)
        self._user.begin(turmoil_s)
        if self._has_second_window:
            self._second_user.begin(turmoil_s)
        while self.agenda.awake_s < turmoil_s:
            self.agenda.run(max(self.agenda.now, self.agenda.asleep_until) + _SETTLED_S)
        self._faults.end()
        self._settle_images()
        self._wait_until_awake()
        self._second_user.leave()
        self._find_calm()
        self._check_link()
        if self._settings.keeps_session:
            self._check_context()
            self._check_next_process()
        self._user.program.stop()
        self._go_on(_SETTLED_S)
        self._check_ledger()
        self._check_disk_use()

    def live_without_backend(self, reach: Reach, hours: int) -> None:
        """Connect, ask for something every hour while the backend is away, and be connected when it is back."""
        program = self._user.program
        program.start(HERE)
        self._go_on_until(self._is_connected, _CONNECTED_WITHIN_S, "with everything working it is connected")
        for site in self._sites.values():
            site.reach = reach
            site.break_links()
        for _ in range(hours):
            program.request("evaluate", timeout_s=None)
            self._go_on(3_600.0)
        self._faults.end()
        self._go_on_until(self._is_connected, _CONNECTED_WITHIN_S, "the outage is over and it is connected")
        self._check_link()

    def _make_site(self) -> Site:
        wants_token = self._has_token and self.agenda.chance(0.7)
        image_id = self.agenda.rng.choice(self._names)
        character = some_character(self.agenda, wants_token=wants_token, image_id=image_id)
        if self._settled.pin and self.agenda.side_rng.random() < _MOSTLY:
            character = replace(character, image_id=self._settled.pin[0])
        return Site(
            self.agenda,
            SimulatedImage(self.agenda, character, names=self._names, manners=self._manners),
            shows_kernel=self.agenda.chance(0.75),
            has_heartbeats=self.agenda.chance(0.8),
            server_key=self._settled.key,
        )

    def _settle_images(self) -> None:
        """Where an image is pinned, it answers again."""
        for site in self._sites.values():
            if self._settled.pin:
                site.image.become(self._settled.pin[0])

    def _new_program(self) -> Program:
        program = Program(
            len(self._programs) + 1,
            self.agenda,
            self._settings,
            self._disk,
            self._sites,
            self._keyring,
            self._tell,
            self._is_of_another,
        )
        self._keyring.forget()
        self._programs.append(program)
        return program

    def _is_of_another(self, program: Program, owner: object) -> bool:
        return any(other.owns(owner) for other in self._programs if other is not program)

    def _tell(self, program: Program, event: Input, effects: Sequence[Effect], deadline: float) -> None:
        step = Step(self.agenda.now, program.number, event, effects, program.core.state, deadline)
        self.story.entries.append(step)
        for effect in effects:
            match effect:
                case Announce(Transition(trigger=Trigger.ESTABLISHED, endpoint=endpoint)):
                    self._faults.established(self._sites[Endpoint.parse(str(endpoint))])

    def _note(self, text: str) -> None:
        self.story.entries.append(Note(self.agenda.now, text))

    def _go_on(self, seconds: float) -> None:
        self.agenda.run(self.agenda.now + seconds)

    def _wait_until_awake(self) -> None:
        while (held_until := max(program.held_until for program in self._programs)) > self.agenda.now:
            self._go_on(held_until - self.agenda.now + _SETTLED_S)

    def _go_on_until(self, holds: Callable[[], bool], within_s: float, invariant: str) -> None:
        ends_at = self.agenda.now + within_s
        while not holds():
            demand(self.agenda.now < ends_at, invariant)
            self._go_on(0.1)

    def _find_calm(self) -> None:
        """With everything working, whoever wants a link gets one."""
        self._go_on(_SETTLED_S)
        self._user.start()
        self._go_on(_ARRIVED_S)
        program = self._user.program
        if self._is_idle():
            program.feed(inputs.Connect(HERE))
        elif self._has_token and THERE in self._sites:
            program.feed(inputs.Connect(HERE))  # a token does not travel over a network in the clear
        elif self._faults.have_lied or self._settled.pin:
            program.feed(inputs.Reconnect())  # what an image has lied about is found out with a new link
        invariant = "with everything working it is connected in the end"
        self._go_on_until(lambda: self._is_connected() or self._is_idle(), _CONNECTED_WITHIN_S, invariant)
        if self._is_idle() and not self._is_refused():  # the profile was read late, and no endpoint was found
            program.feed(inputs.Connect(HERE))
            self._go_on_until(lambda: self._is_connected() or self._is_refused(), _CONNECTED_WITHIN_S, invariant)
        if self._is_refused():  # a wrong token was under way still when the calm began
            program.feed(inputs.Reconnect())
            self._go_on_until(self._is_connected, _CONNECTED_WITHIN_S, invariant)

    def _is_connected(self) -> bool:
        return self._user.program.core.state is State.CONNECTED

    def _is_idle(self) -> bool:
        return self._user.program.core.state is State.DISCONNECTED

    def _is_refused(self) -> bool:
        return isinstance(self._user.program.core.rejection, AuthenticationFailed | DifferentImage)

    def _check_link(self) -> None:
        """It stays connected, and it works."""
        program = self._user.program
        self._go_on(_HEALTHY_S)
        demand(self._is_connected(), "with everything working it stays connected")
        answered = program.request("evaluate", timeout_s=30.0).message_id
        self._go_on_until(lambda: answered in program.witness.requests.ended, 31.0, "a request ends by its timeout")
        outcome = program.witness.requests.ended[answered][1]
        demand(outcome.value == "replied", f"with everything working a request is answered, not {outcome}")

    def _check_context(self) -> None:
        """A new link brings the context to the image, so does a pause, and a save brings it to the disk."""
        program = self._user.program
        for site in self._sites.values():
            site.heard_late = False
        program.assign("notes", "calm")
        self._reconnect(program)
        self._compare_with_image(program)
        program.assign("notes", "a pause")
        self._go_on(self._settings.share_delay_s + _SETTLED_S)
        self._compare_with_image(program)
        program.save()
        self._go_on(_SETTLED_S)
        program.witness.must_be_on_disk(program.context.sections(), "save() with everything working")

    def _reconnect(self, program: Program) -> None:
        program.feed(inputs.Reconnect())
        self._go_on_until(self._is_connected, _CONNECTED_WITHIN_S, "reconnect makes a new link")

    def _compare_with_image(self, program: Program) -> None:
        status, record = program.core.status(program.now()), program.core.session.record
        site = self._sites[Endpoint.parse(str(status.endpoint))]
        image = site.image
        if not image.character.has_sessions:
            return
        state = image.sessions.get(str(record.backend_session or ""))
        demand(state is not None, "the image has the session")
        theirs, ours = read_copy(state, {}).sections, program.context.sections()
        if theirs != ours and site.heard_late:
            site.heard_late = False
            self._reconnect(program)  # the next link mends what a copy on its way for long has undone
            self._compare_with_image(program)
            return
        if image.manners.merging is not Merging.REPLACES:
            # What else it holds is not ours, or was deleted here, which it does not undo.
            ours = {name: section for name, section in ours.items() if section.value is not None}
            theirs = {name: section for name, section in theirs.items() if name in ours}
        demand(theirs == ours, f"the image has the context: {theirs} and here {ours}")

    def _check_next_process(self) -> None:
        """Stopped and started again, the link and the work are back."""
        program = self._user.program
        before = program.core.status(program.now())
        program.stop()
        self._go_on(_SETTLED_S)
        program.witness.killed()
        self._user.program = next_program = self._new_program()
        next_program.start(None)
        image = self._sites[Endpoint.parse(str(before.endpoint))].image
        ignored_s = _IGNORED_WITHIN_S if image.character.ignores_unknown_commands else 0.0
        self._go_on_until(self._is_connected, _STARTED_WITHIN_S + ignored_s, "the next process is connected by itself")
        after = next_program.core.status(next_program.now())
        demand(after.endpoint == before.endpoint, "the next process has the same endpoint")
        demand(next_program.context.sections() == program.context.sections(), "the next process has the same work")
        image = self._sites[Endpoint.parse(str(after.endpoint))].image
        resumed = after.backend_verdict is BackendVerdict.RESUMED
        demand(resumed or not image.character.has_sessions, f"the session is resumed, not {after.backend_verdict}")

    def _check_disk_use(self) -> None:
        """However often a program starts, there is one session for each window and image, and one of no image yet."""
        # Images with a name, one that a hostile reply has named, and none yet.
        most = (1 + self._has_second_window) * (len(self._names) + 1)
        made = len(self._disk.memory.sessions)
        demand(made <= most, f"{made} sessions are made and {most} would do")

    def _check_ledger(self) -> None:
        ledger = Counter(entry for site in self._sites.values() for entry in site.image.ledger)
        for program in self._programs:
            program.witness.requests.check_ledger(ledger)
            self.walked |= program.witness.walked
            self.shares += program.witness.waits.shares


def lived(seed: int) -> World:
    """The world of one seed, at its end. Raises Violation, with the command that tells its story."""
    world = World(seed)
    try:
        world.run()
    except Exception as error:
        raise Violation(f"seed {seed}: {error}\nits story: python -m tests.simulation {seed}") from error
    return world
