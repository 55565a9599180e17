"""A machine that sleeps, and one whose network becomes another, under the link.

Neither event says anything about the link. So it never changes the state by itself, and a link that
is up is asked, not cut. What had been decided on grounds that may be gone (to wait, to go on trying)
is decided again: at once, but at most once a second however often the network changes.
"""

from __future__ import annotations

from random import Random
from typing import Final

from stui_supervisor.config import PROBE_PAUSE_S, Settings
from stui_supervisor.core import inputs
from stui_supervisor.core.attempt import Phase
from stui_supervisor.core.pace import Pace
from stui_supervisor.core.uplink import Uplink
from stui_supervisor.events import JournalOnly, MachineWoke, NetworkMoved
from stui_supervisor.machine.states import State
from stui_supervisor.session.session import Session

_WOKE: Final = "the machine woke from sleep"
_CHANGED: Final = "the network changed"


class Moving(Uplink):
    """What waking and moving mean for the attempt or the link of the moment."""

    def __init__(
        self,
        session: Session,
        settings: Settings,
        rng: Random,
        *,
        profile: str,
        pid: int,
        has_credentials: bool,
        can_look: bool,
    ) -> None:
        super().__init__(
            session, settings, rng, profile=profile, pid=pid, has_credentials=has_credentials, can_look=can_look
        )
        self._pace = Pace(PROBE_PAUSE_S)
        self._moved_link = 0
        self._woken_link: int | None = None
        self._hurried_link = 0

    def _woke(self, event: inputs.Woke) -> None:
        now = self._now.monotonic_s
        self._woken_link = self._attempt.link
        self._liveness.woke(now)
        self._exchange.woke()
        self._attempt.look.slept(event.slept_s)
        self._lineage.slept(event.slept_s)
        if self._attempt.path is not None:
            self._attempt.path.woke(now)
        self._moved(MachineWoke(at=self._now.utc, slept_s=event.slept_s))

    def _network_changed(self, _: inputs.NetworkChanged) -> None:
        self._moved(NetworkMoved(at=self._now.utc))

    def _moved(self, event: JournalOnly) -> None:
        if self.state is State.DISCONNECTED:
            return
        self._note_stall()
        self._announce(event)
        self._moved_link = self._attempt.link
        self._pace.want(self._now.monotonic_s)
        self._look_around()

    def _end_link(self, reason: str, *, keep_waiting: bool) -> None:
        super()._end_link(reason, keep_waiting=keep_waiting)
        if not keep_waiting:
            self._pace.forget()  # no link is wanted, so that no move needs a look any more

    def _look_around(self) -> None:
        """Do what a move asks for, if there was one and it is time."""
        if not self._pace.take(self._now.monotonic_s):
            return
        has_woken, self._woken_link = self._woken_link == self._attempt.link, None
        if self._attempt.link != self._moved_link:
            return  # what is under way was begun after the move
        self._backoff.forgive()
        self._route.forgive()
        if self._attempt.phase is Phase.UP:
            self._probe()
        elif self._is_out_of_date(has_woken=has_woken):
            if has_woken:
                self._backoff.reset()
            self._end_link(_WOKE if has_woken else _CHANGED, keep_waiting=True)
            self._begin_attempt()
            self._hurried_link = self._attempt.link

    def _is_out_of_date(self, *, has_woken: bool) -> bool:
        """True when another attempt is better than the present one, or than waiting."""
        match self._attempt.phase:
            case Phase.WAITING | Phase.LOOKING:
                return True
            case Phase.OPENING:
                # A network that changes all the time must not keep every attempt from its end.
                return has_woken or self._attempt.link != self._hurried_link
            case Phase.HANDSHAKE | Phase.SWITCHING:
                return has_woken
            case _:
                return False

    def _probe(self) -> None:
        """Ask whoever can tell whether the link still works; an image that owes an answer is asked already."""
        if self._exchange.flight is None:
            self._ping()
        if self._attempt.path is not None:
            self._attempt.path.look_by(self._now.monotonic_s)
            self._look_at_path()
