"""The pure core: inputs in, effects out.

Theory of operation
-------------------
``handle(input, now)`` is the only way in and its effects are the only way out; there is no clock, no
socket and no file here. ``next_deadline()`` is when to call again with TimePassed at the latest.

Beside the state (machine/table.py) there is one attempt at a time with a phase of its own (link/phase.py). Each phase
has an owner and a time at which it ends by itself, so no state but ``disconnected`` can be stuck. Every attempt has a
number; what arrives with another number belongs to the past and is dropped before it can change the state.

The core is made of parts. A leaf (``Leaves``) answers when it is asked and knows no other part. A coordinator (a part
of one of the other modules of this room) asks leaves and other coordinators, and adds the effects that follow to the
turn. It calls only coordinators that are made before it in ``Core.__init__``.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from random import Random
from typing import Any, Final

from stui_supervisor.config import STALL_S, Settings
from stui_supervisor.context.context import Context
from stui_supervisor.context.parts import Parts
from stui_supervisor.core import inputs
from stui_supervisor.core.attempt import Attempt
from stui_supervisor.core.commands import Commands, Lifetime
from stui_supervisor.core.conversation import Conversation
from stui_supervisor.core.deadlines import Deadlines
from stui_supervisor.core.dialer import Dialer
from stui_supervisor.core.disturbances import Disturbances
from stui_supervisor.core.effects import Effect
from stui_supervisor.core.health import Health
from stui_supervisor.core.inputs import Input
from stui_supervisor.core.link_end import LinkEnd
from stui_supervisor.core.notifications import Notifications
from stui_supervisor.core.profile_in_use import ProfileInUse
from stui_supervisor.core.replication import Replication
from stui_supervisor.core.report import Report
from stui_supervisor.core.restore import Restore
from stui_supervisor.core.saves import Saves
from stui_supervisor.core.shared import Leaves, Questions, Turn
from stui_supervisor.core.succession import Succession
from stui_supervisor.errors import ConnectionRejected
from stui_supervisor.events import JournalOnly, MachineWoke, NetworkMoved, Status
from stui_supervisor.link.backoff import Backoff
from stui_supervisor.link.lookout import Lookout
from stui_supervisor.link.phase import Phase
from stui_supervisor.link.roaming import Roaming
from stui_supervisor.link.route import Route
from stui_supervisor.machine.states import State
from stui_supervisor.moment import Moment
from stui_supervisor.notifications.subscription import Subscription
from stui_supervisor.peer.process import Lineage, Who
from stui_supervisor.requests.exchange import Exchange
from stui_supervisor.session.profile_reading import ProfileReading
from stui_supervisor.session.session import Session

LOGIN: Final = "stui-supervisor login"


class Core:
    """The state, the attempt, the requests and the session of one supervised link.

    ``pid`` is what the status shows for this process. ``has_credentials`` says that the program brings its own, so that
    each attempt asks them for a token, ``can_look`` that it can be seen whether somebody listens on this machine,
    ``can_subscribe`` that notifications can be heard. ``login`` is the command that stores a token.
    """

    def __init__(  # noqa: PLR0913  # all that it is told of its surroundings, once
        self,
        *,
        profile: str,
        settings: Settings,
        rng: Random,
        context: Context,
        pid: int,
        has_credentials: bool,
        can_look: bool = False,
        can_subscribe: bool = False,
        login: str = LOGIN,
    ) -> None:
        session = Session(profile, settings, rng, context)
        exchange = Exchange(settings)
        leaves = Leaves(
            attempt=Attempt(settings),
            session=session,
            exchange=exchange,
            reading=ProfileReading(profile, is_used=settings.uses_profile),
            parts=Parts(),
            backoff=Backoff(settings, rng),
            route=Route(),
            lookout=Lookout(is_possible=can_look),
            lineage=Lineage(),
            roaming=Roaming(),
            subscription=Subscription(settings, rng, exchange.masks),
        )
        turn = Turn()
        report = Report(turn, leaves, pid=pid)
        settled = ProfileInUse(turn, settings, report, leaves, has_credentials=has_credentials, login=login)
        link_end = LinkEnd(turn, report, leaves)
        dialer = Dialer(turn, settings, report, leaves, settled, link_end)
        questions = Questions(turn, settings, leaves)
        health = Health(turn, settings, report, leaves, link_end, dialer, questions)
        notifications = Notifications(turn, leaves, settled, health, can_subscribe=can_subscribe)
        replication = Replication(turn, settings, report, leaves, dialer, questions)
        conversation = Conversation(
            turn,
            report,
            leaves,
            profile=settled,
            dialer=dialer,
            health=health,
            questions=questions,
            replication=replication,
            notifications=notifications,
            succession=Succession(turn, settings, report, leaves),
        )
        restore = Restore(
            turn,
            settings,
            report,
            leaves,
            profile=settled,
            link_end=link_end,
            dialer=dialer,
            replication=replication,
            conversation=conversation,
        )
        commands = Commands(
            turn,
            report,
            leaves,
            profile=settled,
            link_end=link_end,
            dialer=dialer,
            restore=restore,
            replication=replication,
            conversation=conversation,
        )
        lifetime = Lifetime(
            turn,
            report,
            leaves,
            commands=commands,
            link_end=link_end,
            dialer=dialer,
            restore=restore,
            replication=replication,
            notifications=notifications,
        )
        saves = Saves(turn, report, leaves, replication, restore)
        self._turn = turn
        self._leaves = leaves
        self._report = report
        self._dialer = dialer
        self._health = health
        self._notifications = notifications
        self._conversation = conversation
        self._restore = restore
        self._lifetime = lifetime
        self._disturbances = Disturbances(turn, leaves, dialer, health, notifications)
        self._deadlines = Deadlines(leaves, replication, notifications)
        self._routes: dict[type, Callable[[Any], None]] = {
            inputs.Start: lifetime.start,
            inputs.Stop: lifetime.stop,
            inputs.Connect: commands.connect,
            inputs.Disconnect: commands.disconnect,
            inputs.Reconnect: commands.reconnect,
            inputs.Submit: commands.submit,
            inputs.Cancel: commands.cancel,
            inputs.ContextChanged: lambda _: commands.context_changed(),
            inputs.SaveContext: commands.save,
            inputs.Loaded: restore.loaded,
            inputs.LoadFailed: restore.load_failed,
            inputs.ProfileRead: restore.profile_read,
            inputs.ProfileFailed: restore.profile_failed,
            inputs.ProfileChanged: lambda _: restore.profile_changed(),
            inputs.Saved: saves.saved,
            inputs.SaveFailed: saves.failed,
            inputs.SnapshotFailed: saves.snapshot_failed,
            inputs.StoreSilent: saves.silent,
            inputs.CredentialRead: dialer.credential_read,
            inputs.CredentialFailed: dialer.credential_failed,
            inputs.SeenListening: dialer.seen_listening,
            inputs.NotTaken: dialer.not_taken,
            inputs.Lost: dialer.lost,
            inputs.Opened: self._opened,
            inputs.Received: self._received,
            inputs.PathSeen: health.path_seen,
            inputs.Greeted: health.greeted,
            inputs.Subscribed: notifications.subscribed,
            inputs.Published: self._published,
            inputs.Crowded: notifications.crowded,
            inputs.SubscriptionSeen: notifications.seen,
            inputs.SubscriptionLost: notifications.lost,
            inputs.Woke: self._woke,
            inputs.NetworkChanged: self._network_changed,
            inputs.TimePassed: self._time_passed,
        }

    # What the driver calls

    def handle(self, event: Input, now: Moment) -> list[Effect]:
        """Take in one input; returns what to do, in order."""
        turn, session = self._turn, self._leaves.session
        turn.now, turn.effects = now, []
        self._routes[type(event)](event)
        if self._lifetime.leaves_by < inf:
            self._lifetime.end_if_pushed()
        if not self._restore.is_running:
            turn.effects += session.save_after_end()
        elif not self._leaves.parts.are_left:  # what gave way is kept with what took its place
            turn.effects += session.save_if_due(now.monotonic_s)
        self._report.settle()
        return turn.effects

    def next_deadline(self) -> float:
        """The monotonic time at which to call ``handle`` with TimePassed at the latest; infinity: never."""
        parts = self._leaves.parts
        part = parts.since if parts.are_left else self._restore.next_part
        is_running = self._restore.is_running
        return self._deadlines.next(is_running=is_running, leaves_by=self._lifetime.leaves_by, next_part=part)

    def runs_in(self, pid: int) -> None:
        """The program goes on in this process, another than the one in which this was made: it was forked."""
        self._report.pid = pid

    @property
    def has_parts_left(self) -> bool:
        """True while work is done in parts: the next part is due as soon as the event loop has done what else waits."""
        return self._leaves.parts.are_left or self._restore.next_part < inf

    @property
    def is_running(self) -> bool:
        """True from a start until a stop has taken effect."""
        return self._restore.is_running

    @property
    def has_unsaved_work(self) -> bool:
        """True while the disk lacks some of the work that is to be there."""
        return self._leaves.session.has_unsaved_work

    @property
    def state(self) -> State:
        """One of the six."""
        return self._report.state

    @property
    def rejection(self) -> ConnectionRejected | None:
        """The error after which nothing is tried before a person helps; None when there is none."""
        return self._report.rejection

    def status(self, now: Moment) -> Status:
        """Everything known at this moment."""
        return self._report.status(now)

    @property
    def profile(self) -> str:
        """The user's name for the set of sessions."""
        return self._leaves.reading.name

    @property
    def endpoint(self) -> str | None:
        """Where the link is, or where the next attempt would go; None when no endpoint is known."""
        return self._report.endpoint

    @property
    def link(self) -> int:
        """The number of the present attempt or link."""
        return self._leaves.attempt.link

    @property
    def answering(self) -> Who:
        """Which image and which process have answered on the present link, as far as they have said."""
        return self._leaves.attempt.connection.look.who

    @property
    def session(self) -> Session:
        """The session in use; to be looked at only."""
        return self._leaves.session

    # What concerns several parts

    def _opened(self, event: inputs.Opened) -> None:
        if self._leaves.attempt.is_in(event.link, Phase.OPENING):
            self._note_stall()
        self._conversation.opened(event)

    def _received(self, event: inputs.Received) -> None:
        if self._leaves.attempt.is_in(event.link, Phase.HANDSHAKE, Phase.SWITCHING, Phase.UP):
            if self._conversation.is_timed:
                self._note_stall()
            self._conversation.received(event)

    def _published(self, event: inputs.Published) -> None:
        if self._notifications.is_late(STALL_S):
            self._note_stall()  # what waited meanwhile may be more than there was room for
        self._notifications.published(event)

    def _woke(self, event: inputs.Woke) -> None:
        self._disturbances.woke(event.slept_s)
        self._disturbed(MachineWoke(at=self._turn.now.utc, slept_s=event.slept_s))

    def _network_changed(self, _: inputs.NetworkChanged) -> None:
        self._disturbed(NetworkMoved(at=self._turn.now.utc))

    def _disturbed(self, event: JournalOnly) -> None:
        if self.state is not State.DISCONNECTED:
            self._note_stall()
            self._disturbances.disturbed(event)

    def _note_stall(self) -> None:
        """Where this process itself stood still past the next deadline, judge nothing for a moment.

        So what came meanwhile is heard first. It is called before the input changes that deadline.
        """
        attempt = self._leaves.attempt
        if attempt.phase is Phase.IDLE or attempt.waits:
            return
        if attempt.stall.note(self.next_deadline(), self._turn.now.monotonic_s):
            self._notifications.held_up()

    def _time_passed(self, _: inputs.TimePassed) -> None:
        leaves, turn, report = self._leaves, self._turn, self._report
        now, attempt = turn.now.monotonic_s, leaves.attempt
        self._note_stall()
        leaves.parts.go_on(now)
        self._restore.go_on()
        self._disturbances.look_around()
        if now >= attempt.stall.expired_from:
            turn.effects += leaves.exchange.expire(turn.now, report.last_error, report.failure)
            self._conversation.send_next()  # which is no verdict
        if attempt.stall.is_blind(now):
            return
        if attempt.until <= now:
            self._phase_over()
        self._health.look_at_link()
        self._health.look_at_path()
        self._notifications.time_passed()
        self._conversation.send_next()

    def _phase_over(self) -> None:
        """The phase has lasted as long as it may: its owner does what is to follow (link/phase.py says what)."""
        match self._leaves.attempt.phase:
            case Phase.LOADING:
                self._restore.lasted_too_long()
            case Phase.HANDSHAKE | Phase.SWITCHING:
                self._conversation.phase_over()
            case _:
                self._dialer.phase_over()
