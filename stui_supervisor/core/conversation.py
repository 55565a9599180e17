"""What is said on a link: the handshake, the requests, and what the image says of itself."""

from __future__ import annotations

from typing import Final

from stui_supervisor.core.dialer import Dialer
from stui_supervisor.core.health import BUSY, Health
from stui_supervisor.core.notifications import Notifications
from stui_supervisor.core.profile_in_use import ProfileInUse
from stui_supervisor.core.replication import Replication
from stui_supervisor.core.report import Report
from stui_supervisor.core.shared import Leaves, Questions, Turn
from stui_supervisor.core.succession import ANOTHER_IMAGE, Succession
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.link.handshake import Handshake
from stui_supervisor.link.messages import Opened, Received
from stui_supervisor.link.phase import Phase
from stui_supervisor.link.replies import not_identified, trouble_in
from stui_supervisor.link.steps import (
    Ask,
    Ending,
    Established,
    Failed,
    Merge,
    PushContext,
    Rejected,
    Step,
    SwitchSession,
    Unpinned,
)
from stui_supervisor.machine.states import DegradedReason, Trigger
from stui_supervisor.peer.identity import Identity
from stui_supervisor.peer.process import Who, has_begun_anew, who_answers
from stui_supervisor.printable import printable
from stui_supervisor.problems import ProblemCode
from stui_supervisor.requests.exchange import PairedReply
from stui_supervisor.requests.request import Purpose
from stui_supervisor.session.messages import Loaded
from stui_supervisor.wire.dialects import Dialect, Reply
from stui_supervisor.wire.strict_json import MalformedMessage

IMAGE_NOT_NAMED: Final = "the backend does not say which image it is, so another image at this endpoint is not noticed"
IMAGE_NOT_NAMED_HINT: Final = "give each image an endpoint of its own, or pin the backend's key"
ANOTHER_PROCESS: Final = "the image was started again behind this connection"


