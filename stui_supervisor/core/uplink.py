"""What is said on a link: the handshake, the requests, and whether anyone is there."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from stui_supervisor.config import LOOK_OLD_S
from stui_supervisor.core import inputs
from stui_supervisor.core.attempt import Phase
from stui_supervisor.core.effects import Knock, LookAtPath
from stui_supervisor.core.pushing import Pushing
from stui_supervisor.events import SessionSwitched
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.health.heartbeats import Heartbeats
from stui_supervisor.health.path import PathVerdict, PathWatch
from stui_supervisor.health.pings import Finding
from stui_supervisor.health.sample import source_of
from stui_supervisor.link.handshake import Handshake
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
from stui_supervisor.machine.states import BackendVerdict, DegradedReason, State, Trigger, Work
from stui_supervisor.peer.identity import Identity
from stui_supervisor.peer.process import Who, has_begun_anew, who_answers
from stui_supervisor.printable import printable
from stui_supervisor.problems import ProblemCode
from stui_supervisor.requests.exchange import PairedReply
from stui_supervisor.requests.request_queue import Purpose
from stui_supervisor.session.records import found_in
from stui_supervisor.wire.dialects import Dialect, Operation, Reply
from stui_supervisor.wire.strict_json import MalformedMessage

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
ANOTHER_IMAGE: Final = "another image answers at this endpoint"
IMAGE_NOT_NAMED: Final = "the backend does not say which image it is, so another image at this endpoint is not noticed"
IMAGE_NOT_NAMED_HINT: Final = "give each image an endpoint of its own, or pin the backend's key"
NOT_GIVEN: Final = "the backend did not manage to give the session; it is asked again"
BUSY: Final = str(Failure(FailureKind.BUSY_HANDSHAKE))
ANOTHER_PROCESS: Final = "the image was started again behind this connection"


class Uplink(Pushing):
    """An open link, from its handshake on."""

    def _opened(self, event: inputs.Opened) -> None:
        attempt = self._attempt
        if event.link != attempt.link or attempt.phase is not Phase.OPENING:
            return
        self._note_stall()
        self._refused_keys.forget()
        self._effects += self._lookout.look_at(())
        is_known = attempt.endpoint in self._without_heartbeats
        attempt.path = PathWatch(self._settings, self._now.monotonic_s, lives_in_silence=is_known)
        self._look_at_path()
        attempt.handshake = Handshake(
            self._session.begin_handshake(str(attempt.endpoint)),
            with_session=self._settings.keeps_session,
            secret=attempt.secret,
            pin=attempt.settled.pin,
            gives_copy_up=self._gives_copy_up(),
            earlier=self._lineage.last_seen(attempt.endpoint, self._now),
            utc=self._now.utc,
        )
        attempt.enter(Phase.HANDSHAKE, self._now.monotonic_s + self._settings.handshake_notice_s)
        self._follow(attempt.handshake.begin())

    def _follow(self, step: Step) -> None:
        """Go on with the handshake: before the link is up, or beside the requests with what it had to leave."""
        handshake, is_up = self._attempt.handshake, self._attempt.phase is Phase.UP
        if handshake is None:
            raise AssertionError("a step without a handshake")
        purpose = Purpose.COPY if is_up else Purpose.HANDSHAKE
        match step:
            case Ask(dialect, operation, secret):
                self._ask(purpose, dialect, operation, secret)
            case PushContext(dialect, session):
                self._push(purpose, dialect, session)
            case Merge():
                self._merge_for(step, handshake)
            case SwitchSession() if is_up:
                self._lost(inputs.Lost(self._attempt.link, Failure(FailureKind.RESET, ANOTHER_IMAGE)))
            case SwitchSession(image):
                if self._is_named:
                    self._switch(image)
                else:  # no work of another session goes where nobody has sent it
                    self._reject_unnamed(image)
            case Established() if is_up:
                self._copy_settled(step)
            case Established():
                self._established(step)
            case _:
                self._end_with(step)

    def _reject_unnamed(self, image: Identity) -> None:
        failure = Failure(FailureKind.IMAGE_NOT_IMPORTED, printable(image.text))
        self._reject(failure.as_rejection())

    def _merge_for(self, step: Merge, handshake: Handshake) -> None:
        if step.made is not None:  # the next attempt, should this one fail, makes no other
            self._session.made(str(self._attempt.endpoint), step.made, handshake.verdict)
        if self._is_look_old():
            self._follow(handshake.look_first(step))
        else:
            self._merge(step.state, lambda is_newer: self._follow(handshake.merged(ours_is_newer=is_newer)))

    def _is_look_old(self) -> bool:
        return self._attempt.look.is_old(self._now.monotonic_s, min(LOOK_OLD_S, self._settings.ping_interval_s))

    def _end_with(self, ending: Ending) -> None:
        """What answers keeps the link from coming up, or from going on."""
        match ending:
            case Rejected(error):
                self._reject(error)
            case Unpinned(failure):
                self._not_pinned(failure)
            case Failed(failure):
                self._lost(inputs.Lost(self._attempt.link, failure))

    def _established(self, step: Established) -> None:
        self._end_what_is_not_for(step)
        self._session.established(str(self._attempt.endpoint), step.known, self._now.monotonic_s)
        self._attempt.enter(Phase.UP, None)
        self._attempt.dialect = step.known.dialect or Dialect.COMMAND
        self._liveness.link_up(self._now.monotonic_s)
        self._status = replace(self._status, backend_verdict=step.verdict)
        self._note_error(None)
        self._denied.begin()
        self._unread.begin()
        self._note_session(step)
        if step.known.session is not None:
            self._tell_of_long_id(step.known.session)
        if self._attempt.look.image is None and self._session.tell_unnamed(self._now.monotonic_s):
            self._problem(ProblemCode.IMAGE_NOT_NAMED, IMAGE_NOT_NAMED, IMAGE_NOT_NAMED_HINT)
        self._arrive()
        words = VERDICTS[step.verdict] if self._settings.keeps_session else WITHOUT_SESSION[step.verdict]
        words = NOT_GIVEN if step.has_unread_copy else words
        self._move(Trigger.ESTABLISHED, f"{words} (liveness: {self._status.liveness_source})")
        self._exchange.link_up(step.capabilities, self._attempt.secret)
        self._send_next()

    def _end_what_is_not_for(self, step: Established) -> None:
        """What waits belongs to an image, and some of it to one process of that."""
        # With a session it ended when that was switched; without one it may be for an endpoint that was named since.
        is_bound = not self._settings.keeps_session and self._session.record.endpoint == str(self._attempt.endpoint)
        if step.verdict is BackendVerdict.DIFFERENT_IMAGE and is_bound:
            self._effects += self._exchange.end_waiting(ANOTHER_IMAGE, self._now)
        attempt = self._attempt
        goes_on = self._lineage.goes_on(attempt.endpoint, attempt.look.who.process, self._now)
        if step.is_another_process or (step.verdict is not BackendVerdict.RESUMED and not goes_on):
            self._effects += self._exchange.end_of_process(self._now)

    def _note_session(self, step: Established) -> None:
        """What the backend takes and gives of the context, and what it has to be asked for again."""
        self._sharing.link_up(takes_it=step.known.session is not None)
        self._attempt.look.saw_session(self._now.monotonic_s)
        if step.has_unread_copy:
            self._copy_not_given(step.refusal or "")
            return
        self._unread.read()
        if step.is_behind:
            self._sharing.put_off(self._now.monotonic_s)
        elif step.may_ask_again and step.refusal:
            self._session_denied(step.refusal, passes=step.is_passing)
        elif step.refusal:
            self._no_backend_session(step.refusal)

    # A copy that was not given while shaking hands

    def _copy_settled(self, step: Established) -> None:
        self._session.established(str(self._attempt.endpoint), step.known, self._now.monotonic_s)
        self._status = replace(self._status, backend_verdict=step.verdict)
        self._note_session(step)
        self._note_status()

    # Another image's session

    def _switch(self, image: Identity) -> None:
        self._attempt.enter(Phase.SWITCHING, self._now.monotonic_s + self._settings.restore_timeout_s)
        if self._session.is_parked(image):
            self._switch_in_memory()
        else:
            self._effects += self._session.load(image)

    def _switched(self, event: inputs.Loaded) -> None:
        self._effects += self._session.switch(event.claimed, self._attempt.look.image, self._now.monotonic_s)
        self._found = found_in(event.claimed)
        self._tell_switch()

    def _switch_in_memory(self, *, has_failed: bool = False) -> None:
        image, now = self._attempt.look.image, self._now.monotonic_s
        self._effects += self._session.switch_in_memory(image, now, has_failed=has_failed)
        self._found = Work.RESTORED if self._session.context else Work.FRESH
        self._tell_switch()

    def _tell_switch(self) -> None:
        reason = ANOTHER_IMAGE
        image_id, session_id = self._session.record.image_id, self._session.id or ""
        self._announce(SessionSwitched(at=self._now.utc, session_id=session_id, image_id=image_id, reason=reason))
        self._effects += self._exchange.link_down(self._now, reason=reason, keep_waiting=False)
        self._attempt.enter(Phase.HANDSHAKE, self._now.monotonic_s + self._settings.handshake_notice_s)
        if self._attempt.handshake is not None:
            self._follow(self._attempt.handshake.switched(self._session.begin_handshake(str(self._attempt.endpoint))))

    # What is said on the link

    def _send_next(self) -> None:
        """Send what is due, once it is known who answers: nothing of the user's goes out on an old look."""
        if self._attempt.phase is not Phase.UP or self._looks_first():
            return
        dialect = self._attempt.dialect
        self._effects += self._exchange.send_next(self._attempt.link, dialect, self._now)
        due = self._sharing.next_deadline()
        if due is not None and due <= self._now.monotonic_s:
            self._share()
        is_free = self._exchange.flight is None and not self._parts.are_left
        if is_free and self._denied.take(self._now.monotonic_s):
            self._make_session_again()
        handshake, is_free = self._attempt.handshake, self._exchange.flight is None and not self._parts.are_left
        if handshake is not None and is_free and self._unread.take(self._now.monotonic_s):
            self._follow(handshake.resumed(gives_copy_up=self._gives_copy_up()))

    def _looks_first(self, *, is_push_wanted: bool = False) -> bool:
        """True when something is due and the image has to say first who it is, which it is asked then."""
        look, now = self._attempt.look, self._now.monotonic_s
        may_ask = look.may_ask(now)
        is_old = look.is_before_session or self._is_look_old()
        if self._exchange.flight is not None or not is_old:
            return False
        due, copy = self._sharing.next_deadline(), self._unread.next_deadline()
        is_push_due = due is not None and (is_push_wanted or due <= now)
        is_copy_due = copy is not None and copy <= now
        if not (look.is_before_session or is_push_due or is_copy_due or self._exchange.has_next(now)):
            return False
        if may_ask:
            self._ping()
        return True

    def _next_own(self) -> float | None:
        """When something of the supervisor's own is to be sent next, while nothing is in flight."""
        again = self._attempt.look.next_deadline()
        return self._next_asking() if again is None else again  # nothing goes out before

    def _received(self, event: inputs.Received) -> None:
        attempt = self._attempt
        if event.link != attempt.link or attempt.phase not in (Phase.HANDSHAKE, Phase.SWITCHING, Phase.UP):
            return
        flight, path = self._exchange.flight, attempt.path
        is_ping = flight is not None and flight.purpose is Purpose.PING
        is_learning = path is not None and path.heartbeats is not Heartbeats.HEARD
        if is_ping or is_learning:
            self._note_stall()
        if path is not None:
            path.replied()
        landed, effects = self._exchange.received(event.token, event.body, self._now)
        self._effects += effects
        if landed is None:
            return
        self._liveness.heard(self._now.monotonic_s)
        if landed.purpose is Purpose.HANDSHAKE:
            self._handshake_answered(landed)
            return
        self._own_answered(landed)
        if self._attempt.phase is not Phase.UP:
            return
        if is_learning:
            self._look_at_path()  # before anything else is asked, so that what came is no part of a reply
        self._regain("the image answers again", DegradedReason.BUSY, DegradedReason.SILENT)
        self._send_next()

    def _own_answered(self, landed: PairedReply) -> None:
        """Follow the reply to a message of the supervisor's own."""
        match landed.purpose:
            case Purpose.PING:
                self._ping_answered(landed, is_timed=not self._is_blind)
            case Purpose.PUSH:
                if not isinstance(landed.reply, Reply) or not landed.reply.ok:
                    self._attempt.look.forget()  # another image may have taken the place of the one that took them
                self._push_answered(landed)
            case Purpose.SESSION:
                self._session_made(landed)
            case Purpose.OWNER:
                self._owner_answered(landed)
            case Purpose.COPY if self._attempt.handshake is not None:
                step = self._next_step(self._attempt.handshake, landed)
                if self._attempt.phase is Phase.UP:
                    self._follow(step)
            case _:
                pass

    def _ping_answered(self, landed: PairedReply, *, is_timed: bool) -> None:
        """The image answers: see whether it is still the one, still speaks so, and how fast where that was timed."""
        attempt = self._attempt
        image = self._session.record.image or attempt.look.image
        ending = trouble_in(
            landed.reply,
            attempt.dialect,
            pin=self._profile.pin_image,
            image=image,
            has_token=attempt.secret is not None,
        )
        if ending is not None:
            self._end_with(ending)
            return
        self._looked(landed.reply)
        if is_timed and attempt.phase is Phase.UP:
            self._ping_took(landed.rtt_s)

    def _looked(self, reply: Reply | MalformedMessage) -> None:
        """It is the image that it was; go on with what waited for that."""
        look, now = self._attempt.look, self._now.monotonic_s
        if not isinstance(reply, Reply) or not reply.ok:
            if look.refused(now) and (look.is_before_session or self._exchange.waiting):
                self._lost(inputs.Lost(self._attempt.link, not_identified(reply)))
            return
        self._saw(who_answers(reply.result))
        if look.is_before_session and self._attempt.phase is Phase.UP:
            look.is_before_session = False
            self._ask_for_session()

    def _ping_took(self, rtt_s: float) -> None:
        """See whether the image is slow."""
        self._status = replace(self._status, rtt_ms=rtt_s * 1000)
        self._liveness.pinged(rtt_s)
        if self._liveness.is_slow:
            self._degrade(DegradedReason.SLOW, f"a ping took {rtt_s:.1f} s")
        else:
            self._regain("pings are answered quickly again", DegradedReason.SLOW)

    def _handshake_answered(self, landed: PairedReply) -> None:
        attempt = self._attempt
        if attempt.handshake is None or attempt.phase is not Phase.HANDSHAKE:
            return
        if self._status.rtt_ms is None and isinstance(landed.reply, Reply):
            self._status = replace(self._status, rtt_ms=landed.rtt_s * 1000)
        attempt.enter(Phase.HANDSHAKE, self._now.monotonic_s + self._settings.handshake_notice_s)
        self._follow(self._next_step(attempt.handshake, landed))

    def _next_step(self, handshake: Handshake, landed: PairedReply) -> Step:
        before, had = handshake.who, handshake.session  # by now others may have looked too
        step = handshake.answered(landed.reply, is_to_latest=landed.is_to_latest)
        if had is not None and handshake.session is None:
            self._session.missed(str(self._attempt.endpoint), handshake.verdict)
        if handshake.who is not None and handshake.who is not before:
            self._saw(handshake.who)
        return step

    def _saw(self, who: Who) -> None:
        """Somebody has said who answers; on a link in use it may be another process by now."""
        look, is_up = self._attempt.look, self._attempt.phase is Phase.UP
        away_s = self._now.monotonic_s - look.seen.monotonic_s if look.seen is not None else 0.0
        if is_up and who.process.is_same_as(look.who.process, away_s) is False:
            self._effects += self._exchange.end_of_process(self._now, on_this_link=True)
            if self._session.record.session is not None and has_begun_anew(who.process, look.who.process, away_s):
                self._lost(inputs.Lost(self._attempt.link, Failure(FailureKind.RESET, ANOTHER_PROCESS)))
                return
        look.saw(who, self._now)
        if is_up and who.image is not None:
            self._session.note_name(who.image, self._now.monotonic_s)

    # Time

    def _phase_over(self) -> None:
        """The phase of the attempt has lasted as long as it may."""
        attempt, now = self._attempt, self._now.monotonic_s
        match attempt.phase:
            case Phase.WAITING:
                self._begin_attempt()
            case Phase.LOOKING:
                self._looked_long()
            case Phase.PROFILE:
                self._wait_for_profile()
            case Phase.CREDENTIAL:
                message = f"nothing came within {self._settings.credential_timeout_s:g} s"
                self._attempt_failed(Failure(FailureKind.CREDENTIAL, message))
            case Phase.OPENING:
                self._attempt_failed(Failure(FailureKind.TIMEOUT))
            case Phase.HANDSHAKE:
                self._note_error(BUSY, FailureKind.BUSY_HANDSHAKE)
                attempt.enter(Phase.HANDSHAKE, now + self._settings.handshake_notice_s)
                step = attempt.handshake.silence() if attempt.handshake else None
                if step is not None:
                    self._follow(step)
            case Phase.SWITCHING:
                self._switch_in_memory()
            case _:
                attempt.until = None

    def _look_at_link(self) -> None:
        """Ask the image whether it answers, or say that it does not."""
        if self._attempt.phase is not Phase.UP:
            return
        match self._liveness.look(self._exchange.flight, self._now.monotonic_s):
            case Finding.PING_DUE:
                self._ping()
            case Finding.NO_ANSWER:
                self._degrade(DegradedReason.BUSY, BUSY)
            case _:
                pass

    def _ping(self) -> None:
        self._ask(Purpose.PING, self._attempt.dialect, Operation("ping", {}), self._attempt.secret)

    def _look_at_path(self) -> None:
        """Ask the kernel about the connection, when it is time."""
        path = self._attempt.path
        if path is not None and path.next_look() <= self._now.monotonic_s and not self._is_blind:
            is_up = self._attempt.phase is Phase.UP
            path.asked(self._now.monotonic_s, self._exchange.flight, is_up=is_up)
            self._effects.append(LookAtPath(self._attempt.link))

    def _path_seen(self, event: inputs.PathSeen) -> None:
        path = self._attempt.path
        if event.link != self._attempt.link or path is None:
            return
        source = source_of(event.sample)
        if source is not self._status.liveness_source:
            self._status = replace(self._status, liveness_source=source)
        if event.sample is None:
            self._attempt.path = None
            return
        match path.judge(event.sample, self._now.monotonic_s):
            case PathVerdict.ALIVE:
                self._regain("bytes come through again", DegradedReason.SILENT)
            case PathVerdict.UNHEARD:
                self._effects.append(Knock(event.link))
                if self._exchange.flight is None:
                    self._ping()
            case PathVerdict.SILENT:
                self._degrade(DegradedReason.SILENT, f"no byte for {event.sample.received_ago_s:.1f} s")
            case PathVerdict.DEAD:
                self._lost(inputs.Lost(event.link, Failure(FailureKind.SILENT)))
            case PathVerdict.FROZEN:
                self._lost(inputs.Lost(event.link, Failure(FailureKind.FROZEN)))

    def _greeted(self, event: inputs.Greeted) -> None:
        if event.link == self._attempt.link and self._attempt.path is not None:
            self._attempt.path.greeted()

    def _degrade(self, reason: DegradedReason, words: str) -> None:
        if self._attempt.phase is Phase.UP and self._troubles.begin(reason, words):
            self._show_worst("")

    def _regain(self, words: str, *reasons: DegradedReason) -> None:
        if self._troubles.end(*reasons):
            self._show_worst(words)

    def _show_worst(self, good_news: str) -> None:
        """Bring the state and the status in line with what is wrong now."""
        worst = self._troubles.worst
        self._status = replace(self._status, degraded_reason=worst.reason if worst else None)
        self._note_error(worst.words if worst else None)
        if worst is None:
            self._liveness.healthy(self._now.monotonic_s)
            self._move(Trigger.HEALTH_REGAINED, good_news)
        elif self.state is State.CONNECTED:
            self._forget_failures_if_healthy()
            self._move(Trigger.HEALTH_LOST, str(worst))
        else:
            self._note_status()
