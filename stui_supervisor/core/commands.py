"""What the user says: connect, disconnect, reconnect, a request, a change of the work; and the start and the stop."""

from __future__ import annotations

from math import inf
from typing import Final

from stui_supervisor.config import LAST_PUSH_S
from stui_supervisor.core.conversation import Conversation
from stui_supervisor.core.dialer import Dialer
from stui_supervisor.core.inputs import Cancel, Connect, Disconnect, Reconnect, SaveContext, Start, Stop, Submit
from stui_supervisor.core.link_end import LinkEnd
from stui_supervisor.core.notifications import Notifications
from stui_supervisor.core.profile_in_use import ProfileInUse
from stui_supervisor.core.replication import Replication
from stui_supervisor.core.report import Report
from stui_supervisor.core.restore import Restore
from stui_supervisor.core.shared import Leaves, Turn
from stui_supervisor.link.phase import Phase
from stui_supervisor.machine.states import State, Trigger

_USER_RECONNECTS: Final = "the user asked for a new link"


class Commands:
    """What the user asks of a running supervisor."""

    def __init__(  # noqa: PLR0913  # all that it has to do with
        self,
        turn: Turn,
        report: Report,
        leaves: Leaves,
        *,
        profile: ProfileInUse,
        link_end: LinkEnd,
        dialer: Dialer,
        restore: Restore,
        replication: Replication,
        conversation: Conversation,
    ) -> None:
        self._turn = turn
        self._report = report
        self._profile = profile
        self._link_end = link_end
        self._dialer = dialer
        self._restore = restore
        self._replication = replication
        self._conversation = conversation
        self._leaves = leaves

    def connect(self, event: Connect) -> None:
        """The user names an endpoint."""
        leaves, now = self._leaves, self._turn.now.monotonic_s
        is_same = leaves.route.first == event.endpoint
        known_by = self._restore.until
        self.forget_trouble()
        self._dialer.forget_refusals()
        self._link_end.end(_USER_RECONNECTS if is_same else "another endpoint was named", keep_waiting=is_same)
        self._dialer.begin_anew()
        self._profile.wish(wanted=True)
        leaves.session.named(str(event.endpoint), now)
        leaves.route.name(event.endpoint)
        leaves.attempt.endpoint = event.endpoint
        self._report.move(Trigger.CONNECT, "the user named an endpoint")
        self._restore.wait_until(known_by)
        self._turn.effects += self._profile.reading.begin()  # it may have changed while no link was wanted
        self._restore.leave_if_read()

    def disconnect(self, _: Disconnect) -> None:
        """The user wants no link."""
        self._profile.wish(wanted=False)
        if self._report.state is not State.DISCONNECTED:
            self._link_end.end("the user disconnected", keep_waiting=False)
            self._report.move(Trigger.DISCONNECT, "the user disconnected")

    def reconnect(self, _: Reconnect) -> None:
        """The user wants a new link, or the next attempt now."""
        attempt = self._leaves.attempt
        self._dialer.forget_refusals()
        if self._report.state is State.DISCONNECTED:
            self.forget_trouble()
            self._profile.wish(wanted=True)
            self._report.move(Trigger.RESTORE, _USER_RECONNECTS)
            self._restore.begin()
        elif attempt.phase is Phase.PROFILE:
            self._turn.effects += self._profile.reading.begin()
        elif attempt.is_up:
            self._dialer.redial_lost(_USER_RECONNECTS)
        elif attempt.waits or attempt.phase is Phase.HANDSHAKE:
            # A handshake may hang on a reply that got lost; only the user can know that it is not a busy image.
            self._dialer.redial(_USER_RECONNECTS)

    def forget_trouble(self) -> None:
        """The user begins anew: what was wrong before says nothing of what is."""
        self._report.rejection = None
        self._report.note_error(None)

    def submit(self, event: Submit) -> None:
        """A request of the user's."""
        report, exchange, now = self._report, self._leaves.exchange, self._turn.now
        if report.state is State.DISCONNECTED:
            why = f"there is no link and none is wanted: {report.last_error or 'connect first'}"
            self._turn.effects += exchange.refuse(event.request, why, now, report.failure)
            return
        self._turn.effects += exchange.submit(event.request, now)
        self._conversation.send_next()

    def cancel(self, event: Cancel) -> None:
        """Nobody waits for a request any more."""
        self._turn.effects += self._leaves.exchange.cancel(event.request, self._turn.now)

    def context_changed(self) -> None:
        """The user has changed the work."""
        self._leaves.session.saver.context_changed(self._turn.now.monotonic_s)
        self._replication.changed()

    def save(self, event: SaveContext) -> None:
        """The user wants the work on the disk now."""
        self._turn.effects += self._leaves.session.save_wanted(event.waiter, self._turn.now.monotonic_s)


class Lifetime:
    """The start and the stop. ``leaves_by`` is the monotonic time at which a stop waits no longer, or infinity."""

    def __init__(  # noqa: PLR0913  # all that it has to do with
        self,
        turn: Turn,
        report: Report,
        leaves: Leaves,
        *,
        commands: Commands,
        link_end: LinkEnd,
        dialer: Dialer,
        restore: Restore,
        replication: Replication,
        notifications: Notifications,
    ) -> None:
        self._turn = turn
        self._report = report
        self._commands = commands
        self._link_end = link_end
        self._dialer = dialer
        self._restore = restore
        self._replication = replication
        self._notifications = notifications
        self._leaves = leaves
        self.leaves_by = inf

    def start(self, event: Start) -> None:
        """The program starts."""
        if self._report.state is not State.DISCONNECTED:
            return
        if not self._restore.is_running:
            self._notifications.begin_run()
        self._restore.begin_run()
        self._commands.forget_trouble()
        self._dialer.forget_refusals()
        self._leaves.route.name(event.endpoint)
        self._leaves.attempt.endpoint = event.endpoint
        self._report.move(Trigger.RESTORE, "the program starts")
        self._restore.begin()

    def stop(self, _: Stop) -> None:
        """End, once the image has what was changed last; a second stop does not wait for that."""
        now = self._turn.now
        self._turn.effects += self._leaves.exchange.end_waiting("the program ends", now)  # none is sent any more
        if self.leaves_by < inf or not self._replication.last_push():
            self._end()
            return
        self.leaves_by = now.monotonic_s + LAST_PUSH_S
        self._leaves.session.saver.wanted(now.monotonic_s)

    def end_if_pushed(self) -> None:
        """After each input while a stop waits: end when the image has everything, or it has lasted too long."""
        if self._turn.now.monotonic_s >= self.leaves_by or not self._replication.last_push():
            self._end()

    def _end(self) -> None:
        self.leaves_by = inf
        self._restore.finish()
        if self._report.state is not State.DISCONNECTED:
            self._link_end.end("the program ends", keep_waiting=False)
            self._report.move(Trigger.STOP, "the program ends")
        self._restore.end_run()
        self._turn.effects += self._leaves.session.finish()
