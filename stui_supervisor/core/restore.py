"""From a start to the first attempt: the stored session and the profile are read, and where to link to is decided."""

from __future__ import annotations

from math import inf
from typing import Final

from stui_supervisor.config import Settings
from stui_supervisor.context.parts import Parts
from stui_supervisor.core.conversation import Conversation
from stui_supervisor.core.dialer import Dialer
from stui_supervisor.core.link_end import LinkEnd
from stui_supervisor.core.profile_in_use import ProfileInUse
from stui_supervisor.core.replication import Replication
from stui_supervisor.core.report import Report
from stui_supervisor.core.shared import Leaves, Turn
from stui_supervisor.endpoint import Endpoint, RelativePath, relative_among, usable
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.events import SessionSwitched
from stui_supervisor.link.phase import Phase
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.problems import ProblemCode
from stui_supervisor.session.messages import Loaded, LoadFailed, ProfileFailed, ProfileRead, Release
from stui_supervisor.session.records import ClaimedSession, found_in
from stui_supervisor.status.summary import ENDED_HINT, end_without_stopping

NO_ENDPOINT: Final = "no endpoint is known; name one, for instance tcp://127.0.0.1:5555"
LOST: Final = "another process has the earlier session; the work goes on in a new one"
LEFT_DISCONNECTED: Final = "the user had disconnected; connect or reconnect to link again"


