"""What goes on from one link to the next, and what ends: another image, another process, another session."""

from __future__ import annotations

from typing import Final

from stui_supervisor.config import Settings
from stui_supervisor.core.report import Report
from stui_supervisor.core.shared import Leaves, Turn
from stui_supervisor.events import SessionSwitched
from stui_supervisor.link.handshake import Handshake
from stui_supervisor.link.phase import Phase
from stui_supervisor.link.steps import Established
from stui_supervisor.machine.states import BackendVerdict, Work
from stui_supervisor.peer.identity import Identity
from stui_supervisor.session.messages import Loaded
from stui_supervisor.session.records import found_in

VERDICTS: Final = {
    BackendVerdict.RESUMED: "the backend kept the session",
    BackendVerdict.RESTARTED: "the image was started again, or had lost the session; it has the work again",
    BackendVerdict.DIFFERENT_IMAGE: "another image answers; its own session is in use",
    BackendVerdict.UNKNOWN: "a first session with this backend, or one that keeps none",
}
WITHOUT_SESSION: Final = {
    **dict.fromkeys(BackendVerdict, "no session is kept"),
    BackendVerdict.DIFFERENT_IMAGE: "another image answers; no session is kept",
}
NOT_GIVEN: Final = "the backend did not manage to give the session; it is asked again"
ANOTHER_IMAGE: Final = "another image answers at this endpoint"


class Succession:
    """Compares who answers now with who answered before, and changes to another image's session."""

    def __init__(self, turn: Turn, settings: Settings, report: Report, leaves: Leaves) -> None:
        self._turn = turn
        self._settings = settings
        self._report = report
        self._attempt = leaves.attempt
        self._session = leaves.session
        self._exchange = leaves.exchange
        self._lineage = leaves.lineage

    def handshake(self, *, gives_copy_up: bool) -> Handshake:
        """The handshake of the attempt, with what is known of the backend from before."""
        attempt = self._attempt
        return Handshake(
            self._session.begin_handshake(str(attempt.endpoint)),
            with_session=self._settings.keeps_session,
            secret=attempt.secret,
            pin=attempt.settled.pin,
            gives_copy_up=gives_copy_up,
            earlier=self._lineage.last_seen(attempt.endpoint, self._turn.now),
            utc=self._turn.now.utc,
        )

    def verdict_in_words(self, step: Established) -> str:
        """What the handshake found, for the user."""
        if step.has_unread_copy:
            return NOT_GIVEN
        return (VERDICTS if self._settings.keeps_session else WITHOUT_SESSION)[step.verdict]

    def end_what_is_not_for(self, step: Established) -> None:
        """End the requests that wait for another image than the one that answers, or for an earlier process."""
        # With a session it ended when that was switched; without one it may be for an endpoint that was named since.
        attempt, now = self._attempt, self._turn.now
        is_bound = not self._settings.keeps_session and self._session.record.endpoint == str(attempt.endpoint)
        if step.verdict is BackendVerdict.DIFFERENT_IMAGE and is_bound:
            self._turn.effects += self._exchange.end_waiting(ANOTHER_IMAGE, now)
        goes_on = self._lineage.goes_on(attempt.endpoint, attempt.connection.look.who.process, now)
        if step.is_another_process or (step.verdict is not BackendVerdict.RESUMED and not goes_on):
            self._turn.effects += self._exchange.end_of_process(now)

    def switch(self, image: Identity) -> bool:
        """Change to this image's session; False while it has to be loaded first."""
        self._attempt.enter(Phase.SWITCHING, self._turn.now.monotonic_s + self._settings.restore_timeout_s)
        if self._session.is_parked(image):
            self.switch_in_memory()
            return True
        self._turn.effects += self._session.load(image)
        return False

    def switched(self, event: Loaded) -> None:
        """The session of the image that answers has been read: use it."""
        image, now = self._attempt.connection.look.image, self._turn.now.monotonic_s
        self._turn.effects += self._session.switch(event.claimed, image, now)
        self._report.restored = found_in(event.claimed)
        self._tell_switch()

    def switch_in_memory(self, *, has_failed: bool = False) -> None:
        """Go on with a session that is parked, or that no disk has; ``has_failed`` when it could not be loaded."""
        image, now = self._attempt.connection.look.image, self._turn.now.monotonic_s
        self._turn.effects += self._session.switch_in_memory(image, now, has_failed=has_failed)
        self._report.restored = Work.RESTORED if self._session.context else Work.FRESH
        self._tell_switch()

    def _tell_switch(self) -> None:
        now, record = self._turn.now, self._session.record
        session_id = self._session.id or ""
        self._turn.announce(
            SessionSwitched(at=now.utc, session_id=session_id, image_id=record.image_id, reason=ANOTHER_IMAGE)
        )
        self._turn.effects += self._exchange.link_down(now, reason=ANOTHER_IMAGE, keep_waiting=False)
        self._attempt.shake_hands(now.monotonic_s)
