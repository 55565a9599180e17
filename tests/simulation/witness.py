"""The invariants, judged after every input of one program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from stui_supervisor.config import LINK_GRACE_S, Settings
from stui_supervisor.context.context import Context, Section
from stui_supervisor.core import inputs
from stui_supervisor.core.core import Core
from stui_supervisor.core.effects import Announce, CloseLink, Effect, Load, OpenLink, ReadCredential, Save, Send
from stui_supervisor.core.inputs import Input
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.events import Transition
from stui_supervisor.failures import FAILURES
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.moment import Moment
from stui_supervisor.session.save_schedule import SaveSchedule
from tests.simulation.copy_witness import CopyWitness
from tests.simulation.identity_witness import IdentityWitness
from tests.simulation.network import Site
from tests.simulation.request_witness import RequestWitness
from tests.simulation.session_witness import SessionWitness
from tests.simulation.settled_witness import SettledWitness
from tests.simulation.storage import SimulatedDisk, StoreCall
from tests.simulation.verdict_witness import VerdictWitness
from tests.simulation.violation import demand
from tests.simulation.wait_witness import WaitWitness
from tests.simulation.work_witness import WorkWitness
from tests.support.core.transition_table import ALLOWED

_RINGS_MAX = 10  # timers in one moment, each with something to do


class Witness:
    """Knows the promises and nothing of how they are kept."""

    def __init__(
        self,
        core: Core,
        context: Context,
        settings: Settings,
        disk: SimulatedDisk,
        sites: Mapping[Endpoint, Site],
        clock: Callable[[], float],
        is_of_another: Callable[[object], bool],
    ) -> None:
        self.requests = RequestWitness(core, settings)
        self.work = WorkWitness(core, context, settings, disk.memory, is_of_another)
        self.verdicts = VerdictWitness(settings, clock)
        self.waits = WaitWitness(settings)
        self.identities = IdentityWitness(core)
        self.settled = SettledWitness()
        self.sessions = SessionWitness(core, sites)
        self.copies = CopyWitness(core, disk.kept_copies)
        self.walked: set[tuple[State, Trigger]] = set()
        self._core = core
        self._clock = clock
        self._state = core.state
        self._open_link: int | None = None
        self._last_link = 0
        self._reading: int | None = None
        self._rings = 0
        self._rang_at = -1.0
        longest_wait = max(failure.curve.cap_s for failure in FAILURES.values() if failure.curve)
        self._longest_s = max(longest_wait, settings.ping_interval_s, settings.attempt_timeout_max_s + LINK_GRACE_S)

    def context_changed(self) -> None:
        """The user has changed a section."""
        self.work.assigned(self._clock())

    def disturbed(self) -> None:
        """The loop stood still until now: it may look again first."""
        self.verdicts.disturbed(self._clock())
        self.requests.disturbed(self._clock())

    def save_called(self, saver: SaveSchedule) -> None:
        """Somebody waits in save()."""
        self.work.save_called(saver)

    def must_be_on_disk(self, sections: Mapping[str, Section], why: str) -> None:
        """Somebody was told that this is on the disk."""
        self.work.must_be_on_disk(sections, why)

    def stored(self, call: StoreCall, answer: Input | None) -> None:
        """The disk has answered, and the core does not know yet."""
        self.work.stored(call, answer)

    def saw(self, event: Input, effects: Sequence[Effect], now: Moment, deadline: float | None) -> None:
        """Judge one step; ``deadline`` is what the core has armed after it."""
        before = self._state
        if self._is_stale(event):
            said = [effect for effect in effects if not isinstance(effect, Save | Load)]
            demand(not said, f"what an older attempt says leads to nothing, not to {said}")
        self._follow_state(effects, now)
        self._follow_links(effects)
        self._check_timer(event, effects, now.monotonic_s, deadline)
        self.requests.saw(event, effects, now.monotonic_s, before, deadline)
        self.waits.saw(effects, now.monotonic_s)
        self.identities.saw(event, effects, now.monotonic_s)
        self.settled.saw(event, effects, now.monotonic_s, self._state, deadline)
        self.sessions.saw(event, effects, now)
        self.copies.saw(event, effects)
        self.work.saw(event, effects, now.monotonic_s, deadline)

    def stopped(self) -> None:
        """The core was told to stop and has said what to do."""
        demand(self._state is State.DISCONNECTED, "stopped is disconnected")
        self.requests.check_none_is_left("stop")
        self._check_nothing_runs()

    def ended(self) -> None:
        """The loop around the core has ended, whatever the disk still does."""
        self.work.forget_callers()
        self._check_nothing_runs()

    def killed(self) -> None:
        """The process is gone; its disk is not."""
        self.work.check_disk()

    def _is_stale(self, event: Input) -> bool:
        match event:
            case inputs.Opened(link) | inputs.NotTaken(link) | inputs.Received(link) | inputs.Lost(link):
                return link != self._open_link
            case inputs.CredentialRead(link) | inputs.CredentialFailed(link):
                return link != self._reading
            case _:
                return False

    def _follow_state(self, effects: Sequence[Effect], now: Moment) -> None:
        before = self._state
        for effect in effects:
            if isinstance(effect, Announce) and isinstance(effect.event, Transition):
                told = effect.event
                demand(told.from_state is self._state, f"{told.trigger} starts where the last transition ended")
                allowed = ALLOWED.get((told.from_state, told.trigger))
                demand(allowed is told.to_state, f"{told.trigger} from {told.from_state} is in the table")
                demand(bool(told.reason) and told.at == now.utc, "a transition says why and when")
                self.walked.add((told.from_state, told.trigger))
                self._state = told.to_state
        demand(self._core.state is self._state, "every change of the state is told")
        if self._state is not before:
            demand(self._core.status(now).state is self._state, "the status shows the state")

    def _follow_links(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case ReadCredential(link):
                    self._reading = link
                case OpenLink(link):
                    demand(self._open_link is None, f"link {self._open_link} is closed before {link} is opened")
                    demand(link > self._last_link, "links are numbered upwards")
                    self._open_link = self._last_link = link
                case CloseLink(link):
                    demand(link == self._open_link, f"link {link} is closed once")
                    self._open_link = None
                case Send(link):
                    demand(link == self._open_link, f"what is sent goes to the open link, not to {link}")
        demand(self._open_link is None or self._state is not State.DISCONNECTED, "disconnected has no link")

    def _check_timer(self, event: Input, effects: Sequence[Effect], now: float, deadline: float | None) -> None:
        if self._state is not State.DISCONNECTED:
            demand(deadline is not None, f"{self._state} always has a timer")
            demand(deadline is None or deadline <= now + self._longest_s, "the timer rings in bounded time")
        if isinstance(event, inputs.TimePassed):
            is_later = deadline is None or deadline > now or self._core.has_parts_left
            demand(bool(effects) or is_later, "a timer that rang is not armed for the past")
            self._rings = self._rings + 1 if now == self._rang_at else 0
            self._rang_at = now
            demand(self._rings <= _RINGS_MAX, "the timer does not ring on and on in one moment")

    def _check_nothing_runs(self) -> None:
        demand(self._core.next_deadline() is None, "nothing is armed after stop")
        demand(self._open_link is None, "nothing is open after stop")