class Restore:
    """Waits for the store and for the profile, also where they answer late, and says where to link to."""

    def __init__(  # noqa: PLR0913  # all that it has to do with
        self,
        turn: Turn,
        settings: Settings,
        report: Report,
        leaves: Leaves,
        *,
        profile: ProfileInUse,
        link_end: LinkEnd,
        dialer: Dialer,
        replication: Replication,
        conversation: Conversation,
    ) -> None:
        self._turn = turn
        self._settings = settings
        self._report = report
        self._profile = profile
        self._link_end = link_end
        self._dialer = dialer
        self._replication = replication
        self._conversation = conversation
        self._leaves = leaves
        self._comparing = Parts()
        self._has_run = False
        self.is_running = False

    # The way to the first attempt

    def begin_run(self) -> None:
        """The program starts, perhaps again."""
        if not self.is_running:
            self._leaves.session.begin_run()
            self._profile.reading.begin_run()
            self._report.begin_run()
        self.is_running = True

    def end_run(self) -> None:
        """The program has ended. Whatever was read has been taken over before."""
        self.is_running = False

    def begin(self) -> None:
        """Read what was stored, as far as it is not known yet."""
        session = self._leaves.session
        self._dialer.begin_anew()
        self.wait_until(self._turn.now.monotonic_s + self._settings.restore_timeout_s)
        self._turn.effects += self._profile.reading.begin()
        needs_session = self._settings.keeps_session and session.id is None
        if needs_session and not session.is_load_for_present:
            self._turn.effects += session.load_present()
        self.leave_if_read()

    def wait_until(self, until: float) -> None:
        """What was stored has until this monotonic time to come."""
        self._leaves.attempt.enter(Phase.LOADING, until)

    @property
    def until(self) -> float:
        """By when it is known where to link to: the end of the wait that is under way, or of one that begins now."""
        attempt, now = self._leaves.attempt, self._turn.now.monotonic_s
        if attempt.phase is Phase.LOADING and attempt.until < inf:
            return max(now, attempt.until)
        return now + self._settings.restore_timeout_s

    def leave_if_read(self) -> None:
        """Go on once nothing is awaited any more."""
        is_awaited = self._profile.reading.is_awaited or self._leaves.session.is_load_for_present
        if self._leaves.attempt.phase is Phase.LOADING and not is_awaited:
            self._leave()

    def lasted_too_long(self) -> None:
        """The store, or the profile, did not answer in time: go on without it."""
        limit_s, session = self._settings.restore_timeout_s, self._leaves.session
        if session.is_load_for_present:
            hint = "the stored work is taken over as soon as it can be read"
            self._report.problem(ProblemCode.STORE_SLOW, f"no session was read within {limit_s:g} s", hint)
            session.saver.ok = False  # until something is written
        self._profile.reading.overdue(limit_s)
        self._leave()

    def _leave(self) -> None:
        """What was stored is known, or cannot be had in time: go on to where it leads."""
        if not self._profile.reading.is_known:
            self._leave_without_profile()
            return
        self._profile.tell_if_unreadable()
        named = self._leaves.route.named
        if self._report.state is State.CONNECTING and named is not None:
            self._dialer.set_out(named)
        else:
            self._go_where_it_says()

    def _leave_without_profile(self) -> None:
        """Make no link before the profile is known; that none is wanted the session may say already."""
        named = self._leaves.route.named
        endpoint = named or self._stored_endpoint()
        if named is None and not self._leaves.session.record.wanted:
            self._stay_disconnected()
            return
        self._leaves.attempt.endpoint = endpoint
        if self._report.state is State.RESTORING:
            where = "no endpoint is known yet" if endpoint is None else f"the endpoint is {endpoint}"
            self._report.move(Trigger.RESTORED, f"{where}; the profile could not be read in time")
        self._dialer.wait_for_profile()

    def _go_where_it_says(self) -> None:
        """The profile is known: link to what was named or linked last, unless no link is wanted."""
        named, session, settled = self._leaves.route.named, self._leaves.session, self._profile.settled
        record = session.record
        if named is not None:
            session.named(str(named), self._turn.now.monotonic_s)
        recent = next(iter(settled.recent), None)
        relative = relative_among((record.endpoint or recent,))  # followed by nobody, and no other in its place
        endpoint = named or self._stored_endpoint()
        if endpoint is None and relative is None:  # where it was linked last, else the first that can be used
            endpoint = next(usable((*settled.recent, *settled.endpoints)), None)
        has_been_here = record.endpoint is not None and not record.endpoint_from_file
        is_wanted = record.wanted and (settled.wanted or (has_been_here and session.is_latest(recent)))
        if named is None and not is_wanted:
            self._stay_disconnected()
        elif endpoint is None:
            self._find_nothing(relative or relative_among(settled.endpoints))
        else:
            self._set_out(endpoint)

    def _set_out(self, endpoint: Endpoint) -> None:
        self._leaves.attempt.endpoint = endpoint
        self._profile.wish(wanted=True)
        if self._report.state is State.RESTORING:
            self._report.move(Trigger.RESTORED, f"the endpoint is {endpoint}")
        if not self._profile.is_named and self._profile.uses_token:
            words = f"{endpoint} came with an imported session, so no token is sent there"
            hint = "connect to it by name, if that is where the token belongs"
            self._report.problem(ProblemCode.ENDPOINT_FROM_FILE, words, hint)
        self._dialer.set_out(endpoint)

    def _find_nothing(self, relative: RelativePath | None) -> None:
        words = NO_ENDPOINT if relative is None else str(relative)
        if relative is not None:
            self._report.problem(ProblemCode.STORED_ENDPOINT, relative.message, relative.hint)
        self._link_end.end(words, keep_waiting=False)
        self._report.note_error(words)
        self._report.move(Trigger.NOTHING_TO_RESTORE, words)

    def _stay_disconnected(self) -> None:
        self._link_end.end(LEFT_DISCONNECTED, keep_waiting=False)
        self._report.note_error(LEFT_DISCONNECTED)
        self._report.move(Trigger.LEFT_DISCONNECTED, LEFT_DISCONNECTED)

    def _stored_endpoint(self) -> Endpoint | None:
        stored = self._leaves.session.record.endpoint
        try:
            return Endpoint.stored(stored) if stored else None
        except RelativePath:  # told by the caller
            return None
        except ConfigurationError as error:
            message = f"the stored endpoint cannot be used: {error}"
            self._report.problem(ProblemCode.STORED_ENDPOINT, message, "connect to another")
            return None

    # The session

    def loaded(self, event: Loaded) -> None:
        """A session has been read: compare it with what is here, in parts. Other inputs do not wait for that."""
        steps, now = self._leaves.session.context.preparing(event.claimed.sections), self._turn.now.monotonic_s
        self._comparing.begin(steps, lambda _: self._compared(event), now)
        if not self.is_running:
            self._comparing.finish(now)

    @property
    def next_part(self) -> float:
        """When the next part of a comparison is due; infinity when none is under way."""
        return self._comparing.since if self._comparing.are_left else inf

    def go_on(self) -> None:
        """Do the next part of a comparison."""
        self._comparing.go_on(self._turn.now.monotonic_s)

    def finish(self) -> None:
        """Do all of it: the program ends."""
        self._comparing.finish(self._turn.now.monotonic_s)

    def _compared(self, event: Loaded) -> None:
        session, attempt, claimed = self._leaves.session, self._leaves.attempt, event.claimed
        for notice in claimed.notices:  # also of a session that is given back: the next claim would not know
            self._report.problem(notice.code, notice.message, notice.hint)
        if not session.take_answer(event.load):
            self._turn.effects.append(Release(claimed.session_id))
            return
        if not session.is_wanted(claimed):
            self._turn.effects += session.claim_again(claimed)
            return
        if attempt.phase is Phase.SWITCHING:
            self._conversation.switched(event)
            return
        is_for_present = session.is_load_for_present
        self._adopt(claimed)
        if session.loading:
            return
        if is_for_present and attempt.is_up:
            self._replication.changed()
        if not self.is_running:
            now = self._turn.now.monotonic_s
            self._turn.effects += [*session.finish(), *session.save_if_due(now)]
        elif attempt.phase is Phase.HANDSHAKE and is_for_present:
            self._dialer.redial("the stored session was read")  # who answers is compared with what is known only now
        else:
            self.leave_if_read()

    def _adopt(self, claimed: ClaimedSession) -> None:
        session, named = self._leaves.session, self._leaves.route.named
        self._tell_of_last_run(claimed)
        self._report.restored = found_in(claimed)
        was_lost, had = session.is_lost, session.record.backend_session
        adopted = session.adopt(claimed, self._turn.now.monotonic_s)
        if was_lost:
            self._turn.effects += adopted
        else:
            self._replication.merge.adopted(adopted, "the stored session")
        if was_lost and session.id is not None:
            image_id = session.record.image_id
            self._turn.announce(
                SessionSwitched(at=self._turn.now.utc, session_id=session.id, image_id=image_id, reason=LOST)
            )
        if named is not None:
            session.named(str(named), self._turn.now.monotonic_s)
        if had not in {None, session.record.backend_session}:
            self._replication.leave_backend_session()  # the process may be another than that which had the stored one

    def _tell_of_last_run(self, claimed: ClaimedSession) -> None:
        """Tell it when the last run ended without stopping: only once, as this run writes over the record of it."""
        words = end_without_stopping(claimed.record.status, claimed.last_sign)
        if words is not None and not claimed.fresh and not self._has_run:
            self._report.problem(ProblemCode.ENDED_WITHOUT_STOPPING, words, ENDED_HINT)
        self._has_run = True

    def load_failed(self, event: LoadFailed) -> None:
        """The store could not give a session."""
        session = self._leaves.session
        if not session.take_answer(event.load):
            return
        self._report.warn_of_store(event.error)
        if self._leaves.attempt.phase is Phase.SWITCHING:  # the session in use, and its waiters, are not concerned
            self._conversation.switch_in_memory(has_failed=True)
            return
        self._turn.effects += session.load_failed(event.error, self._turn.now.monotonic_s)
        self.leave_if_read()

    # The profile

    def profile_read(self, event: ProfileRead) -> None:
        """The profile has been read, for the first time or again."""
        attempt, reading, first = self._leaves.attempt, self._profile.reading, self._leaves.route.first
        if not reading.take_answer(event.read) or not reading.take_news(event.profile):
            return
        self._profile.settled = event.profile
        for notice in event.notices:
            self._report.problem(notice.code, notice.message, notice.hint)
        self._turn.effects += reading.again()
        self._profile.note_what_waited()
        if attempt.phase is Phase.LOADING:
            self.leave_if_read()
        elif attempt.phase is Phase.PROFILE:
            self._dialer.begin_anew()
            self._report.note_error(None)
            self._go_where_it_says()
        elif first is not None:
            self._dialer.plan(first)
            self._dialer.turn_elsewhere()
            if self._profile.is_less_safe_than_settled():
                reason = "the profile asks for more than this link was made with"
                (self._dialer.redial_lost if attempt.is_up else self._dialer.redial)(reason)

    def profile_failed(self, event: ProfileFailed) -> None:
        """The profile could not be read."""
        if not self._profile.reading.take_answer(event.read, event.error):
            return
        self._turn.effects += self._profile.reading.again()
        if self._leaves.attempt.phase is Phase.LOADING:
            self.leave_if_read()
        elif self.is_running:
            self._profile.tell_if_unreadable()

    def profile_changed(self) -> None:
        """The file is another than the one that was read last."""
        if self.is_running:
            self._turn.effects += self._profile.reading.changed()
