"""The image's copy of the context: merged at the handshake, pushed when it is behind, its session made again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from stui_supervisor.config import COPY_MAX_BYTES, ERROR_TEXT_MAX_LENGTH, LISTED_BYTES, SECTIONS_MAX, SESSION_OLD_S
from stui_supervisor.context.context import Merged
from stui_supervisor.context.image_copy import ImageCopy, StateData, bytes_beyond, reading_copy, sections_beyond
from stui_supervisor.context.parts import Portion, Steps
from stui_supervisor.context.section import Section, equal
from stui_supervisor.core.attempt import Phase
from stui_supervisor.core.effects import Effect, SaveSnapshot
from stui_supervisor.core.retrying import Retrying
from stui_supervisor.link.replies import is_refusal, refused, words_of
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
from stui_supervisor.requests.exchange import PairedReply
from stui_supervisor.requests.request_queue import Purpose
from stui_supervisor.security.masks import without
from stui_supervisor.security.secret import Secret
from stui_supervisor.wire.dialects import Dialect, Operation, Reply
from stui_supervisor.wire.strict_json import MalformedMessage

# What something may be done about at the end.
_ABOUT_THE_SESSION: Final = (Purpose.PUSH, Purpose.SESSION, Purpose.COPY, Purpose.OWNER)


class Pushing(Retrying):
    """What is said on a link about the context and the session that holds it there."""

    def _ask(self, purpose: Purpose, dialect: Dialect, operation: Operation, secret: Secret | None = None) -> None:
        self._effects.append(self._exchange.ask(self._attempt.link, purpose, dialect, operation, self._now, secret))

    def _next_asking(self) -> float | None:
        """When something about the context is to be said next."""
        earliest = self._sharing.next_deadline()
        for due in (self._denied.next_deadline(), self._unread.next_deadline()):
            if due is not None and (earliest is None or due < earliest):
                earliest = due
        return earliest

    def _share(self) -> None:
        """Push the context, unless something is under way. A session seen long ago may be another client's by now."""
        session, attempt = self._session.record.session, self._attempt
        if self._exchange.flight is not None or self._parts.are_left or session is None:
            return
        if attempt.look.is_session_old(self._now.monotonic_s, SESSION_OLD_S):
            asked = restore(session, self._session.record.client_id or "")
            self._ask(Purpose.OWNER, attempt.dialect, asked, attempt.secret)
        else:
            self._push(Purpose.PUSH, attempt.dialect, session.id)

    def _owner_answered(self, landed: PairedReply) -> None:
        """Go on with the push, unless the session is another client's now. One that is gone refuses that itself."""
        reply, session = landed.reply, self._session.record.session
        if isinstance(reply, Reply) and is_refusal(reply, of="restore_session"):
            self._reject(refused(reply, has_token=self._attempt.secret is not None))
        elif session is None:
            return  # it was given up meanwhile
        elif is_passing(reply):
            self._put_off(reply)
        elif isinstance(reply, Reply) and reply.ok and self._is_anothers(reply, session):
            self._make_session_again()
        else:
            self._attempt.look.saw_session(self._now.monotonic_s)
            state = state_in(reply)
            if isinstance(state, Mapping):
                self._merge(state, lambda _: self._sharing.link_up(takes_it=True))

    def _is_anothers(self, reply: Reply, session: BackendSession) -> bool:
        client_id = self._session.record.client_id or ""
        return names_another_session(reply, session) or bool(is_pushed_by_another(state_in(reply), client_id))

    def _gives_last_changes(self) -> bool:
        """True while the image has yet to get or to accept what changed. A request is not kept waiting for that.

        A push begins where the image lacks something, after what is under way that nobody waits for.
        """
        if self._exchange.waiting or self._attempt.phase is not Phase.UP:
            return False
        if self._parts.are_left:
            return True
        lacks_something = self._sharing.next_deadline() is not None and not self._sharing.is_put_off
        if lacks_something and not self._looks_first(is_push_wanted=True):
            self._share()
        flight = self._exchange.flight
        has_begun = self._attempt.look.is_before_session or lacks_something
        return flight is not None and (has_begun or flight.purpose in _ABOUT_THE_SESSION)

    def _merge(self, state: object, then: Callable[[bool], None]) -> None:
        """Take what is newer in the image's copy, in parts; ``then`` learns whether ours has what the image lacks."""
        self._parts.begin(self._merging(state), then, self._now.monotonic_s)

    def _merging(self, state: object) -> Steps[bool]:
        sections = sections_beyond(state)
        own = self._session.context.sections()
        copy = yield from reading_copy({} if sections else state, own)
        listing = Portion()
        if listing.spend(LISTED_BYTES * len(copy.sections)):
            yield
        size = bytes_beyond({**copy.sections, **copy.remains})
        if listing.spend(LISTED_BYTES * len(copy.sections)):
            yield
        self._sharing.found(is_readable=not sections and not size)
        if sections:
            self._leave_copy(ProblemCode.TOO_MANY_SECTIONS, f"{sections:,} sections, and {SECTIONS_MAX:,}")
        elif size:
            self._leave_copy(ProblemCode.COPY_TOO_LARGE, f"{size:,} bytes, and {COPY_MAX_BYTES:,}")
        return not sections and not size and (yield from self._taking(copy, own))

    def _taking(self, copy: ImageCopy, own: Mapping[str, Section]) -> Steps[bool]:
        """Take over what was read; True when ours has something that the image lacks."""
        found, remains = copy.sections, copy.remains
        quoting = yield from self._masks.finding_quoting({**found, **remains}, own)
        if quoting:
            found, remains = without(quoting, found), without(quoting, remains)
            self._sharing.found(is_readable=False)
            self._leave_quoting(quoting)
        # What was set before anything could be restored wins over what was stored, which this may be the only copy of.
        merged, has_disk = Merged(), self._session.id is not None
        try:
            yield from self._session.context.merging(found, merged, keeps_changes=not has_disk)
            remains = yield from _finding_news(remains, own)
            unseen = self._session.take_unseen(remains)
        except GeneratorExit:  # the link is gone; what was taken so far stays, and what gave way to it is kept
            self._took(merged, {})
            raise
        self._took(merged, unseen)
        return bool(merged.newer) and not quoting

    def _took(self, merged: Merged, unseen: Mapping[str, Section]) -> None:
        if merged.taken:
            self._session.saver.context_changed(self._now.monotonic_s)
        lost = {**unseen, **merged.lost}
        self._effects += self._session.keep({name: unseen[name] for name in unseen if name in merged.lost})  # both lost
        self._effects += self._session.keep(lost)
        self._tell_of_copies(lost, "the image")
        self._tell_of_doubtful(merged.doubtful)

    def _leave_quoting(self, names: list[str]) -> None:
        words = self._masks.text(", ".join(sorted(names)))[:ERROR_TEXT_MAX_LENGTH]
        hint = (
            "the rest was taken over; the image's copy stays as it is, and the work context is kept on this machine "
            "only, until the token is out of it"
        )
        self._problem(
            ProblemCode.COPY_QUOTES_TOKEN, f"the image's copy of the work quotes the token, in: {words}", hint
        )

    def _told(self, effects: Sequence[Effect], whose: str) -> Sequence[Effect]:
        """The same, once the user is told of the copies that are kept by them."""
        for effect in effects:
            if isinstance(effect, SaveSnapshot):
                self._tell_of_copies(effect.sections, whose)
        return effects

    def _tell_of_copies(self, lost: Mapping[str, Section], whose: str) -> None:
        if not lost:
            return
        names = ", ".join(sorted(lost))[:ERROR_TEXT_MAX_LENGTH]
        place = "in a snapshot file of this session" if self._session.id else "in memory until a disk takes it"
        hint = f"the newer copy is in use, as far as that can be known; the other one is kept {place}"
        self._problem(ProblemCode.CONTEXT_DIFFERED, f"{whose} had another copy of: {names}", hint)

    def _tell_of_doubtful(self, doubtful: tuple[str, ...]) -> None:
        if not doubtful:
            return
        names = ", ".join(sorted(doubtful))[:ERROR_TEXT_MAX_LENGTH]
        hint = "delete them again if they were: so many were deleted here that the oldest of these are forgotten"
        self._problem(
            ProblemCode.DELETIONS_FORGOTTEN, f"these came from the image, and may have been deleted here: {names}", hint
        )

    def _leave_copy(self, code: ProblemCode, excess: str) -> None:
        hint = "the image's copy stays as it is, and the work context is kept on this machine only"
        self._problem(code, f"the image's copy of the work has {excess} can be taken", hint)

    def _push(self, purpose: Purpose, dialect: Dialect, session: SessionId) -> None:
        token = self._exchange.begin_push(self._attempt.link, purpose, self._now)
        self._sharing.pushed()  # what changes from now on is pushed again
        link = self._attempt.link

        def send(state: bytes) -> None:
            self._effects.append(self._exchange.push(link, token, dialect, session, state, self._now))

        self._parts.begin(self._encoding(), send, self._now.monotonic_s)

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

    def _push_answered(self, landed: PairedReply) -> None:
        """What was not managed goes out again. A refused push means that the session is gone: it is made anew, once."""
        reply, session = landed.reply, self._session.record.session
        is_ours = not isinstance(reply, Reply) or session is None or not names_another_session(reply, session)
        if is_passing(reply):
            self._put_off(reply)
        elif isinstance(reply, Reply) and reply.ok and is_ours:
            self._attempt.look.saw_session(self._now.monotonic_s)
            self._sharing.accepted()
        elif self._sharing.may_make_session_again():
            self._make_session_again()
        elif self._sharing.refused(self._now.monotonic_s):
            self._tell_no_session(words_of(reply))

    @abstractmethod
    def _looks_first(self, *, is_push_wanted: bool = False) -> bool:
        """True when something is due and the image has to say first who it is, which it is asked then."""

    def _make_session_again(self) -> None:
        """First it is asked who answers: another image may have taken the place of the one that had the session."""
        self._attempt.look.is_before_session = True
        self._looks_first()

    def _put_off(self, reply: Reply | MalformedMessage) -> None:
        if self._sharing.put_off(self._now.monotonic_s):
            hint = "the link works; the work context is kept on this machine, and offered to the image again"
            self._problem(ProblemCode.PUSH_FAILED, f"the image did not take it: {words_of(reply)}", hint)

    def _ask_for_session(self) -> None:
        create = Operation("create_session", {"client_id": self._session.record.client_id})
        self._ask(Purpose.SESSION, self._attempt.dialect, create, self._attempt.secret)

    def _session_made(self, landed: PairedReply) -> None:
        session = session_in(landed.reply, self._session.record.client_id or "")
        if isinstance(landed.reply, Reply) and is_refusal(landed.reply, of="create_session"):
            self._reject(refused(landed.reply, has_token=self._attempt.secret is not None))
            return
        if session is None:
            words, passes = words_of(landed.reply), is_passing(landed.reply)
            self._session_denied(words, passes=passes)
            return
        self._denied.begin()
        self._sharing.found(is_readable=True)
        state, made = state_in(landed.reply), session
        self._attempt.look.saw_session(self._now.monotonic_s)
        self._session.made_again(str(self._attempt.endpoint), made, self._now.monotonic_s)
        self._tell_of_long_id(made)
        if isinstance(state, Mapping):  # some give back a session that has work in it
            self._merge(state, lambda _: self._fill(made))
        else:
            self._fill(made)

    def _fill(self, session: BackendSession) -> None:
        """A session was made again: the image gets the work, unless it has a copy that is to be left alone."""
        self._sharing.link_up(takes_it=True)
        self._sharing.may_make_session_again()  # this was that one time
        if self._sharing.takes_it:
            self._push(Purpose.PUSH, self._attempt.dialect, session.id)

    def _tell_of_long_id(self, session: BackendSession) -> None:
        """The work is on this machine in any case; what only the image's copy has is not found again."""
        if not session.can_be_stored:
            message = "the backend's name for the session is too long to be remembered"
            hint = "the work is saved here, and the next start makes a new session in the backend"
            self._problem(ProblemCode.SESSION_NOT_REMEMBERED, message, hint)

    def _leave_backend_session(self) -> None:
        """Another process goes on with it, and two must not share one; ours is made once nobody waits for the image."""
        if self._attempt.phase is Phase.UP:
            self._sharing.link_up(takes_it=False)
            self._denied.soon(self._now.monotonic_s)

    def _session_denied(self, words: str, *, passes: bool) -> None:
        """It is asked for again later; that is told once."""
        self._sharing.link_up(takes_it=False)
        if self._denied.again(self._now.monotonic_s, is_passing=passes):
            self._no_backend_session(words)

    def _copy_not_given(self, words: str) -> None:
        """Nothing is pushed over what could not be read; it is asked for again later, and that is told once."""
        self._sharing.link_up(takes_it=False)
        if self._unread.failed(self._session.record.backend_session, self._now.monotonic_s):
            hint = "the link works; the image's copy stays as it is, and is asked for again"
            self._problem(ProblemCode.COPY_NOT_GIVEN, f"the image did not give its copy of the work: {words}", hint)

    def _gives_copy_up(self) -> bool:
        session = self._session.known(str(self._attempt.endpoint)).session
        return session is not None and self._unread.is_given_up(session.id, self._now.monotonic_s)

    def _no_backend_session(self, words: str) -> None:
        self._sharing.link_up(takes_it=False)
        self._tell_no_session(words)

    def _tell_no_session(self, words: str) -> None:
        hint = "the link works; the work context is kept on this machine only"
        self._problem(ProblemCode.NO_BACKEND_SESSION, f"the backend did not take the session: {words}", hint)


def _finding_news(remains: Mapping[str, Section], own: Mapping[str, Section]) -> Steps[dict[str, Section]]:
    """Those of the remains that our own sections neither have nor went through."""
    news, portion = dict[str, Section](), Portion()
    for name, section in remains.items():
        if _is_news(section, own.get(name)):
            news[name] = section
        if portion.spend(len(section.value or b"")):
            yield
    return news


def _is_news(section: Section, own: Section | None) -> bool:
    """False for a value that our own section has, or went through."""
    if own is None:
        return True
    return not equal(own.value, section.value) and section.sum_of_value() not in own.known
