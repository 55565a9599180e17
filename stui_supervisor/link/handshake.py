"""The messages on a new link before it counts as established.

ping (which finds the dialect and the image) → ``restore_session`` → the context → established.
A session that is gone is made again by ``create_session``, after a second ping: another image may
have taken the place of the first. A session that the backend refuses, or does not answer while it
answers a ping that was sent later, does not prevent the link: the context is then kept on this
machine only. A copy of the context that the backend could not give is asked for again, in the end beside
the requests on the established link: until it is here, no session is made and nothing is pushed over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from stui_supervisor.config import HANDSHAKE_SILENCES, LOOKS_REFUSED_MAX, PASSING_TRIES
from stui_supervisor.link.dialect_search import DialectSearch
from stui_supervisor.link.ownership import NOTHING_SHOWN, Evidence, Ownership
from stui_supervisor.link.replies import (
    incompatible,
    is_refusal,
    not_identified,
    not_understood,
    refused,
    trouble_in,
    words_of,
)
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
from stui_supervisor.machine.states import BackendVerdict
from stui_supervisor.peer.backend_session import (
    BackendSession,
    client_in,
    names_another_session,
    restore,
    session_in,
    state_in,
)
from stui_supervisor.peer.identity import Identity, differ, identity_of
from stui_supervisor.peer.passing import is_passing
from stui_supervisor.peer.process import NOTHING_EARLIER, Earlier, Who, unpinned, who_answers
from stui_supervisor.security.secret import Secret
from stui_supervisor.session.records import KnownBackend
from stui_supervisor.wire.capabilities import capabilities_in
from stui_supervisor.wire.commands import WITH_TOKEN
from stui_supervisor.wire.dialects import Dialect, IncompatibleVersion, Operation, Reply
from stui_supervisor.wire.strict_json import MalformedMessage

_COPY: Final = frozenset({"restore_session", "load_context"})  # what gives a copy of ours


@dataclass(slots=True)
class _Question:
    """What was asked last, and how it goes.

    ``about`` is its command, or what a further ping is for: "second_ping" after a session was found to be gone, "look"
    before a merge. ``pings`` counts these. ``silences`` counts the times that nothing was answered for a while, and
    ``is_ping_behind`` is True while a ping is on its way behind it for that reason.
    """

    about: str = ""
    pings: int = 0
    silences: int = 0
    is_ping_behind: bool = False


@dataclass(slots=True)
class _Findings:
    """What this handshake has found out about the backend so far.

    ``who`` is what the latest answer to a ping says of who answers; None before the first. ``refusal`` is the error
    with which a session or the context was refused. ``publishes`` is an address as the ping has it, not checked.
    """

    verdict: BackendVerdict
    refusal: str | None = None
    who: Who | None = None
    capabilities: frozenset[str] = frozenset()
    publishes: Any = None
    ownership: Ownership = NOTHING_SHOWN


class Handshake:
    """One handshake on one link; each method returns the next step.

    ``known`` is what is known of the backend before. ``with_session`` is False where no work is to be shared with it.
    An image that does not show itself to be the ``pin`` is left alone. With ``gives_copy_up`` the backend has failed
    for long enough to give its copy of the context, and is taken to have none. ``earlier`` is the process that the
    last link was to, and ``utc`` the present by the wall clock.
    """

    def __init__(
        self,
        known: KnownBackend,
        *,
        with_session: bool,
        secret: Secret | None = None,
        pin: str | None = None,
        gives_copy_up: bool = False,
        earlier: Earlier = NOTHING_EARLIER,
        utc: datetime | None = None,
    ) -> None:
        self._known = known
        self._with_session = with_session
        self._secret = secret
        self._pin = pin
        self._gives_copy_up = gives_copy_up
        self._earlier = earlier
        self._utc = utc
        self._dialects = DialectSearch(known.dialect)
        self._question = _Question()
        self._copy_tries = 0
        self._put_off: Merge | None = None
        self._found = _Findings(known.found or BackendVerdict.UNKNOWN)

    @property
    def session(self) -> BackendSession | None:
        """The session in the backend, as far as it is known; None once it is found to be gone."""
        return self._known.session

    @property
    def verdict(self) -> BackendVerdict:
        """What the backend is found to be, so far."""
        return self._found.verdict

    @property
    def who(self) -> Who | None:
        """What the latest answer to a ping says of who answers; None before the first."""
        return self._found.who

    def begin(self) -> Step:
        """The first step on a link that has just opened."""
        return self._ping(self._dialects.dialect)

    def silence(self) -> Step | None:
        """Nothing has been answered for a while: a busy image, one that ignores this dialect, or a reply that got lost.

        A ping is repeated once, in the other dialect. Behind anything else a ping is sent, also once: an image that is
        busy answers it last.
        """
        if self._question.about == "ping":
            dialect = self._dialects.after_silence()
            return None if dialect is None else self._ping(dialect)
        self._question.silences += 1
        if self._question.silences != HANDSHAKE_SILENCES:
            return None
        self._question.is_ping_behind = True
        return self._ask_ping()

    def answered(self, reply: Reply | MalformedMessage, *, is_to_latest: bool = True) -> Step:
        """The step after the reply to the latest Ask or PushContext, or to one before it that had none yet."""
        was_ping_behind, self._question.is_ping_behind = self._question.is_ping_behind, False
        self._question.silences = 0
        if was_ping_behind and is_to_latest:
            return self._without_reply(reply)
        if self._question.about == "ping":
            return self._ping_answered(reply, self._dialects.take_answer())
        return self._session_answered(reply)

    def switched(self, known: KnownBackend) -> Step:
        """Another session was claimed for the image that answers; ``known`` is what it remembers."""
        self._known = known._replace(dialect=self._dialects.dialect, image=self._known.image)
        self._found.verdict = BackendVerdict.DIFFERENT_IMAGE
        return self._ask_for_session()

    def resumed(self, *, gives_copy_up: bool) -> Step:
        """On the established link: the copy that was not given is asked for again, once."""
        self._gives_copy_up = gives_copy_up
        self._copy_tries, self._found.refusal = PASSING_TRIES - 1, None
        return self._ask_for_copy()

    def look_first(self, merge: Merge) -> Step:
        """It was seen too long ago who answers: ask again, and only then go on with this merge."""
        self._put_off = merge
        return self._ask_who("look")

    def merged(self, *, ours_is_newer: bool) -> Step:
        """The two copies of the context are one; push it when the backend's lacks something."""
        if not ours_is_newer or self._known.session is None:
            return self._established()
        self._question.about = "update_session_state"
        return PushContext(self._dialects.dialect, self._known.session.id)

    # Who answers

    def _ping(self, dialect: Dialect) -> Step:
        self._dialects.ping(dialect)
        return self._ask("ping", {})

    def _ping_answered(self, reply: Reply | MalformedMessage, asked_in: set[Dialect]) -> Step:
        if isinstance(reply, IncompatibleVersion):
            return Rejected(incompatible(reply))
        if isinstance(reply, Reply) and reply.dialect in asked_in:
            if reply.ok:
                return self._identify(reply)
            if is_refusal(reply):
                return Rejected(refused(reply, has_token=self._secret is not None))
        dialect = self._dialects.not_understood(reply, asked_in)
        return Failed(not_understood(reply)) if dialect is None else self._ping(dialect)

    def _identify(self, reply: Reply) -> Step:
        who = self._found.who = who_answers(reply.result)
        failure = unpinned(who.image, self._pin)
        if failure is not None:
            return Unpinned(failure)
        self._dialects.dialect = reply.dialect  # a busy image answers a ping after it was asked in the other dialect
        self._found.capabilities = capabilities_in(reply.result)
        self._found.publishes = reply.result.get("notifications")
        known, found = self._known.image, who.image or self._known.image
        self._known = self._known._replace(dialect=reply.dialect, image=found)
        is_another = found is not None and differ(known, found)
        if not self._with_session:
            self._found.verdict = BackendVerdict.DIFFERENT_IMAGE if is_another else self._found.verdict
            return self._established()
        return SwitchSession(found) if is_another and found is not None else self._ask_for_session()

    def _identify_again(self, reply: Reply | MalformedMessage) -> Step:
        """The session is gone: that may be so because another image has taken the place of the first."""
        has_switched = self._found.verdict is BackendVerdict.DIFFERENT_IMAGE
        trouble = self._follow_ping(reply, self._known.image if has_switched else None)
        if trouble is not None:
            return trouble
        if not isinstance(reply, Reply) or not reply.ok:
            return self._ask_who_again(reply)
        is_another = differ(identity_of(reply.result.get("image_id")), self._known.image)
        return self._identify(reply) if is_another else self._ask_for_session()

    def _looked(self, reply: Reply | MalformedMessage) -> Step:
        trouble = self._follow_ping(reply, self._known.image)
        if trouble is not None:
            return trouble
        if self._put_off is None or not isinstance(reply, Reply) or not reply.ok:
            return self._ask_who_again(reply)
        merge, self._put_off = self._put_off, None
        return merge

    def _ask_who(self, about: str) -> Ask:
        """Ask once more who answers; ``about`` is what for."""
        self._question.about, self._question.pings = about, 1
        return self._ask_ping()

    def _ask_who_again(self, reply: Reply | MalformedMessage) -> Step:
        """The ping was answered with an error, which says nothing of who answers: ask again, a few times."""
        if self._question.pings >= LOOKS_REFUSED_MAX:
            return Failed(not_identified(reply))
        self._question.pings += 1
        return self._ask_ping()

    def _follow_ping(self, reply: Reply | MalformedMessage, image: Identity | None) -> Ending | None:
        """Note what a further ping says of who answers; the ending, when it must not go on."""
        has_token = self._secret is not None
        trouble = trouble_in(reply, self._dialects.dialect, pin=self._pin, image=image, has_token=has_token)
        if isinstance(reply, Reply) and reply.ok:
            who = self._found.who = who_answers(reply.result)
            if trouble is None:  # it may say its name only now
                self._known = self._known._replace(image=self._known.image or who.image)
        return trouble

    def _without_reply(self, reply: Reply | MalformedMessage) -> Step:
        """A ping was answered, but not what was asked before: the backend does not know that, or the reply is lost."""
        trouble = self._follow_ping(reply, self._known.image)
        if trouble is not None:
            return trouble
        if self._question.about == "second_ping":
            return self._identify_again(reply)
        if self._question.about == "look":
            return self._looked(reply)
        self._found.refusal = f"no answer to {self._question.about}"
        if self._known.session is None and self._found.verdict is BackendVerdict.RESTARTED:
            self._found.verdict = BackendVerdict.UNKNOWN
        return self._established()

    # The session, and the copy of the context in it

    def _session_answered(self, reply: Reply | MalformedMessage) -> Step:
        about = self._question.about
        if isinstance(reply, Reply) and is_refusal(reply, of=about):
            return Rejected(refused(reply, has_token=self._secret is not None))
        passes = is_passing(reply)
        if about in _COPY and passes and not self._gives_copy_up:
            return self._copy_not_given(reply)
        step: Step
        match about:
            case "restore_session":
                step = self._restore_answered(reply)
            case "second_ping":
                step = self._identify_again(reply)
            case "look":
                step = self._looked(reply)
            case "create_session":
                step = self._create_answered(reply)
            case "load_context" if self._found.ownership.is_unproven or not passes:
                state = state_in(reply)
                is_ours = self._found.ownership.is_shown_by(state, self._known) and not self._is_anothers(reply)
                step = Merge(state) if is_ours else self._not_restored()
            case "update_session_state" if passes:
                step = self._established()._replace(is_behind=True)
            case _:  # a copy that cannot be read is left alone, as a push would take its place
                self._note_refusal(reply)
                step = self._established()
        return step

    def _ask_for_session(self) -> Ask:
        session = self._known.session
        if session is None:
            return self._ask("create_session", {"client_id": self._known.client_id})
        asked = restore(session, self._known.client_id)
        return self._ask(asked.command, asked.parameters)

    def _ask_for_copy(self) -> Ask:
        session = self._known.session
        if self._question.about == "load_context" and session is not None:
            return self._ask("load_context", {"session_id": session.id})
        return self._ask_for_session()

    def _copy_not_given(self, reply: Reply | MalformedMessage) -> Step:
        """The backend could not give it this time, which says nothing of the session and the copy in it."""
        self._copy_tries += 1
        if self._copy_tries < PASSING_TRIES:
            return self._ask_for_copy()
        self._note_refusal(reply)
        return self._established()._replace(has_unread_copy=True)

    def _restore_answered(self, reply: Reply | MalformedMessage) -> Step:
        session = self._known.session
        if session is None or not isinstance(reply, Reply) or not reply.ok or self._is_anothers(reply):
            return self._not_restored()
        owner = client_in(reply)
        evidence = Evidence(self.who.process if self.who is not None else None, self._earlier, self._utc)
        self._found.ownership = evidence.judge(session, owner, self._known)
        self._known = self._known._replace(session=session._replace(owner=session.owner or owner))
        state = state_in(reply)
        needs_context = not state and self._dialects.dialect is Dialect.ENVELOPE
        if not needs_context and not self._found.ownership.is_shown_by(state, self._known):
            return self._not_restored()
        if self._found.verdict is not BackendVerdict.DIFFERENT_IMAGE:
            self._found.verdict = self._known.found or BackendVerdict.RESUMED
        if needs_context:
            return self._ask("load_context", {"session_id": session.id})
        return Merge(state)

    def _is_anothers(self, reply: Reply | MalformedMessage) -> bool:
        session = self._known.session
        return session is not None and isinstance(reply, Reply) and names_another_session(reply, session)

    def _not_restored(self) -> Step:
        """The session is gone, or is another client's now; ours is made anew once it is known who answers."""
        if self._found.verdict is not BackendVerdict.DIFFERENT_IMAGE:
            self._found.verdict = BackendVerdict.UNKNOWN if self._known.is_elsewhere else BackendVerdict.RESTARTED
        self._known = self._known._replace(session=None)
        return self._ask_who("second_ping")

    def _create_answered(self, reply: Reply | MalformedMessage) -> Step:
        session = session_in(reply, self._known.client_id)
        if session is None:
            self._found.refusal = words_of(reply)
            if self._found.verdict is BackendVerdict.RESTARTED:
                self._found.verdict = BackendVerdict.UNKNOWN
            return self._established()._replace(may_ask_again=True, is_passing=is_passing(reply))
        self._known = self._known._replace(session=session)
        state = state_in(reply)
        return Merge(state if isinstance(state, Mapping) else None, made=session)  # some give one with work in it

    # What all of them need

    def _ask(self, command: str, parameters: Mapping[str, Any]) -> Ask:
        self._question.about = command
        secret = self._secret if command in WITH_TOKEN else None
        return Ask(self._dialects.dialect, Operation(command, parameters), secret)

    def _ask_ping(self) -> Ask:
        """Ping again in the dialect that was found."""
        return Ask(self._dialects.dialect, Operation("ping", {}), self._secret)

    def _note_refusal(self, reply: Reply | MalformedMessage) -> None:
        if self._is_anothers(reply):
            self._found.refusal = "its session is another client's now"
        elif not (isinstance(reply, Reply) and reply.ok):
            self._found.refusal = words_of(reply)

    def _established(self) -> Established:
        session, found = self._known.session, self._found
        if session is not None and found.who is not None and found.refusal is None:
            session = session._replace(process=found.who.process.in_short, seen_at=self._utc)
            self._known = self._known._replace(session=session)
        step = Established(self._known, found.verdict, found.refusal, found.capabilities, found.publishes)
        return step._replace(is_another_process=found.ownership.is_another_process)
