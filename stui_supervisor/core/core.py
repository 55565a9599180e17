"""The supervisor's mind: it is told what happened and when, and says what to do.

Theory of operation
-------------------
``handle(input, now)`` is the only way in and its effects are the only way out; there is no clock, no
socket and no file here. ``next_deadline()`` is when to call again with TimePassed at the latest.

Beside the state (machine/table.py) there is one attempt at a time with a phase of its own: waiting for the
store, waiting for the profile, waiting between attempts, waiting until somebody listens, reading the
credential, opening the transport, shaking hands, changing to another image's session, up. Each phase has
a time at which it ends by itself, so no state but ``disconnected`` can be stuck. Every attempt has a
number; what arrives with another number belongs to the past and is dropped here, before it can reach the
machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, Final

from stui_supervisor.config import LAST_PUSH_S, STORE_SILENT_S, Settings
from stui_supervisor.context.context import Context
from stui_supervisor.context.parts import Parts
from stui_supervisor.core import inputs
from stui_supervisor.core.attempt import Phase
from stui_supervisor.core.effects import Effect, Release
from stui_supervisor.core.inputs import Input
from stui_supervisor.core.notified import Notified
from stui_supervisor.core.turn import STORE_HINT
from stui_supervisor.endpoint import Endpoint, RelativePath, relative_among, usable
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.events import ContextSaved, SessionSwitched
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.moment import Moment
from stui_supervisor.peer.backend_session import SessionId
from stui_supervisor.peer.process import Who
from stui_supervisor.problems import ProblemCode
from stui_supervisor.session.records import ClaimedSession, SessionLost, found_in
from stui_supervisor.session.session import Session
from stui_supervisor.summary import ENDED_HINT, end_without_stopping
from stui_supervisor.wire.dialects import Dialect

LOGIN: Final = "stui-supervisor login"
NO_ENDPOINT: Final = "no endpoint is known; name one, for instance tcp://127.0.0.1:5555"
LOST: Final = "another process has the earlier session; the work goes on in a new one"
LEFT_DISCONNECTED: Final = "the user had disconnected; connect or reconnect to link again"
_USER_RECONNECTS: Final = "the user asked for a new link"


class Core(Notified):
    """The state, the attempt, the requests and the session of one supervised link.

    ``pid`` is what the status shows for this process. ``has_credentials`` says that each attempt begins
    with reading one, ``can_look`` that it can be seen whether somebody listens on this machine, ``can_subscribe`` that
    notifications can be heard. ``login`` is the command that stores a token.
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
        super().__init__(
            session,
            settings,
            rng,
            profile=profile,
            pid=pid,
            has_credentials=has_credentials,
            can_look=can_look,
            can_subscribe=can_subscribe,
        )
        self._login = login
        self._is_running = self._has_run = False
        self._leaves_by: float | None = None
        self._comparing = Parts()
        self._handlers: dict[type, Callable[[Any], None]] = {
            inputs.Start: self._start,
            inputs.Stop: self._stop,
            inputs.Connect: self._connect,
            inputs.Disconnect: self._disconnect,
            inputs.Reconnect: self._reconnect,
            inputs.Submit: self._submit,
            inputs.Cancel: self._cancel,
            inputs.ContextChanged: self._context_changed,
            inputs.SaveContext: self._save_context,
            inputs.Loaded: self._loaded,
            inputs.LoadFailed: self._load_failed,
            inputs.SnapshotFailed: self._snapshot_failed,
            inputs.Saved: self._saved,
            inputs.SaveFailed: self._save_failed,
            inputs.ProfileRead: self._profile_read,
            inputs.ProfileFailed: self._profile_failed,
            inputs.StoreSilent: self._store_silent,
            inputs.ProfileChanged: self._profile_changed,
            inputs.CredentialRead: self._credential_read,
            inputs.CredentialFailed: self._credential_failed,
            inputs.Opened: self._opened,
            inputs.SeenListening: self._seen_listening,
            inputs.NotTaken: self._not_taken,
            inputs.Received: self._received,
            inputs.Lost: self._lost,
            inputs.PathSeen: self._path_seen,
            inputs.Greeted: self._greeted,
            inputs.Subscribed: self._subscribed,
            inputs.Published: self._published,
            inputs.Crowded: self._crowded,
            inputs.SubscriptionSeen: self._subscription_seen,
            inputs.SubscriptionLost: self._subscription_lost,
            inputs.Woke: self._woke,
            inputs.NetworkChanged: self._network_changed,
            inputs.TimePassed: self._time_passed,
        }

    # What the driver calls

    def handle(self, event: Input, now: Moment) -> list[Effect]:
        """Take in one input; returns what to do, in order."""
        self._now = now
        self._effects = []
        self._handlers[type(event)](event)
        if self._leaves_by is not None and (now.monotonic_s >= self._leaves_by or not self._gives_last_changes()):
            self._end()
        if self._is_running:
            if not self._parts.are_left:  # what gave way is kept with what took its place
                self._effects += self._session.save_if_due(now.monotonic_s)
        else:
            self._effects += self._session.save_after_end()
        self._present.settle(**self._mended())
        return self._effects

    def runs_in(self, pid: int) -> None:
        """The process is another one than that in which this was made."""
        self._status = replace(self._status, pid=pid)

    def next_deadline(self) -> float | None:
        """The monotonic time at which to call ``handle`` with TimePassed at the latest."""
        # Asked for after every input, so written without lists and generators.
        is_up = self._attempt.phase is Phase.UP
        earliest = self._liveness.next_look(self._exchange.flight) if is_up else self._attempt.until
        path = self._attempt.path.next_look() if self._attempt.path is not None else None
        if path is not None and (earliest is None or path < earliest):
            earliest = path
        own = self._next_own() if is_up and self._exchange.flight is None else None
        if own is not None and (earliest is None or own < earliest):
            earliest = own
        subscription = self._listening.next_deadline() if is_up else None
        if subscription is not None and (earliest is None or subscription < earliest):
            earliest = subscription
        if earliest is not None and earliest < self._attempt.judged_from:
            earliest = self._attempt.judged_from
        request = self._exchange.next_deadline()
        if request is not None:
            request = max(request, self._attempt.expired_from)
            if earliest is None or request < earliest:
                earliest = request
        write = self._session.next_deadline() if self._is_running else None
        if write is not None and (earliest is None or write < earliest):
            earliest = write
        move = self._pace.next_deadline() if self._leaves_by is None else self._leaves_by
        if move is not None and (earliest is None or move < earliest):
            earliest = move
        if self.has_parts_left:
            part = self._parts.since if self._parts.are_left else self._comparing.since
            return part if earliest is None else min(part, earliest)
        return earliest

    @property
    def has_parts_left(self) -> bool:
        """True while something is done in parts: the next one is due at once, after a turn of the event loop."""
        return self._parts.are_left or self._comparing.are_left

    @property
    def is_running(self) -> bool:
        """True from a start until a stop has taken effect."""
        return self._is_running

    @property
    def has_unsaved_work(self) -> bool:
        """True while the disk lacks some of the work that is to be there."""
        return self._session.has_unsaved_work

    @property
    def profile(self) -> str:
        """The user's name for the set of sessions."""
        return self._status.profile

    @property
    def endpoint(self) -> str | None:
        """Where the link is or would be, as the status has it."""
        return self._endpoint_text()

    @property
    def link(self) -> int:
        """The number of the present attempt or link."""
        return self._attempt.link

    @property
    def answering(self) -> Who:
        """Who has answered on the present link, as far as it has said."""
        return self._attempt.look.who

    @property
    def session(self) -> Session:
        """The session in use; to be looked at only."""
        return self._session

    @property
    def dialect(self) -> Dialect:
        """The dialect in which a request is best encoded now."""
        if self._attempt.phase is Phase.UP:
            return self._attempt.dialect
        return self._session.dialect(self._endpoint_text()) or Dialect.COMMAND

    # The user

    def _start(self, event: inputs.Start) -> None:
        if self.state is not State.DISCONNECTED:
            return
        if not self._is_running:
            self._session.begin_run()
            self._listening.begin_run()
            self._reading.begin_run()
            self._present.begin_run()
        self._is_running = True
        self._forget_trouble()
        self._refused_keys.forget()
        self._route.name(event.endpoint)
        self._attempt.endpoint = event.endpoint
        self._move(Trigger.RESTORE, "the program starts")
        self._restore()

    def _stop(self, _: inputs.Stop) -> None:
        """End, once the image has what was changed last; a second stop does not wait for that."""
        self._effects += self._exchange.end_waiting("the program ends", self._now)  # none is sent any more
        if self._leaves_by is not None or not self._gives_last_changes():
            self._end()
            return
        self._leaves_by = self._now.monotonic_s + LAST_PUSH_S
        self._session.saver.wanted(self._now.monotonic_s)

    def _end(self) -> None:
        self._leaves_by = None
        self._comparing.finish(self._now.monotonic_s)
        if self.state is not State.DISCONNECTED:
            self._end_link("the program ends", keep_waiting=False)
            self._move(Trigger.STOP, "the program ends")
        self._is_running = False
        self._effects += self._session.finish()

    def _connect(self, event: inputs.Connect) -> None:
        is_same = self._route.first == event.endpoint
        now, until = self._now.monotonic_s, self._attempt.until
        is_restoring = self._attempt.phase is Phase.LOADING and until is not None
        known_by = max(now, until or now) if is_restoring else now + self._settings.restore_timeout_s
        self._forget_trouble()
        self._refused_keys.forget()
        self._end_link(_USER_RECONNECTS if is_same else "another endpoint was named", keep_waiting=is_same)
        self._backoff.reset()
        self._wish(wanted=True)
        self._session.named(str(event.endpoint), self._now.monotonic_s)
        self._route.name(event.endpoint)
        self._attempt.endpoint = event.endpoint
        self._move(Trigger.CONNECT, "the user named an endpoint")
        self._attempt.enter(Phase.LOADING, known_by)
        self._effects += self._reading.begin()  # it may have changed while no link was wanted
        self._leave_restoring_if_read()

    def _disconnect(self, _: inputs.Disconnect) -> None:
        self._wish(wanted=False)
        if self.state is not State.DISCONNECTED:
            self._end_link("the user disconnected", keep_waiting=False)
            self._move(Trigger.DISCONNECT, "the user disconnected")

    def _reconnect(self, _: inputs.Reconnect) -> None:
        self._refused_keys.forget()
        if self.state is State.DISCONNECTED:
            self._forget_trouble()
            self._wish(wanted=True)
            self._move(Trigger.RESTORE, _USER_RECONNECTS)
            self._restore()
        elif self._attempt.phase is Phase.PROFILE:
            self._effects += self._reading.begin()
        elif self._attempt.phase is Phase.UP:
            self._end_link(_USER_RECONNECTS, keep_waiting=True)
            self._move(Trigger.LINK_LOST, _USER_RECONNECTS)
            self._begin_attempt()
        elif self._attempt.waits or self._attempt.phase is Phase.HANDSHAKE:
            # A handshake may hang on a reply that got lost; only the user can know that it is not a busy image.
            self._end_link(_USER_RECONNECTS, keep_waiting=True)
            self._begin_attempt()

    def _forget_trouble(self) -> None:
        """The user begins anew: what was wrong before says nothing of what is."""
        self.rejection = None
        self._note_error(None)

    def _submit(self, event: inputs.Submit) -> None:
        if self.state is State.DISCONNECTED:
            why = f"there is no link and none is wanted: {self._status.last_error or 'connect first'}"
            self._effects += self._exchange.refuse(event.request, why, self._now, self._status.failure)
            return
        self._effects += self._exchange.submit(event.request, self._now)
        self._send_next()

    def _cancel(self, event: inputs.Cancel) -> None:
        self._effects += self._exchange.cancel(event.request, self._now)

    def _context_changed(self, _: inputs.ContextChanged) -> None:
        self._session.saver.context_changed(self._now.monotonic_s)
        self._sharing.changed(self._now.monotonic_s)

    def _save_context(self, event: inputs.SaveContext) -> None:
        self._effects += self._session.save_wanted(event.waiter, self._now.monotonic_s)

    # The store

    def _restore(self) -> None:
        self._backoff.reset()
        self._attempt.enter(Phase.LOADING, self._now.monotonic_s + self._settings.restore_timeout_s)
        self._effects += self._reading.begin()
        needs_session = self._settings.keeps_session and self._session.id is None
        if needs_session and not self._session.is_load_for_present:
            self._effects += self._session.load_present()
        self._leave_restoring_if_read()

    def _leave_restoring_if_read(self) -> None:
        if self._attempt.phase is not Phase.LOADING or self._reading.is_awaited or self._session.is_load_for_present:
            return
        self._leave_restoring()

    def _leave_restoring(self) -> None:
        """What was stored is known, or known to be out of reach."""
        if not self._reading.is_known:
            self._leave_without_profile()
            return
        self._tell_of_profile()
        if self.state is State.CONNECTING and self._route.named is not None:
            self._set_out(self._route.named)
        else:
            self._go_where_it_says()

    def _leave_without_profile(self) -> None:
        """Nobody is linked to before it is known what the profile asks for; that none is wanted may be known."""
        endpoint = self._route.named or self._stored_endpoint()
        if self._route.named is None and not self._session.record.wanted:
            self._stay_disconnected()
            return
        self._attempt.endpoint = endpoint
        if self.state is State.RESTORING:
            where = "no endpoint is known yet" if endpoint is None else f"the endpoint is {endpoint}"
            self._move(Trigger.RESTORED, f"{where}; the profile could not be read in time")
        self._wait_for_profile()

    def _go_where_it_says(self) -> None:
        """The profile is known: link to what was named or linked last, unless no link is wanted."""
        named, record = self._route.named, self._session.record
        if named is not None:
            self._session.named(str(named), self._now.monotonic_s)
        last = record.endpoint or next(iter(self._profile.recent), None)
        relative = relative_among((last,))  # followed by nobody, and no other in its place
        endpoint = named or self._stored_endpoint()
        if endpoint is None and relative is None:
            endpoint = self._endpoint_of_profile()
        has_been_here = record.endpoint is not None and not record.endpoint_from_file
        is_latest = self._session.is_latest(next(iter(self._profile.recent), None))
        is_wanted = record.wanted and (self._profile.wanted or (has_been_here and is_latest))
        if named is None and not is_wanted:
            self._stay_disconnected()
        elif endpoint is None:
            relative = relative or relative_among(self._profile.endpoints)
            words = NO_ENDPOINT if relative is None else str(relative)
            if relative is not None:
                self._problem(ProblemCode.STORED_ENDPOINT, relative.message, relative.hint)
            self._end_link(words, keep_waiting=False)
            self._note_error(words)
            self._move(Trigger.NOTHING_TO_RESTORE, words)
        else:
            self._attempt.endpoint = endpoint
            self._wish(wanted=True)
            if self.state is State.RESTORING:
                self._move(Trigger.RESTORED, f"the endpoint is {endpoint}")
            if not self._is_named and (self._has_credentials or self._profile.uses_token):
                words = f"{endpoint} came with an imported session, so no token is sent there"
                self._problem(
                    ProblemCode.ENDPOINT_FROM_FILE, words, "connect to it by name, if that is where the token belongs"
                )
            self._set_out(endpoint)

    def _stay_disconnected(self) -> None:
        self._end_link(LEFT_DISCONNECTED, keep_waiting=False)
        self._note_error(LEFT_DISCONNECTED)
        self._move(Trigger.LEFT_DISCONNECTED, LEFT_DISCONNECTED)

    def _stored_endpoint(self) -> Endpoint | None:
        stored = self._session.record.endpoint
        try:
            return Endpoint.stored(stored) if stored else None
        except RelativePath:  # told by the caller
            return None
        except ConfigurationError as error:
            self._problem(
                ProblemCode.STORED_ENDPOINT, f"the stored endpoint cannot be used: {error}", "connect to another"
            )
            return None

    def _endpoint_of_profile(self) -> Endpoint | None:
        """Where it was linked last, else its first; of those that this version can use."""
        return next(usable((*self._profile.recent, *self._profile.endpoints)), None)

    def _loaded(self, event: inputs.Loaded) -> None:
        """Compare it with what is here, in parts; what comes meanwhile comes before it."""
        steps = self._session.context.preparing(event.claimed.sections)
        self._comparing.begin(steps, lambda _: self._compared(event), self._now.monotonic_s)
        if not self._is_running:
            self._comparing.finish(self._now.monotonic_s)

    def _compared(self, event: inputs.Loaded) -> None:
        for notice in event.claimed.notices:  # also of a session that is given back: the next claim would not know
            self._problem(notice.code, notice.message, notice.hint)
        if not self._session.take_answer(event.load):
            self._effects.append(Release(event.claimed.session_id))
            return
        if not self._session.is_wanted(event.claimed):
            self._effects += self._session.claim_again(event.claimed)
            return
        if self._attempt.phase is Phase.SWITCHING:
            self._switched(event)
            return
        is_for_present = self._session.is_load_for_present
        self._adopt(event.claimed)
        if self._session.loading:
            return
        if is_for_present and self._attempt.phase is Phase.UP:
            self._sharing.changed(self._now.monotonic_s)
        if not self._is_running:
            self._effects += [*self._session.finish(), *self._session.save_if_due(self._now.monotonic_s)]
        elif self._attempt.phase is Phase.HANDSHAKE and is_for_present:
            self._shake_hands_again("the stored session was read")
        else:
            self._leave_restoring_if_read()

    def _adopt(self, claimed: ClaimedSession) -> None:
        self._tell_of_last_run(claimed)
        self._found = found_in(claimed)
        was_lost, had = self._session.is_lost, self._session.record.backend_session
        adopted = self._session.adopt(claimed, self._now.monotonic_s)
        self._effects += adopted if was_lost else self._told(adopted, "the stored session")
        if was_lost and self._session.id is not None:
            session_id, image_id = self._session.id, self._session.record.image_id
            self._announce(SessionSwitched(at=self._now.utc, session_id=session_id, image_id=image_id, reason=LOST))
        if self._route.named is not None:
            self._session.named(str(self._route.named), self._now.monotonic_s)
        if had not in {None, self._session.record.backend_session}:
            self._leave_backend_session()  # the process may be another than that which had the stored one

    def _tell_of_last_run(self, claimed: ClaimedSession) -> None:
        """It ended without stopping: the record that it left says so once, as this run writes another."""
        words = end_without_stopping(claimed.record.status, claimed.last_sign)
        if words is not None and not claimed.fresh and not self._has_run:
            self._problem(ProblemCode.ENDED_WITHOUT_STOPPING, words, ENDED_HINT)
        self._has_run = True

    def _load_failed(self, event: inputs.LoadFailed) -> None:
        if not self._session.take_answer(event.load):
            return
        self._warn_of_store(event.error)
        if self._attempt.phase is Phase.SWITCHING:  # the session in use, and who waits for it, are not concerned
            self._switch_in_memory(has_failed=True)
            return
        self._effects += self._session.load_failed(event.error, self._now.monotonic_s)
        self._leave_restoring_if_read()

    def _shake_hands_again(self, reason: str) -> None:
        """Something came late: who answers, and how safely, has to be compared with what is known only now."""
        is_up = self._attempt.phase is Phase.UP
        self._end_link(reason, keep_waiting=True)
        if is_up:
            self._move(Trigger.LINK_LOST, reason)
        self._begin_attempt()

    def _profile_read(self, event: inputs.ProfileRead) -> None:
        if not self._reading.ends_with(event.read) or not self._reading.is_news(event.profile):
            return
        self._profile = event.profile
        for notice in event.notices:
            self._problem(notice.code, notice.message, notice.hint)
        self._effects += self._reading.again()
        if self._wish_to_note is not None:
            self._note_in_profile(None, wanted=self._wish_to_note)
        if self._attempt.phase is Phase.LOADING:
            self._leave_restoring_if_read()
        elif self._attempt.phase is Phase.PROFILE:
            self._backoff.reset()
            self._note_error(None)
            self._go_where_it_says()
        elif self._route.first is not None:
            self._plan(self._route.first)
            self._leads_elsewhere()
            if self._is_less_safe_than_settled():
                self._shake_hands_again("the profile asks for more than this link was made with")

    def _profile_failed(self, event: inputs.ProfileFailed) -> None:
        if not self._reading.ends_with(event.read, event.error):
            return
        self._effects += self._reading.again()
        if self._attempt.phase is Phase.LOADING:
            self._leave_restoring_if_read()
        elif self._is_running:
            self._tell_of_profile()

    def _profile_changed(self, _: inputs.ProfileChanged) -> None:
        if self._is_running:
            self._effects += self._reading.changed()

    def _snapshot_failed(self, event: inputs.SnapshotFailed) -> None:
        if isinstance(event.error, SessionLost):
            self._warn_of_store(event.error)
            had = self._session.record.backend_session
            self._effects += self._session.snapshot_lost(event.session_id, event.sections, self._now.monotonic_s)
            self._lost_session(had)
        elif self._session.snapshot_failed(event.session_id, event.sections):
            self._warn_of_store(event.error)

    def _store_silent(self, event: inputs.StoreSilent) -> None:
        was_ok = self._session.is_store_ok
        if not self._session.note_silent_store():
            return
        if event.is_over:
            hint = "see what is wrong with the disk; what the image has comes back with the next link"
            self._problem(
                ProblemCode.NOT_SAVED, "what was changed last is not on the disk, which did not take it", hint
            )
        elif was_ok:
            message = f"the disk has not taken the work within {STORE_SILENT_S:g} s"
            self._problem(ProblemCode.STORE_FAILED, message, STORE_HINT)

    def _saved(self, event: inputs.Saved) -> None:
        self._effects += self._session.saved(event.session_id)
        if event.context_bytes is not None and self._session.is_in_use(event.session_id):
            self._session.context_saved_at = self._now.utc
            self._announce(ContextSaved(at=self._now.utc, bytes=event.context_bytes))

    def _save_failed(self, event: inputs.SaveFailed) -> None:
        self._warn_of_store(event.error)
        had = self._session.record.backend_session
        self._effects += self._session.save_failed(event.session_id, event.error, self._now.monotonic_s)
        if isinstance(event.error, SessionLost):
            self._lost_session(had)

    def _lost_session(self, had: SessionId | None) -> None:
        """Another process has a session; ``had`` is what the one in use had in the image. Also after the end."""
        if self._session.record.backend_session != had:
            self._leave_backend_session()
        if not self._is_running:
            self._effects += self._session.save_if_due(self._now.monotonic_s)

    # Time

    def _time_passed(self, _: inputs.TimePassed) -> None:
        self._note_stall()
        for parts in (self._parts, self._comparing):
            parts.go_on(self._now.monotonic_s)
        self._look_around()
        if self._now.monotonic_s >= self._attempt.expired_from:
            self._effects += self._exchange.expire(self._now, self._status.last_error, self._status.failure)
            self._send_next()  # which is no verdict
        if self._is_blind:
            return
        now, until = self._now.monotonic_s, self._attempt.until
        if until is not None and until <= now:
            if self._attempt.phase is Phase.LOADING:
                self._restoring_lasted_too_long()
            else:
                self._phase_over()
        self._look_at_link()
        self._look_at_path()
        self._look_at_subscription()
        self._send_next()

    def _restoring_lasted_too_long(self) -> None:
        limit_s = self._settings.restore_timeout_s
        if self._session.is_load_for_present:
            hint = "the stored work is taken over as soon as it can be read"
            self._problem(ProblemCode.STORE_SLOW, f"no session was read within {limit_s:g} s", hint)
            self._session.saver.ok = False  # until something is written
        self._reading.overdue(limit_s)
        self._leave_restoring()