class Conversation:
    """An open link, from its handshake on: what comes in is followed, and what is due goes out."""

    def __init__(  # noqa: PLR0913  # all that it has to do with
        self,
        turn: Turn,
        report: Report,
        leaves: Leaves,
        *,
        profile: ProfileInUse,
        dialer: Dialer,
        health: Health,
        questions: Questions,
        replication: Replication,
        notifications: Notifications,
        succession: Succession,
    ) -> None:
        self._turn = turn
        self._report = report
        self._profile = profile
        self._dialer = dialer
        self._health = health
        self._questions = questions
        self._replication = replication
        self._notifications = notifications
        self._succession = succession
        self._attempt = leaves.attempt
        self._session = leaves.session
        self._exchange = leaves.exchange

    # The handshake

    def opened(self, event: Opened) -> None:
        """The transport is up: shake hands."""
        attempt = self._attempt
        if not attempt.is_in(event.link, Phase.OPENING):
            return
        self._dialer.opened()
        self._health.watch()
        attempt.connection.handshake = self._succession.handshake(gives_copy_up=self._replication.gives_copy_up())
        attempt.shake_hands(self._turn.now.monotonic_s)
        self._follow(attempt.connection.handshake.begin())

    def _follow(self, step: Step) -> None:
        """Do what the handshake asks for next.

        On a link that is up that is about the image's copy of the work, which could not be given before.
        """
        is_up = self._attempt.is_up
        purpose = Purpose.COPY if is_up else Purpose.HANDSHAKE
        match step:
            case Ask(dialect, operation, secret):
                self._questions.ask_in(dialect, purpose, operation, secret)
            case PushContext(dialect, session):
                self._replication.push(purpose, dialect, session)
            case Merge():
                self._merge(step)
            case SwitchSession() if is_up:
                self._dialer.lose(Failure(FailureKind.RESET, ANOTHER_IMAGE))
            case SwitchSession(image):
                self._switch(image)
            case Established() if is_up:
                self._copy_settled(step)
            case Established():
                self._established(step)
            case _:
                self._end_with(step)

    @property
    def _handshake(self) -> Handshake:
        handshake = self._attempt.connection.handshake
        if handshake is None:
            raise AssertionError("a step without a handshake")
        return handshake

    def _merge(self, step: Merge) -> None:
        handshake = self._handshake
        if step.made is not None:  # the next attempt, should this one fail, makes no other
            self._session.made(str(self._attempt.endpoint), step.made, handshake.verdict)
        if self._questions.is_look_old:
            self._follow(handshake.look_first(step))
        else:
            self._replication.merge_state(
                step.state, lambda is_newer: self._follow(handshake.merged(ours_is_newer=is_newer))
            )

    def _end_with(self, ending: Ending) -> None:
        """End the attempt or the link, for what its backend has answered."""
        match ending:
            case Rejected(error):
                self._dialer.reject(error)
            case Unpinned(failure):
                self._dialer.not_pinned(failure)
            case Failed(failure):
                self._dialer.lose(failure)

    def _established(self, step: Established) -> None:
        attempt, report, now = self._attempt, self._report, self._turn.now.monotonic_s
        self._succession.end_what_is_not_for(step)
        self._session.established(str(attempt.endpoint), step.known, now)
        attempt.enter(Phase.UP)
        attempt.connection.dialect = step.known.dialect or Dialect.COMMAND
        self._health.established()
        report.last_link.backend_verdict = step.verdict
        report.note_error(None)
        self._replication.begin()
        self._replication.established(step)
        if step.known.session is not None:
            self._replication.tell_of_long_id(step.known.session)
        if attempt.connection.look.image is None and self._session.tell_unnamed(now):
            report.problem(ProblemCode.IMAGE_NOT_NAMED, IMAGE_NOT_NAMED, IMAGE_NOT_NAMED_HINT)
        self._dialer.arrived()
        words = self._succession.verdict_in_words(step)
        report.move(Trigger.ESTABLISHED, f"{words} (liveness: {report.last_link.liveness_source})")
        self._exchange.link_up(step.capabilities, attempt.secret)
        self.send_next()
        self._notifications.established(step)

    def _copy_settled(self, step: Established) -> None:
        """A copy that was not given while shaking hands is here, or certainly not."""
        self._session.established(str(self._attempt.endpoint), step.known, self._turn.now.monotonic_s)
        self._report.last_link.backend_verdict = step.verdict
        self._replication.established(step)
        self._report.note_status()

    # Another image's session

    def _switch(self, image: Identity) -> None:
        if not self._profile.is_named:  # no work of another session goes where nobody has sent it
            self._dialer.reject(Failure(FailureKind.IMAGE_NOT_IMPORTED, printable(image.text)).as_rejection())
        elif self._succession.switch(image):
            self._go_on_with_session()

    def switched(self, event: Loaded) -> None:
        """The session of the image that answers has been read: go on with it."""
        self._succession.switched(event)
        self._go_on_with_session()

    def switch_in_memory(self, *, has_failed: bool = False) -> None:
        """The session of the image that answers was not read, or not in time: go on with one in memory."""
        self._succession.switch_in_memory(has_failed=has_failed)
        self._go_on_with_session()

    def _go_on_with_session(self) -> None:
        handshake = self._attempt.connection.handshake
        if handshake is not None:
            self._follow(handshake.switched(self._session.begin_handshake(str(self._attempt.endpoint))))

    # What goes out

    def send_next(self) -> None:
        """Send what is due. Where the image said too long ago who it is, it is asked that first, and the rest waits."""
        attempt, replication = self._attempt, self._replication
        if attempt.phase is not Phase.UP or replication.look_first():
            return
        self._turn.effects += self._exchange.send_next(attempt.link, attempt.connection.dialect, self._turn.now)
        replication.send_due()
        handshake = attempt.connection.handshake
        if handshake is not None and replication.take_copy():
            self._follow(handshake.resumed(gives_copy_up=replication.gives_copy_up()))

    # What comes in

    @property
    def is_timed(self) -> bool:
        """True when the time of the next reply counts: for how long a ping took, or to tell it from heartbeats."""
        flight = self._exchange.flight
        return (flight is not None and flight.purpose is Purpose.PING) or self._health.is_learning

    def received(self, event: Received) -> None:
        """The present link brought a reply."""
        is_learning = self._health.is_learning
        self._health.replied()
        landed, effects = self._exchange.received(event.token, event.body, self._turn.now)
        self._turn.effects += effects
        if landed is None:
            return
        self._health.heard()
        if landed.purpose is Purpose.HANDSHAKE:
            self._handshake_answered(landed)
            return
        self._own_answered(landed)
        if not self._attempt.is_up:
            return
        if is_learning:
            self._health.look_at_path()  # before anything else is asked, so that what came is no part of a reply
        self._health.regain("the image answers again", DegradedReason.BUSY, DegradedReason.SILENT)
        self.send_next()

    def _own_answered(self, landed: PairedReply) -> None:
        """Follow the reply to a message of the supervisor's own."""
        match landed.purpose:
            case Purpose.PING:
                self._ping_answered(landed)
            case Purpose.PUSH:
                self._replication.push_answered(landed)
            case Purpose.SESSION:
                self._replication.session_made(landed)
            case Purpose.OWNER:
                self._replication.owner_answered(landed)
            case Purpose.COPY if self._attempt.connection.handshake is not None:
                step = self._next_step(self._attempt.connection.handshake, landed)
                if self._attempt.is_up:
                    self._follow(step)
            case _:
                pass

    def _handshake_answered(self, landed: PairedReply) -> None:
        connection = self._attempt.connection
        if connection.handshake is None or self._attempt.phase is not Phase.HANDSHAKE:
            return
        if connection.rtt_ms is None and isinstance(landed.reply, Reply):
            connection.rtt_ms = landed.rtt_s * 1000
        self._attempt.shake_hands(self._turn.now.monotonic_s)
        self._follow(self._next_step(connection.handshake, landed))

    def _next_step(self, handshake: Handshake, landed: PairedReply) -> Step:
        before, had = handshake.who, handshake.session  # by now others may have looked too
        step = handshake.answered(landed.reply, is_to_latest=landed.is_to_latest)
        if had is not None and handshake.session is None:
            self._session.missed(str(self._attempt.endpoint), handshake.verdict)
        if handshake.who is not None and handshake.who is not before:
            self._saw(handshake.who)
        return step

    def _ping_answered(self, landed: PairedReply) -> None:
        """See whether it is still the same image in the same dialect, and how fast it has answered.

        Not how fast where this process stood still meanwhile.
        """
        attempt = self._attempt
        is_timed = not attempt.stall.is_blind(self._turn.now.monotonic_s)
        image = self._session.record.image or attempt.connection.look.image
        ending = trouble_in(
            landed.reply,
            attempt.connection.dialect,
            pin=self._profile.settled.pin_image,
            image=image,
            has_token=attempt.secret is not None,
        )
        if ending is not None:
            self._end_with(ending)
            return
        self._looked(landed.reply)
        if is_timed and attempt.is_up:
            self._health.ping_took(landed.rtt_s)

    def _looked(self, reply: Reply | MalformedMessage) -> None:
        """Nothing in this reply to a ping ends the link: note who answers, and go on with what waited for that."""
        look, now = self._attempt.connection.look, self._turn.now.monotonic_s
        if not isinstance(reply, Reply) or not reply.ok:
            if look.refused(now) and (look.is_before_session or self._exchange.waiting):
                self._dialer.lose(not_identified(reply))
        else:
            self._saw(who_answers(reply.result))
            if look.is_before_session and self._attempt.is_up:
                look.is_before_session = False
                self._replication.ask_for_session()
        self._notifications.looked(reply)

    def _saw(self, who: Who) -> None:
        """Note who answers. On a link in use it may be another process by now, which ends what was for the earlier."""
        look, now, is_up = self._attempt.connection.look, self._turn.now, self._attempt.is_up
        away_s = now.monotonic_s - look.seen.monotonic_s if look.seen is not None else 0.0
        if is_up and who.process.is_same_as(look.who.process, away_s) is False:
            self._turn.effects += self._exchange.end_of_process(now, on_this_link=True)
            if self._session.record.session is not None and has_begun_anew(who.process, look.who.process, away_s):
                self._dialer.lose(Failure(FailureKind.RESET, ANOTHER_PROCESS))
                return
        look.saw(who, now)
        if is_up and who.image is not None:
            self._session.note_name(who.image, now.monotonic_s)

    # Time

    def phase_over(self) -> None:
        """Shaking hands, or changing to another session, has lasted as long as it may."""
        attempt = self._attempt
        match attempt.phase:
            case Phase.HANDSHAKE:
                self._report.note_error(BUSY, FailureKind.BUSY_HANDSHAKE)
                attempt.shake_hands(self._turn.now.monotonic_s)
                step = attempt.connection.handshake.silence() if attempt.connection.handshake else None
                if step is not None:
                    self._follow(step)
            case Phase.SWITCHING:
                self.switch_in_memory()
            case _:
                pass
