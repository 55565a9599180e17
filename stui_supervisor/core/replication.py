"""The image's copy of the work: merged when it comes, pushed when it is behind, its session made again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Final

from stui_supervisor.config import LISTED_BYTES, SESSION_OLD_S, Settings
from stui_supervisor.context.image_copy import StateData
from stui_supervisor.context.parts import Portion, Steps
from stui_supervisor.core.dialer import Dialer
from stui_supervisor.core.merge import Merge
from stui_supervisor.core.report import Report
from stui_supervisor.core.shared import Leaves, Questions, Turn
from stui_supervisor.link.replies import is_refusal, refused, words_of
from stui_supervisor.link.steps import Established
from stui_supervisor.peer.backend_session import (
    BackendSession,
    SessionId,
    is_pushed_by_another,
    names_another_session,
    restore,
    session_in,
    state_in,
)
from stui_supervisor.peer.passing import is_passing
from stui_supervisor.problems import ProblemCode
from stui_supervisor.replication.push_schedule import PushSchedule
from stui_supervisor.replication.retry_schedule import RetrySchedule
from stui_supervisor.replication.unread_copy import UnreadCopy
from stui_supervisor.requests.exchange import PairedReply
from stui_supervisor.requests.request import Purpose
from stui_supervisor.wire.dialects import Dialect, Operation, Reply
from stui_supervisor.wire.strict_json import MalformedMessage

# What something may be done about at the end.
_ABOUT_THE_SESSION: Final = (Purpose.PUSH, Purpose.SESSION, Purpose.COPY, Purpose.OWNER)


class Replication:
    """What is said on a link about the work and the session that holds it there. ``merge`` takes other copies over."""

    def __init__(  # all that it has to do with
        self, turn: Turn, settings: Settings, report: Report, leaves: Leaves, dialer: Dialer, questions: Questions
    ) -> None:
        self._turn = turn
        self._report = report
        self._dialer = dialer
        self._questions = questions
        self._attempt = leaves.attempt
        self._session = leaves.session
        self._exchange = leaves.exchange
        self._parts = leaves.parts
        self._schedule = PushSchedule(settings)
        self._session_retry = RetrySchedule()
        self._unread = UnreadCopy()
        self.merge = Merge(turn, report, leaves, self._schedule)

    # What is due

    def changed(self) -> None:
        """The work has changed."""
        self._schedule.changed(self._turn.now.monotonic_s)

    def next_deadline(self) -> float:
        """When something is to be sent next while nothing is in flight: not before the image may be asked who it is."""
        look = self._attempt.connection.look.next_deadline()
        if look < inf:
            return look
        return min(self._schedule.next_deadline(), self._session_retry.next_deadline(), self._unread.next_deadline())

    def look_first(self, *, is_push_wanted: bool = False) -> bool:
        """True when something is due and the image has to say first who it is; then it is asked that, if it may be.

        With ``is_push_wanted`` a push counts as due although the user has not paused yet.
        """
        look, now = self._attempt.connection.look, self._turn.now.monotonic_s
        may_ask = look.try_again(now)
        is_old = look.is_before_session or self._questions.is_look_old
        if self._exchange.flight is not None or not is_old:
            return False
        due = self._schedule.next_deadline()
        is_push_due = due <= now or (is_push_wanted and due < inf)
        is_copy_due = self._unread.next_deadline() <= now
        if not (look.is_before_session or is_push_due or is_copy_due or self._exchange.has_next(now)):
            return False
        if may_ask:
            self._questions.ping()
        return True

    def send_due(self) -> None:
        """Push what changed, and ask again for a session that was denied, unless something is under way."""
        now = self._turn.now.monotonic_s
        if self._schedule.next_deadline() <= now:
            self._share()
        if self._session_retry.next_deadline() <= now and self._is_free and self._session_retry.take(now):
            self.make_session_again()

    def take_copy(self) -> bool:
        """True once when a copy that the image did not give is to be asked for again."""
        now = self._turn.now.monotonic_s
        return self._unread.next_deadline() <= now and self._is_free and self._unread.take(now)

    @property
    def _is_free(self) -> bool:
        """True while nothing is under way, neither on the link nor in parts."""
        return self._exchange.flight is None and not self._parts.are_left

    def last_push(self) -> bool:
        """Push what changed last, if the image lacks something; True while it has yet to get or to accept that.

        A request is not kept waiting for it, and what is under way that nobody waits for comes first.
        """
        if self._exchange.waiting or not self._attempt.is_up:
            return False
        if self._parts.are_left:
            return True
        lacks_something = self._schedule.next_deadline() < inf and not self._schedule.is_put_off
        if lacks_something and not self.look_first(is_push_wanted=True):
            self._share()
        flight = self._exchange.flight
        has_begun = self._attempt.connection.look.is_before_session or lacks_something
        return flight is not None and (has_begun or flight.purpose in _ABOUT_THE_SESSION)

    # Pushes

    def _share(self) -> None:
        """Push the context, unless something is under way. Of a session seen long ago it is asked first whose it is."""
        session, look = self._session.record.session, self._attempt.connection.look
        if not self._is_free or session is None:
            return
        if look.is_session_old(self._turn.now.monotonic_s, SESSION_OLD_S):
            self._questions.ask(Purpose.OWNER, restore(session, self._session.record.client_id or ""))
        else:
            self.push(Purpose.PUSH, self._attempt.connection.dialect, session.id)

    def push(self, purpose: Purpose, dialect: Dialect, session: SessionId) -> None:
        """Encode the work, in parts, and send it."""
        link = self._attempt.link
        token = self._exchange.begin_push(link, purpose, self._turn.now)
        self._schedule.pushed()  # what changes from now on is pushed again

        def send(state: bytes) -> None:
            self._turn.effects.append(self._exchange.push(link, token, dialect, session, state, self._turn.now))

        self._parts.begin(self._encoding(), send, self._turn.now.monotonic_s)

    def _encoding(self) -> Steps[bytes]:
        state, portion, context = StateData(), Portion(), self._session.context
        for name in context.sections():
            section = context.on_its_way(name)
            if section is None:  # deleted meanwhile, and shared with others
                continue
            state.add(name, section)
            if portion.spend(len(section.value or b"")):
                yield
        if portion.spend(LISTED_BYTES * len(context)):
            yield
        return state.encoded(self._session.record.client_id or "")

    def merge_state(self, state: object, then: Callable[[bool], None]) -> None:
        """Take what is newer in the image's copy, in parts; ``then`` learns whether ours has what the image lacks."""
        self._parts.begin(self.merge.steps(state), then, self._turn.now.monotonic_s)

    def owner_answered(self, landed: PairedReply) -> None:
        """Go on to the push, unless the session is another client's now. Where it is gone, the push will be refused."""
        reply, session = landed.reply, self._session.record.session
        if isinstance(reply, Reply) and is_refusal(reply, of="restore_session"):
            self._dialer.reject(refused(reply, has_token=self._attempt.secret is not None))
        elif session is None:
            return  # it was given up meanwhile
        elif is_passing(reply):
            self._put_off(reply)
        elif isinstance(reply, Reply) and reply.ok and self._is_anothers(reply, session):
            self.make_session_again()
        else:
            self._attempt.connection.look.saw_session(self._turn.now.monotonic_s)
            state = state_in(reply)
            if isinstance(state, Mapping):
                self.merge_state(state, lambda _: self._schedule.link_up(takes_it=True))

    def _is_anothers(self, reply: Reply, session: BackendSession) -> bool:
        client_id = self._session.record.client_id or ""
        return names_another_session(reply, session) or bool(is_pushed_by_another(state_in(reply), client_id))

    def push_answered(self, landed: PairedReply) -> None:
        """What was not managed goes out again. A refused push means that the session is gone: it is made anew, once."""
        reply, session, look = landed.reply, self._session.record.session, self._attempt.connection.look
        if not isinstance(reply, Reply) or not reply.ok:
            look.forget()  # another image may have taken the place of the one that took them
        is_ours = not isinstance(reply, Reply) or session is None or not names_another_session(reply, session)
        if is_passing(reply):
            self._put_off(reply)
        elif isinstance(reply, Reply) and reply.ok and is_ours:
            look.saw_session(self._turn.now.monotonic_s)
            self._schedule.accepted()
        elif self._schedule.session_lost():
            self.make_session_again()
        elif self._schedule.refused(self._turn.now.monotonic_s):
            self._tell_no_session(words_of(reply))

    def _put_off(self, reply: Reply | MalformedMessage) -> None:
        if self._schedule.put_off(self._turn.now.monotonic_s):
            hint = "the link works; the work context is kept on this machine, and offered to the image again"
            self._report.problem(ProblemCode.PUSH_FAILED, f"the image did not take it: {words_of(reply)}", hint)

    # The session in the backend

    def established(self, step: Established) -> None:
        """A link is up: note whether its backend takes the work, and what it has to be asked for again."""
        self._schedule.link_up(takes_it=step.known.session is not None)
        self._attempt.connection.look.saw_session(self._turn.now.monotonic_s)
        if step.has_unread_copy:
            self._copy_not_given(step.refusal or "")
            return
        self._unread.read()
        if step.is_behind:
            self._schedule.put_off(self._turn.now.monotonic_s)
        elif step.may_ask_again and step.refusal:
            self._session_denied(step.refusal, passes=step.is_passing)
        elif step.refusal:
            self._no_backend_session(step.refusal)

    def begin(self) -> None:
        """A link is up; nothing was denied on it yet."""
        self._session_retry.begin()
        self._unread.begin()

    def make_session_again(self) -> None:
        """Ask first who answers: another image may have taken the place of the one that had the session."""
        self._attempt.connection.look.is_before_session = True
        self.look_first()

    def ask_for_session(self) -> None:
        """It is still the image that it was: make the session."""
        client_id = self._session.begin_handshake(str(self._attempt.endpoint)).client_id
        self._questions.ask(Purpose.SESSION, Operation("create_session", {"client_id": client_id}))

    def session_made(self, landed: PairedReply) -> None:
        """The backend has made the session again, or not."""
        session = session_in(landed.reply, self._session.record.client_id or "")
        if isinstance(landed.reply, Reply) and is_refusal(landed.reply, of="create_session"):
            self._dialer.reject(refused(landed.reply, has_token=self._attempt.secret is not None))
            return
        if session is None:
            self._session_denied(words_of(landed.reply), passes=is_passing(landed.reply))
            return
        now = self._turn.now.monotonic_s
        self._session_retry.begin()
        self._schedule.found(is_readable=True)
        state, made = state_in(landed.reply), session
        self._attempt.connection.look.saw_session(now)
        self._session.made_again(str(self._attempt.endpoint), made, now)
        self.tell_of_long_id(made)
        if isinstance(state, Mapping):  # some give back a session that has work in it
            self.merge_state(state, lambda _: self._fill(made))
        else:
            self._fill(made)

    def _fill(self, session: BackendSession) -> None:
        """A session was made again: the image gets the work, unless it has a copy that is to be left alone."""
        self._schedule.link_up(takes_it=True)
        self._schedule.session_made()
        if self._schedule.takes_it:
            self.push(Purpose.PUSH, self._attempt.connection.dialect, session.id)

    def leave_backend_session(self) -> None:
        """Another process uses our backend session, and two must not share one: make another when nobody waits."""
        if self._attempt.is_up:
            self._schedule.link_up(takes_it=False)
            self._session_retry.soon(self._turn.now.monotonic_s)

    def gives_copy_up(self) -> bool:
        """True when the image has not given its copy for so long that another session is made."""
        session = self._session.known(str(self._attempt.endpoint)).session
        return session is not None and self._unread.is_given_up(session.id, self._turn.now.monotonic_s)

    def _session_denied(self, words: str, *, passes: bool) -> None:
        """The session was denied: it is asked for again later, which is told once."""
        self._schedule.link_up(takes_it=False)
        if self._session_retry.denied(self._turn.now.monotonic_s, is_passing=passes):
            self._no_backend_session(words)

    def _copy_not_given(self, words: str) -> None:
        """Nothing is pushed over a copy that the image did not give. It is asked for again, and that is told once."""
        self._schedule.link_up(takes_it=False)
        if self._unread.failed(self._session.record.backend_session, self._turn.now.monotonic_s):
            hint = "the link works; the image's copy stays as it is, and is asked for again"
            message = f"the image did not give its copy of the work: {words}"
            self._report.problem(ProblemCode.COPY_NOT_GIVEN, message, hint)

    def _no_backend_session(self, words: str) -> None:
        self._schedule.link_up(takes_it=False)
        self._tell_no_session(words)

    def _tell_no_session(self, words: str) -> None:
        hint = "the link works; the work context is kept on this machine only"
        self._report.problem(ProblemCode.NO_BACKEND_SESSION, f"the backend did not take the session: {words}", hint)

    def tell_of_long_id(self, session: BackendSession) -> None:
        """Tell it where the name of the session is too long to be stored: the next start will not find it."""
        if not session.can_be_stored:
            message = "the backend's name for the session is too long to be remembered"
            hint = "the work is saved here, and the next start makes a new session in the backend"
            self._report.problem(ProblemCode.SESSION_NOT_REMEMBERED, message, hint)
