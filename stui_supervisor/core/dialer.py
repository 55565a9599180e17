"""One attempt at a time: how it begins, how it and the link that it became end, and what follows."""

from __future__ import annotations

from math import inf

from stui_supervisor.config import LINK_GRACE_S, LOOK_LONG_WAIT_S, LOOKOUT_RENEWED_S, Settings
from stui_supervisor.core.link_end import LinkEnd
from stui_supervisor.core.profile_in_use import ProfileInUse
from stui_supervisor.core.report import Report
from stui_supervisor.core.shared import Leaves, Turn
from stui_supervisor.endpoint import Endpoint, usable
from stui_supervisor.errors import ConnectionRejected
from stui_supervisor.events import AttemptScheduled
from stui_supervisor.failures import Failure, FailureKind, kind_named
from stui_supervisor.link.key_refusals import RefusedKeys
from stui_supervisor.link.messages import (
    CredentialFailed,
    CredentialRead,
    Lost,
    NotTaken,
    OpenLink,
    SeenListening,
)
from stui_supervisor.link.phase import Phase
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.security.trust import Trust


class Dialer:
    """The attempts, numbered; what arrives with another number is dropped. It alone decides what a failure leads to."""

    def __init__(
        self, turn: Turn, settings: Settings, report: Report, leaves: Leaves, profile: ProfileInUse, link_end: LinkEnd
    ) -> None:
        self._turn = turn
        self._settings = settings
        self._report = report
        self._profile = profile
        self._link_end = link_end
        self._attempt = leaves.attempt
        self._session = leaves.session
        self._exchange = leaves.exchange
        self._backoff = leaves.backoff
        self._route = leaves.route
        self._lookout = leaves.lookout
        self._refused_keys = RefusedKeys()

    # The beginning

    def begin_anew(self) -> None:
        """The user, or a profile that can be read again, begins a new round: earlier failures say nothing any more."""
        self._backoff.reset()

    def forget_refusals(self) -> None:
        """Count refused keys anew: the user wants to try again, and a key that was refused may be right by now."""
        self._refused_keys.forget()

    def set_out(self, endpoint: Endpoint) -> None:
        """Begin a round of attempts, at this endpoint."""
        self._attempt.endpoint = endpoint
        self._route.forgive()
        self.plan(endpoint)
        self.begin_attempt()

    def plan(self, first: Endpoint) -> None:
        """Settle which endpoints are tried in this round, this one first."""
        settled = self._profile.settled
        self._route.plan(first, list(usable(settled.endpoints)), failover=settled.failover)

    def begin_attempt(self) -> None:
        """Begin the next attempt, where the present one went or was to go."""
        attempt, endpoint = self._attempt, self._attempt.target
        attempt.next(endpoint)
        self._turn.effects += self._lookout.look_at(tuple(away for away in self._route.away if away != endpoint))
        self._backoff.begin_attempt()
        attempt.settled = self._profile.asked_of(endpoint)
        if attempt.settled.wants_token or attempt.settled.server_key is not None:
            attempt.enter(Phase.CREDENTIAL, self._turn.now.monotonic_s + self._settings.credential_timeout_s)
            self._turn.effects.append(self._profile.credential_for(endpoint))
        else:
            self._report.last_link.credential_source = None
            self._open()

    def credential_read(self, event: CredentialRead) -> None:
        """Go on with the token and the keys."""
        attempt, masks = self._attempt, self._exchange.masks
        if not attempt.is_in(event.link, Phase.CREDENTIAL):
            return
        masks.add(event.secret)
        self._report.last_link.credential_source = masks.text(event.source) if event.secret else None
        attempt.secret, attempt.curve = event.secret or None, event.curve
        self._profile.tell_of_token(event)
        if self._profile.shows_token:
            if not attempt.target.is_named_loopback:
                self.reject(Failure(FailureKind.TOKEN_IN_CLEAR).as_rejection())
                return
            attempt.only_loopback = True  # where the name leads to is seen when it is looked up
        self._open()

    def credential_failed(self, event: CredentialFailed) -> None:
        """The token or the keys could not be read: the attempt has failed."""
        if self._attempt.is_in(event.link, Phase.CREDENTIAL):
            self._attempt_failed(self._exchange.masks.failure(Failure(FailureKind.CREDENTIAL, str(event.error))))

    def _open(self) -> None:
        attempt, timeout_s = self._attempt, self._backoff.attempt_timeout()
        attempt.enter(Phase.OPENING, self._turn.now.monotonic_s + timeout_s + LINK_GRACE_S)
        trust = Trust(attempt.only_loopback, attempt.settled.ipc_owner)
        self._turn.effects.append(OpenLink(attempt.link, attempt.target, timeout_s, attempt.curve, trust))

    def opened(self) -> None:
        """The transport of the attempt is up: nobody has to be looked for any more."""
        self._refused_keys.forget()
        self._turn.effects += self._lookout.look_at(())

    def arrived(self) -> None:
        """A link is up. Requests that waited for another endpoint end, as they were meant for that one."""
        endpoint = self._attempt.target
        if endpoint != self._route.first:
            reason = f"the link is to another endpoint now, {endpoint}"
            self._turn.effects += self._exchange.link_down(self._turn.now, reason=reason, keep_waiting=False)
        self._route.forgive()
        self.plan(endpoint)
        self._profile.note(endpoint, wanted=True)

    # The end of an attempt or of a link

    def redial(self, reason: str) -> None:
        """Let go of the attempt or the link, and begin the next attempt at once."""
        self._link_end.end(reason, keep_waiting=True)
        self.begin_attempt()

    def redial_lost(self, reason: str) -> None:
        """The same with an established link, which is lost by that."""
        self._link_end.end(reason, keep_waiting=True)
        self._report.move(Trigger.LINK_LOST, reason)
        self.begin_attempt()

    def reject(self, error: ConnectionRejected) -> None:
        """Try nothing more before a person helps; the error's hint says how."""
        kind = kind_named(error.failure)
        self._link_end.end(error.message, keep_waiting=False)
        self._report.rejection = error
        self._report.note_error(error.message, kind)
        self._report.move(Trigger.REJECTED, error.message, kind)

    def lost(self, event: Lost) -> None:
        """The link never came up, or is gone."""
        if event.link != self._attempt.link or not self._attempt.has_link:
            return
        failure = self._exchange.masks.failure(event.failure)
        if not self._attempt.is_up:
            self._link_not_made(failure)
            return
        reason = str(failure)
        self._link_end.end(reason, keep_waiting=True)
        self._report.note_error(reason, failure.kind)
        self._report.move(Trigger.LINK_LOST, reason, failure.kind)
        self._wait_and_retry(failure, was_up=True)

    def lose(self, failure: Failure) -> None:
        """The present link is of no use any more."""
        self.lost(Lost(self._attempt.link, failure))

    def not_taken(self, event: NotTaken) -> None:
        """The link did not take a message."""
        if event.link == self._attempt.link and self._attempt.has_link:
            self._exchange.not_taken(event.token)
            self.lose(Failure(FailureKind.RESET, "it takes no message any more"))

    def not_pinned(self, failure: Failure) -> None:
        """The image does not show that it is the pinned one.

        That may be at another endpoint, which is tried next; a person is needed once none of them has it.
        """
        if self._route.is_last_without_image(self._attempt.target):
            self.reject(failure.as_rejection())
        elif self._attempt.is_up:
            self.lose(failure)
        else:
            self._attempt_failed(failure)

    def _link_not_made(self, failure: Failure) -> None:
        if failure.kind is FailureKind.TOKEN_IN_CLEAR:
            self.reject(failure.as_rejection())
            return
        if failure.kind is FailureKind.KEY_REFUSED:
            rejection = self._refused_keys.refused(self._attempt.target, self._profile.server_key, failure)
            if rejection is not None:
                self.reject(rejection)
                return
        self._attempt_failed(failure)

    def _attempt_failed(self, failure: Failure) -> None:
        self._link_end.end(str(failure), keep_waiting=True)
        self._tell_failed(failure)
        self._wait_and_retry(failure, was_up=False)

    def _tell_failed(self, failure: Failure) -> None:
        if self._report.state is State.CONNECTING:
            self._report.note_error(str(failure), failure.kind)
            self._report.move(Trigger.ATTEMPT_FAILED, str(failure), failure.kind)

    def _give_up(self, failure: Failure) -> None:
        self._link_end.end("the supervisor gave up", keep_waiting=False)
        within = f"no link within {self._settings.give_up_after_s:g} s"
        self._report.move(Trigger.GAVE_UP, f"{within}: {failure}", failure.kind)

    # The time between two attempts

    def wait_for_profile(self) -> None:
        """Nothing is sent to anybody before it is known what the profile asks for: read it again, ever more rarely."""
        now, reading = self._turn.now, self._profile.reading
        trouble = reading.failure
        failure = Failure(FailureKind.PROFILE, f"{reading.name}: {trouble.message}" if trouble else "")
        self._report.note_error(str(failure), failure.kind)
        self._profile.tell_if_unreadable()
        self._tell_failed(failure)
        self._turn.effects += self._lookout.look_at(())
        self._backoff.begin_outage(now.monotonic_s)
        if self._backoff.is_over(now.monotonic_s):
            self._give_up(failure)
            return
        self._backoff.begin_attempt()
        effects, wait_s = reading.retry()
        self._turn.effects += effects
        self._attempt.enter(Phase.PROFILE, now.monotonic_s + wait_s)
        self._tell_next(wait_s, str(failure), failure.kind)
        self._report.note_status()

    def _wait_and_retry(self, failure: Failure, *, was_up: bool) -> None:
        """Plan the next attempt, or give up.

        Where the link ``was_up`` it is tried again there at least once, however old the outage is.
        """
        now, endpoint = self._turn.now.monotonic_s, self._attempt.target
        words = f"{endpoint}: {failure}" if self._route.has_others else str(failure)
        self._report.note_error(words, failure.kind)
        if self._lookout.take_over(endpoint, failure):
            self._backoff.begin_outage(now)
            at = inf
        else:
            at = now + self._backoff.next_wait(failure, is_local=self._lookout.is_here(endpoint), now=now)
        if not was_up and self._backoff.is_over(now):
            self._give_up(failure)
            return
        if not was_up or at == inf:
            is_without_image = failure.kind in (FailureKind.DIFFERENT_IMAGE, FailureKind.IMAGE_NOT_NAMED)
            self._route.found(endpoint, without_image=is_without_image)
            self._attempt.endpoint, at = self._route.failed(endpoint, now=now, rests_until=at)
        if at == inf:
            delay_s = 0.0
            self._look_on()
        else:
            delay_s = at - now
            self._attempt.enter(Phase.WAITING, at)
        self._look_out(delay_s)
        self._tell_next(delay_s, words, failure.kind)
        if self._backoff.attempt.bit_count() == 1:  # ever more rarely: an outage may last for thousands of attempts
            self._report.note_status()

    def _tell_next(self, delay_s: float, words: str, kind: FailureKind) -> None:
        utc, number = self._turn.now.utc, self._backoff.attempt + 1
        self._turn.announce(AttemptScheduled(at=utc, attempt=number, delay_s=delay_s, failure=words, kind=kind))

    def _look_on(self) -> None:
        """Wait until somebody listens, but look at the time before the outage may have lasted too long."""
        until = min(self._turn.now.monotonic_s + LOOKOUT_RENEWED_S, self._backoff.over_at())
        self._attempt.enter(Phase.LOOKING, until)

    def _look_out(self, wait_s: float) -> None:
        """Look at the endpoints where nobody listens.

        Before a long wait also at the endpoint of the next attempt: whether anybody listens there still.
        """
        looked_at, endpoint = self._route.away, self._attempt.endpoint
        if endpoint is not None and wait_s >= LOOK_LONG_WAIT_S and self._lookout.sees(endpoint):
            looked_at = tuple(dict.fromkeys((*looked_at, endpoint)))
        self._turn.effects += self._lookout.look_at(looked_at)

    def seen_listening(self, event: SeenListening) -> None:
        """A look has shown whether anybody listens."""
        attempt, endpoint = self._attempt, event.endpoint
        may_begin = attempt.waits or attempt.phase in (Phase.CREDENTIAL, Phase.OPENING)
        if not may_begin or not self._lookout.knows(event.number, endpoint):
            return
        is_away = endpoint in self._route.away
        if event.is_listening is False:
            if is_away or not attempt.waits or endpoint != attempt.endpoint:
                return  # what was known, or not what is waited for
        elif is_away:
            self._lookout.call(endpoint, is_listening=event.is_listening)
        else:
            return  # it accepts and closes, perhaps; the wait after that is for it
        if not attempt.waits:
            self._link_end.end(f"somebody listens at {endpoint} now", keep_waiting=True)
        attempt.endpoint = endpoint
        self.begin_attempt()

    def turn_elsewhere(self) -> bool:
        """Instead of looking on, go to an endpoint of the profile that can be tried by now; False without one."""
        attempt, now = self._attempt, self._turn.now.monotonic_s
        if attempt.phase is not Phase.LOOKING or attempt.endpoint is None:
            return False
        endpoint, at = self._route.next(attempt.endpoint, now)
        if at == inf:
            return False
        attempt.endpoint = endpoint
        attempt.enter(Phase.WAITING, at)
        return True

    def _looked_long(self) -> None:
        """Nobody has come; go on looking, unless that is over, or another endpoint is to be tried by now."""
        if self._backoff.is_over(self._turn.now.monotonic_s):
            self._give_up(Failure(FailureKind.REFUSED))
            return
        if self.turn_elsewhere():
            return
        self._look_on()
        self._turn.effects += self._lookout.begin_anew(self._route.away)

    def phase_over(self) -> None:
        """The phase of the attempt has lasted as long as it may."""
        match self._attempt.phase:
            case Phase.WAITING:
                self.begin_attempt()
            case Phase.LOOKING:
                self._looked_long()
            case Phase.PROFILE:
                self.wait_for_profile()
            case Phase.CREDENTIAL:
                message = f"nothing came within {self._settings.credential_timeout_s:g} s"
                self._attempt_failed(Failure(FailureKind.CREDENTIAL, message))
            case Phase.OPENING:
                self._attempt_failed(Failure(FailureKind.TIMEOUT))
            case _:
                pass
