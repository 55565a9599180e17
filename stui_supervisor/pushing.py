"""The image's copy of the context: merged at the handshake, pushed when it is behind, its session made again."""

from __future__ import annotations

from stui_supervisor.attempt import Phase
from stui_supervisor.config import COPY_MAX_BYTES, ERROR_TEXT_MAX_LENGTH, SECTIONS_MAX
from stui_supervisor.effects import SaveSnapshot
from stui_supervisor.exchange import Landed
from stui_supervisor.handshake import is_refusal, refused, session_in, words_of
from stui_supervisor.requests import Purpose
from stui_supervisor.retrying import Retrying
from stui_supervisor.secret import Secret
from stui_supervisor.state_data import bytes_beyond, encode_state_data, from_state_data, sections_beyond
from stui_supervisor.wire.dialects import Dialect, Operation, Reply


class Pushing(Retrying):
    """What is said on a link about the context and the session that holds it there."""

    def _ask(self, purpose: Purpose, dialect: Dialect, operation: Operation, secret: Secret | None = None) -> None:
        self._effects.append(self._exchange.ask(self._attempt.link, purpose, dialect, operation, self._now, secret))

    def _share(self) -> None:
        """Push the context, unless something else is under way."""
        session = self._session.record.backend_session
        if self._exchange.flight is None and session is not None:
            self._push(Purpose.PUSH, self._attempt.dialect, session)

    def _gives_last_changes(self) -> bool:
        """True while the image has yet to get or to accept what changed. A request is not kept waiting for that.

        A push begins where the image lacks something, after what is under way that nobody waits for.
        """
        if self._exchange.waiting or self._attempt.phase is not Phase.UP:
            return False
        lacks_something = self._sharing.next_deadline() is not None
        if lacks_something:
            self._share()
        flight = self._exchange.flight
        return flight is not None and (lacks_something or flight.purpose in (Purpose.PUSH, Purpose.SESSION))

    def _merge(self, state: object) -> bool:
        """Take what is newer in the image's copy; True when ours has something that it lacks."""
        sections = sections_beyond(state)
        remote = {} if sections else from_state_data(state)
        size = bytes_beyond(remote)
        self._sharing.found(is_readable=not sections and not size)
        if sections:
            self._leave_copy("too_many_sections", f"{sections:,} sections, and {SECTIONS_MAX:,}")
            return False
        if size:
            self._leave_copy("copy_too_large", f"{size:,} bytes, and {COPY_MAX_BYTES:,}")
            return False
        context = self._session.context
        own = context.sections()
        if self._session.id is None:  # without a disk there is no place for the copy that would give way
            remote = {name: section for name, section in remote.items() if name not in own}
        merged = context.merge(remote)
        if merged.taken:
            self._session.saver.context_changed(self._now.monotonic_s)
        if merged.lost and self._session.id is not None:
            self._effects.append(SaveSnapshot(self._session.id, merged.lost))
            names = ", ".join(sorted(merged.lost))[:ERROR_TEXT_MAX_LENGTH]
            hint = "the newer copy is in use; the other one is kept in a snapshot file of this session"
            self._problem("context_differed", f"the image had another copy of: {names}", hint)
        return bool(merged.newer)

    def _leave_copy(self, code: str, excess: str) -> None:
        hint = "the image's copy stays as it is, and the work context is kept on this machine only"
        self._problem(code, f"the image's copy of the work has {excess} can be taken", hint)

    def _push(self, purpose: Purpose, dialect: Dialect, session: str) -> None:
        state = encode_state_data(self._session.context.sections())
        self._effects.append(self._exchange.push(self._attempt.link, purpose, dialect, session, state, self._now))
        self._session.context.pushed()
        self._sharing.pushed()

    def _push_answered(self, landed: Landed) -> None:
        """A refused push means that the session is gone: it is made again in place, once."""
        reply = landed.reply
        if isinstance(reply, Reply) and reply.ok:
            self._sharing.accepted()
        elif self._sharing.may_make_session_again():
            self._ask_for_session()
        else:
            self._no_backend_session(words_of(reply, self._attempt.secret))

    def _ask_for_session(self) -> None:
        create = Operation("create_session", {"client_id": self._session.record.client_id})
        self._ask(Purpose.SESSION, self._attempt.dialect, create, self._attempt.secret)

    def _session_made(self, landed: Landed) -> None:
        session = session_in(landed.reply)
        if isinstance(landed.reply, Reply) and is_refusal(landed.reply):
            self._reject(refused(landed.reply, self._attempt.secret))
            return
        if session is None:
            self._session_denied(words_of(landed.reply, self._attempt.secret))
            return
        self._denied.begin()
        self._sharing.found(is_readable=True)
        self._sharing.link_up(takes_it=True)
        self._sharing.may_make_session_again()  # this was that one time
        self._session.made_again(str(self._attempt.endpoint), session, self._now.monotonic_s)
        self._push(Purpose.PUSH, self._attempt.dialect, session)

    def _leave_backend_session(self) -> None:
        """Another process goes on with it, and two must not share one; ours is made once nobody waits for the image."""
        if self._attempt.phase is Phase.UP:
            self._sharing.link_up(takes_it=False)
            self._denied.soon(self._now.monotonic_s)

    def _session_denied(self, words: str) -> None:
        """It is asked for again later; that is told once."""
        self._sharing.link_up(takes_it=False)
        if self._denied.again(self._now.monotonic_s):
            self._no_backend_session(words)

    def _no_backend_session(self, words: str) -> None:
        self._sharing.link_up(takes_it=False)
        hint = "the link works; the work context is kept on this machine only"
        self._problem("no_backend_session", f"the backend did not take the session: {words}", hint)
