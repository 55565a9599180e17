"""One process of the user: the real core, driven as driver.py drives it, on virtual time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from random import Random

from stui_supervisor.config import STOP_TIMEOUT_S, Settings
from stui_supervisor.context.context import Context
from stui_supervisor.core import effects, inputs
from stui_supervisor.core.core import Core
from stui_supervisor.core.effects import Effect
from stui_supervisor.core.inputs import Input
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure
from stui_supervisor.moment import Moment
from stui_supervisor.ports import LinkTimes
from stui_supervisor.requests.request import Request, new_request
from stui_supervisor.wire.dialects import Operation
from tests.simulation.agenda import Agenda
from tests.simulation.lookout import SimulatedLookout
from tests.simulation.network import SimulatedLink, SimulatedNetwork, Site
from tests.simulation.profile_shelf import ProfileQueue
from tests.simulation.storage import SimulatedDisk, SimulatedKeyring, StoreCall, StoreQueue
from tests.simulation.witness import Witness

PROFILE = "default"
_OF_THE_STORE = (
    effects.Load,
    effects.Save,
    effects.SaveSnapshot,
    effects.Release,
)
_OF_PROFILES = effects.ReadProfile, effects.NoteLink


class Program:
    """A supervisor from its making to its end, with stops and starts between, or until it is killed.

    ``lag_s`` is how late its timers ring: a loop that is busy with something else. A loop that stalls takes in what
    has come when it goes on, all at once.
    """

    def __init__(
        self,
        number: int,
        agenda: Agenda,
        settings: Settings,
        disk: SimulatedDisk,
        sites: dict[Endpoint, Site],
        keyring: SimulatedKeyring,
        tell: Callable[[Program, Input, list[Effect], float], None],
        is_of_another: Callable[[Program, object], bool],
    ) -> None:
        self.number = number
        self.lag_s = 0.0
        self.is_running = False
        self.is_leaving = False
        self.held_until = self.still_until = 0.0
        self.context = Context(f"process {number}", self._context_changed)
        self.core = Core(
            profile=PROFILE,
            settings=settings,
            rng=Random(agenda.rng.getrandbits(64)),  # noqa: S311  # a story has to be the same every time
            context=self.context,
            pid=number,
            has_credentials=keyring.is_brought,
            can_look=number % 2 == 1,
        )
        self.witness = Witness(
            self.core,
            self.context,
            settings,
            disk,
            sites,
            lambda: agenda.awake_s,
            lambda owner: is_of_another(self, owner),
        )
        self._agenda = agenda
        self._settings = settings
        self._disk = disk
        self._network = SimulatedNetwork(sites, self)
        self._keyring = keyring
        self._tell = tell
        self._inputs: deque[Input] = deque()
        self._is_busy = False
        self._run = 0
        self._requests = 0
        self._armed: float | None = None
        self._link: SimulatedLink | None = None
        self._lookout = SimulatedLookout(agenda, sites)
        self._held: list[Callable[[], None]] = []
        self._store = StoreQueue(disk, self._stored)
        self._profiles = self._profile_queue()

    # What the user does

    def start(self, endpoint: Endpoint | None) -> None:
        """See Supervisor.start."""
        self._run += 1
        self.is_running = True
        self._store = StoreQueue(self._disk, self._stored)
        self._profiles = self._profile_queue()
        self.feed(inputs.Start(endpoint))

    def stop(self) -> None:
        """See Supervisor.stop: what the disk does not do in time goes on without anybody to hear of it."""
        if not self.is_running:
            return
        self.is_running = False
        self.is_leaving = True
        self._store.leave()
        self.feed(inputs.Stop())
        store, run = self._store, self._run
        self._agenda.after(STOP_TIMEOUT_S, lambda: self._when_awake(lambda: self._end(store, run)))
        self._profiles.abandon()

    def kill(self) -> None:
        """End without a word."""
        self.is_running = self.is_leaving = False
        self._run += 1
        self._store.die()
        self._profiles.die()
        if self._link is not None:
            self._link.close()
        self._lookout.close()
        self._held.clear()
        self._armed = None
        self.witness.killed()

    def assign(self, name: str, value: object) -> None:
        """Change the context, if the program still runs."""
        self.context[name] = value

    def delete(self, name: str) -> None:
        """Delete a section, if there is one."""
        if name in self.context:
            del self.context[name]

    def save(self) -> None:
        """See Driver.save; the witness waits for the end of it."""
        session = self.core.session
        if session.id is not None and session.saver.is_clean:
            self.witness.must_be_on_disk(self.context.sections(), "save() returned at once")
            return
        self.witness.save_called(session.saver)
        self.feed(inputs.SaveContext())

    def request(
        self, command: str, *, timeout_s: float | None, repeatable: bool | None = None, fails: bool = False
    ) -> Request:
        """See Supervisor.request."""
        self._requests += 1
        named = {"objectId": str(self._requests)} if command == "inspect" else {}
        operation, message_id = Operation(command, {"fails": fails, **named}), f"{self.number}-{self._requests}"
        request = new_request(self._requests, message_id, operation, timeout_s, repeatable=repeatable, now=self.now())
        self.feed(inputs.Submit(request))
        return request

    def owns(self, owner: object) -> bool:
        """True for the owner of the sessions that this program claims in its present run."""
        return owner is self._store.store

    def now(self) -> Moment:
        """The present moment."""
        return Moment(self._agenda.awake_s, self._agenda.clock.utc())

    def feed(self, event: Input) -> None:
        """Tell the core, and do what it says."""
        self._inputs.append(event)
        if self._is_busy:
            return
        self._is_busy = True
        try:
            while self._inputs:
                self._handle(self._inputs.popleft())
        finally:
            self._is_busy = False
        if self.is_leaving and not self.core.is_running:
            self.is_leaving = False
            self.witness.stopped()
        self._arm()

    # What the machine does to it

    def stall(self, seconds: float) -> None:
        """Keep the event loop from taking anything in for a while."""
        self.held_until = max(self.held_until, self._agenda.now + seconds)
        self._agenda.at(self.held_until, self._go_on)

    def stand_still(self, seconds: float) -> None:
        """The same for every thread, that of the heartbeats too."""
        self.still_until = max(self.still_until, self._agenda.now + seconds)
        self.stall(seconds)

    def tell_later(self, event: Input, delay_s: float) -> None:
        """What the system has to say, if the program still runs by then."""
        run = self._run
        self._agenda.after(delay_s, lambda: self.hear(event, run))

    def hear(self, event: Input, run: int) -> None:
        """Take in what comes from outside, as long as the loop of that run lives."""

        def take_in() -> None:
            if self._lives and run == self._run:
                self.feed(event)

        self._when_awake(take_in)

    def _when_awake(self, action: Callable[[], None]) -> None:
        if self.held_until > self._agenda.now:
            self._held.append(action)
        else:
            action()

    def _go_on(self) -> None:
        if self.held_until > self._agenda.now:
            return
        self.witness.disturbed()
        held, self._held = self._held, []
        for action in held:
            action()

    # As driver.py does it

    def _handle(self, event: Input) -> None:
        now = self.now()
        done = self.core.handle(event, now)
        deadline = self.core.next_deadline()
        self._tell(self, event, done, deadline)
        self.witness.verdicts.saw(event, done, self._link, late_s=self.lag_s)
        self.witness.saw(event, done, now, deadline)
        for effect in done:
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case effects.Send(link, token, body):
                if self._link is None or not self._link.send(token, body):
                    self._inputs.append(inputs.NotTaken(link, token))
            case effects.LookAtPath(link):
                self._inputs.append(inputs.PathSeen(link, self._link.look() if self._link is not None else None))
            case effects.Knock() if self._link is not None:
                self._link.knock()
            case effects.OpenLink(link, endpoint, timeout_s, curve):
                settings = self._settings
                times = LinkTimes(timeout_s, settings.heartbeat_interval_s, settings.heartbeat_timeout_s)
                self._link = self._network(endpoint, times, curve)
                self._link.open(_Listener(self, link, self._run))
            case effects.CloseLink():
                link_to_close, self._link = self._link, None
                if link_to_close is not None:
                    link_to_close.close()
            case effects.LookOut(number, endpoints):
                run = self._run
                self._lookout.watch(
                    endpoints,
                    lambda endpoint, is_listening: self.hear(inputs.SeenListening(number, endpoint, is_listening), run),
                )
            case effects.ReadCredential():
                run = self._run
                self._keyring.ask(effect, lambda answer: self.hear(answer, run))
            case _:
                self._ask_disk(effect)

    def _ask_disk(self, effect: Effect) -> None:
        if isinstance(effect, _OF_THE_STORE):
            self._store.do(effect)
        elif isinstance(effect, _OF_PROFILES):
            self._profiles.do(effect)

    def _profile_queue(self) -> ProfileQueue:
        run = self._run
        return ProfileQueue(self._disk.profiles, lambda answer: self.hear(answer, run))

    def _stored(self, call: StoreCall, answer: Input | None) -> None:
        self.witness.stored(call, answer)
        if answer is not None:
            store = self._store

            def take_in() -> None:
                if store.is_heard:
                    self.feed(answer)

            self._when_awake(take_in)

    @property
    def _lives(self) -> bool:
        return self.is_running or self.is_leaving

    def _end(self, store: StoreQueue, run: int) -> None:
        if run == self._run and self.is_leaving:
            self.feed(inputs.Stop())
        store.abandon()
        if run == self._run and not self.is_running:
            self.witness.ended()

    def _context_changed(self) -> None:
        self.witness.context_changed()
        if self._store.is_heard:
            self.feed(inputs.ContextChanged())

    def _arm(self) -> None:
        """One timer; an earlier one stands, because ringing early does no harm."""
        deadline = self.core.next_deadline()
        if deadline == inf or not self._lives:
            self._armed = None
            return
        due = max(deadline, self._agenda.awake_s) + self.lag_s
        if self._armed is None or due < self._armed:
            self._armed = due
            self._wait(due)

    def _wait(self, due: float) -> None:
        self._agenda.at_awake(due, lambda: self._when_awake(lambda: self._ring(due)))

    def _ring(self, due: float) -> None:
        if self._armed != due:
            return
        if self._agenda.awake_s < due:
            self._wait(due)  # the machine has slept, and this clock with it
            return
        self._armed = None
        self.feed(inputs.TimePassed())


class _Listener:
    """Tells the program what one link says, under the link's number."""

    def __init__(self, program: Program, link: int, run: int) -> None:
        self._program = program
        self._link = link
        self._run = run

    def opened(self) -> None:
        self._program.hear(inputs.Opened(self._link), self._run)

    def received(self, token: bytes, body: bytes) -> None:
        self._program.hear(inputs.Received(self._link, token, body), self._run)

    def greeted(self) -> None:
        self._program.hear(inputs.Greeted(self._link), self._run)

    def lost(self, failure: Failure) -> None:
        self._program.hear(inputs.Lost(self._link, failure), self._run)
