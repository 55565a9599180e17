"""One attempt at a time: how it begins, how it and the link it became end, and what follows."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace
from random import Random

from stui_supervisor.config import EXPIRY_GRACE_S, LINK_GRACE_S, LOOK_LONG_WAIT_S, LOOKOUT_RENEWED_S, STALL_S, Settings
from stui_supervisor.core import inputs
from stui_supervisor.core.attempt import Phase, Settled
from stui_supervisor.core.effects import CloseLink, NoteLink, OpenLink, ReadCredential
from stui_supervisor.core.problems import lasting
from stui_supervisor.core.profile_reading import ProfileReading
from stui_supervisor.core.sharing import Sharing
from stui_supervisor.core.turn import BEFORE_ALL, Turn
from stui_supervisor.endpoint import Endpoint, are_same, usable
from stui_supervisor.errors import ConnectionRejected
from stui_supervisor.events import AttemptScheduled, Status, Transition
from stui_supervisor.failures import FAILURES, Failure, FailureKind, kind_named
from stui_supervisor.health.degradations import Troubles
from stui_supervisor.health.heartbeats import Heartbeats
from stui_supervisor.health.pings import Liveness
from stui_supervisor.link.backoff import Backoff
from stui_supervisor.link.lookout import Lookout
from stui_supervisor.link.route import Route
from stui_supervisor.machine.states import State, Trigger, Work
from stui_supervisor.moment import Moment
from stui_supervisor.peer.asking_again import Denied
from stui_supervisor.peer.passing import Unread
from stui_supervisor.peer.process import Lineage, unpinned
from stui_supervisor.problems import ProblemCode
from stui_supervisor.requests.exchange import Exchange
from stui_supervisor.security.curve import RefusedKeys
from stui_supervisor.security.trust import Trust
from stui_supervisor.session.session import Session
from stui_supervisor.summary import summary_of


class Retrying(Turn, ABC):
    """The attempts, numbered; what arrives with another number is dropped."""

    _login: str

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
        super().__init__(session, profile=profile, pid=pid)
        self._settings = settings
        self._has_credentials = has_credentials
        self._backoff = Backoff(settings, rng)
        self._liveness = Liveness(settings)
        self._troubles = Troubles()
        self._exchange = Exchange(settings, self._masks)
        self._sharing = Sharing(settings)
        self._denied = Denied()
        self._unread = Unread()
        self._route = Route()
        self._lookout = Lookout(is_possible=can_look)
        self._lineage = Lineage()
        self._without_heartbeats: set[Endpoint | None] = set()
        self._without_token: set[Endpoint | None] = set()
        self._refused_keys = RefusedKeys()
        self._reading = ProfileReading(profile, is_used=settings.uses_profile)
        self._wish_to_note: bool | None = None
        self._last_trigger: Trigger | None = None
        self._found = Work.FRESH
        self.rejection: ConnectionRejected | None = None

    def status(self, now: Moment) -> Status:
        """Everything known at this moment."""
        known = self._all_of(now)
        hint = self.rejection.hint if self.rejection is not None else ""
        summary = summary_of(known, trigger=self._last_trigger, hint=hint, now=now.utc)
        return replace(known, summary=summary, problems=lasting(known.problems, now.utc))

    def _all_of(self, now: Moment) -> Status:
        """The same without the sentence, and with what may be over in a moment."""
        attempt, record = self._attempt, self._session.record
        waits = attempt.waits or attempt.phase is Phase.PROFILE
        due = now.monotonic_s if attempt.phase is Phase.LOOKING else attempt.until
        status = replace(
            self._status,
            since=now.utc if self._status.since is BEFORE_ALL else self._status.since,
            endpoint=self._endpoint_text(),
            image_id=record.image_id,
            dialect=record.dialect,
            session_id=self._session.id,
            attempt=0 if attempt.phase in (Phase.IDLE, Phase.UP) else self._backoff.attempt + waits,
            next_attempt_in_s=max(0.0, due - now.monotonic_s) if waits and due is not None else None,
            waiting_requests=self._exchange.waiting,
            context_saved_at=self._session.context_saved_at,
            store_ok=self._session.is_store_ok and self._reading.failure is None,
            work=self._work,
        )
        return replace(status, problems=self._present.with_link(status, self.rejection, **self._mended()))

    def _mended(self) -> dict[str, bool]:
        return {"is_store_ok": self._session.is_store_ok, "is_profile_known": self._reading.failure is None}

    @property
    def _work(self) -> Work:
        if self._session.has_unsaved_work:
            return Work.UNSAVED
        return self._found if self._session.context_saved_at is None else Work.SAVED

    def _move(self, trigger: Trigger, reason: str, kind: FailureKind | None = None) -> None:
        """Change the state along the table, and see to it that everyone knows; ``kind`` is that of a failure."""
        before = self.state
        after = self._machine.fire(trigger)
        utc, endpoint = self._now.utc, self._endpoint_text()
        self._last_trigger = trigger
        self._status = replace(self._status, state=after, since=utc)
        self._announce(
            Transition(
                at=utc,
                from_state=before,
                to_state=after,
                trigger=trigger,
                reason=reason,
                endpoint=endpoint,
                kind=kind,
            )
        )
        self._note_status()

    def _note_status(self) -> None:
        """Keep what a person is told of the link, for when this process is gone."""
        # The work is written along with this; who reads it judges by the time then what has lasted.
        known = self._all_of(self._now)
        work = Work.SAVED if known.work is Work.UNSAVED and self._session.is_store_ok else known.work
        told = replace(known, work=work).as_dict()
        status = {**told, "rejected": self.rejection is not None, "trigger": self._last_trigger}
        self._session.note_status(status, self._now.monotonic_s)

    def _set_out(self, endpoint: Endpoint) -> None:
        """Begin a round of attempts."""
        self._attempt.endpoint = endpoint
        self._route.forgive()
        self._plan(endpoint)
        self._begin_attempt()

    def _plan(self, first: Endpoint) -> None:
        self._route.plan(first, list(usable(self._profile.endpoints)), failover=self._profile.failover)

    def _arrive(self) -> None:
        """A link is up. What waited for another endpoint is over: it belongs there."""
        endpoint, now = self._attempt.endpoint, self._now
        if endpoint is None:
            raise AssertionError("a link without an endpoint")
        if endpoint != self._route.first:
            reason = f"the link is to another endpoint now, {endpoint}"
            self._effects += self._exchange.link_down(now, reason=reason, keep_waiting=False)
        self._route.forgive()
        self._plan(endpoint)
        self._note_in_profile(endpoint, wanted=True)

    def _wish(self, *, wanted: bool) -> None:
        """The user has said whether a link is wanted; the next start knows it, also without this session."""
        self._session.wish(wanted=wanted, now=self._now.monotonic_s)
        self._note_in_profile(None, wanted=wanted)

    def _note_in_profile(self, endpoint: Endpoint | None, *, wanted: bool) -> None:
        settings = self._settings
        if not settings.keeps_session or not settings.uses_profile:
            return
        if not self._reading.is_known:
            self._wish_to_note = wanted
            return
        self._wish_to_note = None
        profile, place, stored_as = self._profile.wishing(wanted=wanted), None, tuple[str, ...]()
        if endpoint is not None:
            if not self._is_named:
                return
            place = str(endpoint)
            stored_as = tuple(text for text in profile.texts_of(endpoint) if text != place)
            profile = profile.linked_to(place, stored_as)
        if profile != self._profile:
            self._profile = profile
            self._effects.append(NoteLink(profile.name, place, wanted, stored_as))

    def _begin_attempt(self) -> None:
        attempt, endpoint = self._attempt, self._attempt.endpoint
        if endpoint is None:
            raise AssertionError("an attempt without an endpoint")
        attempt.next(endpoint)
        self._effects += self._lookout.look_at(tuple(away for away in self._route.away if away != endpoint))
        self._backoff.begin_attempt()
        server_key = self._pinned_key()
        attempt.settled = Settled(self._wants_token, server_key, self._profile.pin_image, self._ipc_owner(endpoint))
        if self._wants_token or server_key is not None:
            attempt.enter(Phase.CREDENTIAL, self._now.monotonic_s + self._settings.credential_timeout_s)
            last = self._session.record.endpoint
            texts = (*self._profile.texts_of(endpoint), *endpoint.stored_as)
            texts += (last,) if last is not None and endpoint.is_stored_as(last) else ()
            known = replace(endpoint, stored_as=tuple(dict.fromkeys(texts)))
            self._effects.append(ReadCredential(attempt.link, known, self._wants_token, server_key))
        else:
            self._status = replace(self._status, credential_source=None)
            self._open()

    @property
    def _wants_token(self) -> bool:
        return (self._has_credentials or self._profile.uses_token) and self._is_named

    @property
    def _is_named(self) -> bool:
        """False for an endpoint that came with an imported file while nobody has named it here."""
        endpoint, record = self._attempt.endpoint, self._session.record
        if endpoint is None or not record.endpoint_from_file or endpoint == self._route.named:
            return True
        return not are_same(record.endpoint, str(endpoint)) or bool(self._profile.texts_of(endpoint))

    def _pinned_key(self) -> str | None:
        endpoint = self._attempt.endpoint
        return None if endpoint is None else self._profile.server_key(endpoint)

    def _is_less_safe_than_settled(self) -> bool:
        """True for an attempt or a link that began when the profile asked for less, or an attempt for another image."""
        attempt, settled, pin = self._attempt, self._attempt.settled, self._profile.pin_image
        if attempt.endpoint is None or not (attempt.has_link or attempt.phase is Phase.CREDENTIAL):
            return False
        has_another_key = self._pinned_key() not in {None, settled.server_key}
        lacks_token = self._wants_token and not settled.wants_token
        is_up = attempt.phase is Phase.UP
        has_another_image = unpinned(attempt.look.image, pin) is not None if is_up else pin != settled.pin
        trusts_another = self._ipc_owner(attempt.endpoint) != settled.ipc_owner
        return has_another_key or lacks_token or self._shows_token() or has_another_image or trusts_another

    def _shows_token(self) -> bool:
        """True where the token would go, or has gone, over a network in the clear, and the profile does not let it."""
        attempt = self._attempt
        is_in_clear = attempt.endpoint is not None and not attempt.endpoint.is_loopback and attempt.curve is None
        may_show = self._profile.allow_plaintext_token or attempt.only_loopback
        return attempt.secret is not None and is_in_clear and not may_show

    def _credential_read(self, event: inputs.CredentialRead) -> None:
        attempt = self._attempt
        if event.link != attempt.link or attempt.phase is not Phase.CREDENTIAL:
            return
        self._masks.add(event.secret)
        self._status = replace(self._status, credential_source=self._masks.text(event.source) if event.secret else None)
        attempt.secret, attempt.curve = event.secret or None, event.curve
        self._tell_of_token(event)
        if self._shows_token():
            if attempt.endpoint is None or not attempt.endpoint.is_named_loopback:
                self._reject(Failure(FailureKind.TOKEN_IN_CLEAR).as_rejection())
                return
            attempt.only_loopback = True  # where the name leads to is seen when it is looked up
        self._open()

    def _tell_of_token(self, event: inputs.CredentialRead) -> None:
        """Tell once that the keyring has no token, though the profile says so; a program's own credentials may know."""
        endpoint = self._attempt.endpoint
        if event.secret is not None:
            self._without_token.discard(endpoint)
        elif self._profile.uses_token and self._wants_token and not self._has_credentials:
            if endpoint not in self._without_token:
                message = f"the profile {self._profile.name} uses a token, and the keyring has none for {endpoint}"
                hint = f"if the image wants one, store it again with: {self._login}"
                self._problem(ProblemCode.NO_TOKEN, message, hint)
            self._without_token.add(endpoint)

    def _credential_failed(self, event: inputs.CredentialFailed) -> None:
        if event.link == self._attempt.link and self._attempt.phase is Phase.CREDENTIAL:
            self._attempt_failed(self._masks.failure(Failure(FailureKind.CREDENTIAL, str(event.error))))

    def _open(self) -> None:
        attempt, timeout_s = self._attempt, self._backoff.attempt_timeout()
        if attempt.endpoint is None:
            raise AssertionError("an attempt without an endpoint")
        attempt.enter(Phase.OPENING, self._now.monotonic_s + timeout_s + LINK_GRACE_S)
        trust = Trust(attempt.only_loopback, attempt.settled.ipc_owner)
        self._effects.append(OpenLink(attempt.link, attempt.endpoint, timeout_s, attempt.curve, trust))

    def _ipc_owner(self, endpoint: Endpoint) -> str | None:
        return self._profile.ipc_owner if endpoint.scheme == "ipc" else None

    # The end of an attempt or of a link

    def _attempt_failed(self, failure: Failure) -> None:
        self._end_link(str(failure), keep_waiting=True)
        if self.state is State.CONNECTING:
            self._note_error(str(failure), failure.kind)
            self._move(Trigger.ATTEMPT_FAILED, str(failure), failure.kind)
        self._wait_and_retry(failure, was_up=False)

    def _wait_for_profile(self) -> None:
        """Nothing is sent to anybody before it is known what the profile asks for: read it again, ever more rarely."""
        now = self._now
        trouble = self._reading.failure
        failure = Failure(FailureKind.PROFILE, f"{self._profile.name}: {trouble.message}" if trouble else "")
        self._note_error(str(failure), failure.kind)
        self._tell_of_profile()
        if self.state is State.CONNECTING:
            self._move(Trigger.ATTEMPT_FAILED, str(failure), failure.kind)
        self._effects += self._lookout.look_at(())
        self._backoff.begin_outage(now.monotonic_s)
        if self._backoff.is_over(now.monotonic_s):
            self._give_up(failure)
            return
        self._backoff.begin_attempt()
        reading, wait_s = self._reading.retry()
        self._effects += reading
        self._attempt.enter(Phase.PROFILE, now.monotonic_s + wait_s)
        attempt = self._backoff.attempt + 1
        self._announce(
            AttemptScheduled(at=now.utc, attempt=attempt, delay_s=wait_s, failure=str(failure), kind=failure.kind)
        )
        self._note_status()

    def _tell_of_profile(self) -> None:
        """It could not be read: said once until it can."""
        trouble = self._reading.take_untold()
        if trouble is not None:
            hint = trouble.hint or FAILURES[FailureKind.PROFILE].hint
            self._problem(
                ProblemCode.PROFILE_NOT_READABLE, f"the profile {self._profile.name}: {trouble.message}", hint
            )

    def _give_up(self, failure: Failure) -> None:
        self._end_link("the supervisor gave up", keep_waiting=False)
        self._move(Trigger.GAVE_UP, f"no link within {self._settings.give_up_after_s:g} s: {failure}", failure.kind)

    def _lost(self, event: inputs.Lost) -> None:
        if event.link != self._attempt.link or not self._attempt.has_link:
            return
        failure = self._masks.failure(event.failure)
        if self._attempt.phase is not Phase.UP:
            self._link_not_made(failure)
            return
        reason = str(failure)
        self._end_link(reason, keep_waiting=True)
        self._note_error(reason, failure.kind)
        self._move(Trigger.LINK_LOST, reason, failure.kind)
        self._wait_and_retry(failure, was_up=True)

    def _link_not_made(self, failure: Failure) -> None:
        endpoint = self._attempt.endpoint
        if failure.kind is FailureKind.TOKEN_IN_CLEAR:
            self._reject(failure.as_rejection())
            return
        if failure.kind is FailureKind.KEY_REFUSED and endpoint is not None:
            rejection = self._refused_keys.again(endpoint, self._pinned_key(), failure)
            if rejection is not None:
                self._reject(rejection)
                return
        self._attempt_failed(failure)

    def _not_pinned(self, failure: Failure) -> None:
        """The image is not shown to be the pinned one. It may be at another endpoint, until all were found without."""
        endpoint = self._attempt.endpoint
        if endpoint is None or self._route.is_last_without_image(endpoint):
            self._reject(failure.as_rejection())
        elif self._attempt.phase is Phase.UP:
            self._lost(inputs.Lost(self._attempt.link, failure))
        else:
            self._attempt_failed(failure)

    def _not_taken(self, event: inputs.NotTaken) -> None:
        if event.link == self._attempt.link and self._attempt.has_link:
            self._exchange.not_taken(event.token)
            self._lost(inputs.Lost(event.link, Failure(FailureKind.RESET, "it takes no message any more")))

    def _wait_and_retry(self, failure: Failure, *, was_up: bool) -> None:
        """Where the link ``was_up`` it is tried again there at least once, however old the outage is."""
        now, endpoint = self._now.monotonic_s, self._attempt.endpoint
        if endpoint is None:
            raise AssertionError("a failure without an endpoint")
        words = f"{endpoint}: {failure}" if self._route.has_others else str(failure)
        self._note_error(words, failure.kind)
        if self._lookout.takes_over(endpoint, failure):
            self._backoff.begin_outage(now)
            at = math.inf
        else:
            at = now + self._backoff.next_wait(failure, is_local=self._lookout.is_here(endpoint), now=now)
        if not was_up and self._backoff.is_over(now):
            self._give_up(failure)
            return
        if not was_up or at == math.inf:
            is_without_image = failure.kind in (FailureKind.DIFFERENT_IMAGE, FailureKind.IMAGE_NOT_NAMED)
            self._route.found(endpoint, without_image=is_without_image)
            self._attempt.endpoint, at = self._route.failed(endpoint, now=now, rests_until=at)
        if at == math.inf:
            delay_s = 0.0
            self._look_on()
        else:
            delay_s = at - now
            self._attempt.enter(Phase.WAITING, at)
        self._look_out(delay_s)
        attempt = self._backoff.attempt + 1
        self._announce(
            AttemptScheduled(at=self._now.utc, attempt=attempt, delay_s=delay_s, failure=words, kind=failure.kind)
        )
        if self._backoff.attempt.bit_count() == 1:  # ever more rarely: an outage may last for thousands of attempts
            self._note_status()

    def _look_on(self) -> None:
        """Wait until somebody listens, but look at the time before the outage may have lasted too long."""
        until = min(self._now.monotonic_s + LOOKOUT_RENEWED_S, self._backoff.over_at())
        self._attempt.enter(Phase.LOOKING, until)

    def _look_out(self, wait_s: float) -> None:
        """Look where nobody listens, and also whether that has become so where a long wait began."""
        looked_at, endpoint = self._route.away, self._attempt.endpoint
        if endpoint is not None and wait_s >= LOOK_LONG_WAIT_S and self._lookout.sees(endpoint):
            looked_at = tuple(dict.fromkeys((*looked_at, endpoint)))
        self._effects += self._lookout.look_at(looked_at)

    def _looked_long(self) -> None:
        """Nobody has come; go on looking, unless that is over, or another endpoint is to be tried by now."""
        if self._backoff.is_over(self._now.monotonic_s):
            self._give_up(Failure(FailureKind.REFUSED))
            return
        if self._leads_elsewhere():
            return
        self._look_on()
        self._effects += self._lookout.begin_anew(self._route.away)

    def _leads_elsewhere(self) -> bool:
        """See whether the profile has an endpoint by now that is not looked at: the next attempt goes there."""
        attempt, now = self._attempt, self._now.monotonic_s
        if attempt.phase is not Phase.LOOKING or attempt.endpoint is None:
            return False
        endpoint, at = self._route.next(attempt.endpoint, now)
        if at == math.inf:
            return False
        attempt.endpoint = endpoint
        attempt.enter(Phase.WAITING, at)
        return True

    def _seen_listening(self, event: inputs.SeenListening) -> None:
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
            self._end_link(f"somebody listens at {endpoint} now", keep_waiting=True)
        attempt.endpoint = endpoint
        self._begin_attempt()

    def _reject(self, error: ConnectionRejected) -> None:
        """A person is needed. What to do is in the error's hint, and follows from the kind."""
        kind = kind_named(error.failure)
        self._end_link(error.message, keep_waiting=False)
        self.rejection = error
        self._note_error(error.message, kind)
        self._move(Trigger.REJECTED, error.message, kind)

    def _end_link(self, reason: str, *, keep_waiting: bool) -> None:
        """Let go of the link or the attempt, whatever its phase."""
        self._parts.drop()
        attempt, now = self._attempt, self._now
        if attempt.has_link:
            self._effects.append(CloseLink(attempt.link))
        if not keep_waiting:
            self._effects += self._lookout.look_at(())
        if attempt.phase is Phase.SWITCHING:
            self._session.abandon_load()
        if attempt.phase is Phase.UP:
            process, seen = attempt.look.who.process, attempt.look.seen or now
            self._lineage.lost(attempt.endpoint, process, seen)
            self._session.last_seen(str(attempt.endpoint), process, seen.utc, now.monotonic_s)
        self._forget_failures_if_healthy()
        self._effects += self._exchange.link_down(now, reason=reason, keep_waiting=keep_waiting)
        self._status = replace(self._status, degraded_reason=None, rtt_ms=None)
        self._troubles.clear()
        if attempt.path is not None:
            self._without_heartbeats -= {attempt.endpoint}
            self._without_heartbeats |= {attempt.endpoint} if attempt.path.heartbeats is Heartbeats.NONE else set()
            attempt.path = None
        attempt.judged_from = 0.0
        attempt.enter(Phase.IDLE, None)

    def _forget_failures_if_healthy(self) -> None:
        """Called where the state is about to leave ``connected``."""
        if self.state is State.CONNECTED and self._liveness.has_lasted(self._now.monotonic_s):
            self._backoff.reset()

    # The lag of this process

    @abstractmethod
    def next_deadline(self) -> float | None:
        """The monotonic time at which to look again at the latest."""

    def _note_stall(self) -> None:
        """See whether this process was held up, before an input changes what was to be done by now.

        What waits to be heard comes first then. The next look follows when the heartbeats, which may have stood still
        too, had their chance.
        """
        attempt, now = self._attempt, self._now.monotonic_s
        if attempt.phase is Phase.IDLE or attempt.waits:
            return
        due = self.next_deadline()
        if due is not None and now - due > STALL_S:
            attempt.expired_from = now + EXPIRY_GRACE_S
            attempt.judged_from = now + self._settings.heartbeat_interval_s + self._settings.path_look_s

    @property
    def _is_blind(self) -> bool:
        """True while nothing is judged."""
        return self._now.monotonic_s < self._attempt.judged_from
