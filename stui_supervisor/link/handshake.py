"""What is said on a new link before it counts as established.

ping (which finds the dialect and the image) → ``restore_session`` → the context → established.
A session that is gone is made again by ``create_session``, after a second ping: another image may
have taken the place of the first. A session that the backend refuses, or does not answer while it
answers a ping that was sent later, does not prevent the link: the context is then kept on this
machine only. A copy that the backend did not manage to give is asked for again, in the end beside the
requests on the established link: until it is here, no session is made and nothing is pushed over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from stui_supervisor.config import (
    ERROR_TEXT_MAX_LENGTH,
    HANDSHAKE_PINGS_MAX,
    HANDSHAKE_SILENCES,
    LOOKS_REFUSED_MAX,
    PASSING_TRIES,
    UPTIME_ROUNDED_S,
)
from stui_supervisor.context.image_copy import has_been_written_by
from stui_supervisor.errors import ConnectionRejected
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.machine.states import BackendVerdict
from stui_supervisor.moment import since
from stui_supervisor.peer.backend_session import (
    BackendSession,
    SessionId,
    client_in,
    is_pushed_by_another,
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

_REFUSALS: Final = frozenset({"AuthenticationFailed", "PermissionDenied"})
_OF_STUI: Final = frozenset({"InternalError", "RuntimeError", "Timeout"})  # what an image has, and no other server says
_COPY: Final = frozenset({"restore_session", "load_context"})  # what gives a copy of ours


class Ask(NamedTuple):
    """Send this, and call ``answered`` with what comes back."""

    dialect: Dialect
    operation: Operation
    secret: Secret | None = None


class Merge(NamedTuple):
    """The backend's copy of the context is here: merge it, then call ``merged``.

    ``made`` is the backend session that was made for it just now, if one was.
    """

    state: Any
    made: BackendSession | None = None


class PushContext(NamedTuple):
    """Send the whole context to this backend session, and call ``answered``."""

    dialect: Dialect
    backend_session: SessionId


class SwitchSession(NamedTuple):
    """Another image answers: claim its own session, then call ``switched``."""

    image: Identity


class Established(NamedTuple):
    """The link is up. ``refusal`` is what the backend said when it refused a session or the context.

    ``may_ask_again`` is True when it has denied the session only, ``is_passing`` when it may manage at another time.
    ``has_unread_copy``: it has one of ours that it did not manage to give, and ``resumed`` goes on with asking.
    ``is_behind``: it did not manage to take the context. ``is_another_process``: it has the session, and was certainly
    started again.
    ``capabilities`` are what its ping advertises, ``publishes`` is what it says of where it publishes, unchecked.
    """

    known: KnownBackend
    verdict: BackendVerdict
    refusal: str | None
    capabilities: frozenset[str] = frozenset()
    publishes: Any = None
    may_ask_again: bool = False
    is_passing: bool = False
    has_unread_copy: bool = False
    is_behind: bool = False
    is_another_process: bool = False


class Rejected(NamedTuple):
    """A person is needed."""

    error: ConnectionRejected


class Unpinned(NamedTuple):
    """The image is not shown to be the pinned one: a person is needed, unless another endpoint may have it."""

    failure: Failure


class Failed(NamedTuple):
    """This attempt is over; another may succeed."""

    failure: Failure


Ending = Rejected | Unpinned | Failed
Step = Ask | Merge | PushContext | SwitchSession | Established | Ending


class Handshake:
    """One handshake on one link; each method returns the next step.

    An image that does not show itself to be the ``pin`` is left alone. ``who`` is what the latest answer to a ping says
    of who answers; None before the first. With ``gives_copy_up`` a copy that is not given has been asked for long
    enough. ``earlier`` is the process that the last link was to.
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
        self._is_another_process = False
        self._put_off: Merge | None = None
        self._copy_tries = 0
        self._looks = 0
        self._dialect = known.dialect or Dialect.COMMAND
        self._refused_dialects: set[Dialect] = set()
        self._pings = 0
        self._unanswered: set[Dialect] = set()
        self._asked = ""
        self._silences = 0
        self._is_asking_again = False
        self._verdict = known.found or BackendVerdict.UNKNOWN
        self._refusal: str | None = None
        self._is_unproven = False
        self.who: Who | None = None
        self._capabilities: frozenset[str] = frozenset()
        self._publishes: Any = None

    def begin(self) -> Step:
        """The first step on a link that has just opened."""
        return self._ping(self._dialect)

    def silence(self) -> Step | None:
        """Nothing has been answered for a while: a busy image, one that ignores this dialect, or a reply that got lost.

        A ping is repeated once, in the other dialect. Behind anything else a ping is sent, also once: an image that is
        busy answers it last.
        """
        if self._asked == "ping":
            return None if len(self._unanswered) > 1 else self._ping(_other(self._dialect))
        self._silences += 1
        if self._silences != HANDSHAKE_SILENCES:
            return None
        self._is_asking_again = True
        return Ask(self._dialect, Operation("ping", {}), self._secret)

    def answered(self, reply: Reply | MalformedMessage, *, is_to_latest: bool = True) -> Step:
        """The step after the reply to the latest Ask or PushContext, or to one before it without a reply."""
        is_asking_again, self._is_asking_again = self._is_asking_again, False
        self._silences = 0
        if is_asking_again and is_to_latest:
            return self._without_reply(reply)
        if self._asked == "ping":
            asked_in, self._unanswered = self._unanswered, set()
            return self._ping_answered(reply, asked_in)
        return self._session_answered(reply)

    def _session_answered(self, reply: Reply | MalformedMessage) -> Step:
        if isinstance(reply, Reply) and is_refusal(reply, of=self._asked):
            return Rejected(refused(reply, has_token=self._secret is not None))
        step: Step
        passes = is_passing(reply)
        if self._asked in _COPY and passes and not self._gives_copy_up:
            return self._copy_not_given(reply)
        match self._asked:
            case "restore_session":
                step = self._restore_answered(reply)
            case "second_ping":
                step = self._identify_again(reply)
            case "look":
                step = self._looked(reply)
            case "create_session":
                step = self._create_answered(reply)
            case "load_context" if self._is_unproven or not passes:
                state = state_in(reply)
                is_ours = self._is_shown_to_be_ours(state) and not self._is_anothers(reply)
                step = Merge(state) if is_ours else self._not_restored()
            case "update_session_state" if passes:
                step = self._established()._replace(is_behind=True)
            case _:  # a copy that cannot be read is left alone, as a push would take its place
                self._note_refusal(reply)
                step = self._established()
        return step

    @property
    def session(self) -> BackendSession | None:
        """The session in the backend, as far as it is known; None once it is found to be gone."""
        return self._known.session

    @property
    def verdict(self) -> BackendVerdict:
        """What the backend is found to be, so far."""
        return self._verdict

    def switched(self, known: KnownBackend) -> Step:
        """Another session was claimed for the image that answers; ``known`` is what it remembers."""
        self._known = known._replace(dialect=self._dialect, image=self._known.image)
        self._verdict = BackendVerdict.DIFFERENT_IMAGE
        return self._session()

    def resumed(self, *, gives_copy_up: bool) -> Step:
        """On the established link: the copy that was not given is asked for again, once."""
        self._gives_copy_up = gives_copy_up
        self._copy_tries, self._refusal = PASSING_TRIES - 1, None
        return self._ask_for_copy()

    def looks_first(self, merge: Merge) -> Step:
        """Who answers was seen too long ago to let work come or go: ask again, and go on with this then."""
        self._put_off = merge
        return self._ask_who("look")

    def _looked(self, reply: Reply | MalformedMessage) -> Step:
        trouble = self._trouble_in(reply, self._known.image)
        if trouble is not None:
            return trouble
        if self._put_off is None or not isinstance(reply, Reply) or not reply.ok:
            return self._ask_who_again(reply)
        merge, self._put_off = self._put_off, None
        return merge

    def merged(self, *, ours_is_newer: bool) -> Step:
        """The two copies of the context are one; push it when the backend's lacks something."""
        if not ours_is_newer or self._known.session is None:
            return self._established()
        self._asked = "update_session_state"
        return PushContext(self._dialect, self._known.session.id)

    def _ping(self, dialect: Dialect) -> Step:
        self._dialect = dialect
        self._pings += 1
        self._unanswered.add(dialect)
        return self._ask("ping", {})

    def _ping_answered(self, reply: Reply | MalformedMessage, asked_in: set[Dialect]) -> Step:
        if isinstance(reply, IncompatibleVersion):
            return Rejected(incompatible(reply))
        if isinstance(reply, Reply) and reply.dialect in asked_in:
            if reply.ok:
                return self._identify(reply)
            if is_refusal(reply):
                return Rejected(refused(reply, has_token=self._secret is not None))
        if isinstance(reply, Reply) and reply.dialect is not self._dialect and self._pings < HANDSHAKE_PINGS_MAX:
            return self._ping(reply.dialect)
        if len(asked_in) == 1:  # of two, nobody knows which one was not understood
            self._refused_dialects.add(self._dialect)
        other = _other(self._dialect)
        if other not in self._refused_dialects and self._pings < HANDSHAKE_PINGS_MAX:
            return self._ping(other)
        speaks_stui = isinstance(reply, Reply) and reply.error_type in _OF_STUI
        return Failed(not_identified(reply) if speaks_stui else Failure(FailureKind.PROTOCOL, words_of(reply)))

    def _without_reply(self, reply: Reply | MalformedMessage) -> Step:
        """A ping was answered and what was asked before it was not: that is not known there, or its reply is lost."""
        trouble = self._trouble_in(reply, self._known.image)
        if trouble is not None:
            return trouble
        if self._asked == "second_ping":
            return self._identify_again(reply)
        if self._asked == "look":
            return self._looked(reply)
        self._refusal = f"no answer to {self._asked}"
        if self._known.session is None and self._verdict is BackendVerdict.RESTARTED:
            self._verdict = BackendVerdict.UNKNOWN
        return self._established()

    def _identify(self, reply: Reply) -> Step:
        who = self.who = who_answers(reply.result)
        failure = unpinned(who.image, self._pin)
        if failure is not None:
            return Unpinned(failure)
        self._dialect = reply.dialect  # a busy image answers the first ping after it was asked in the other dialect
        self._capabilities = capabilities_in(reply.result)
        self._publishes = reply.result.get("notifications")
        known, found = self._known.image, who.image or self._known.image
        self._known = self._known._replace(dialect=self._dialect, image=found)
        is_another = found is not None and differ(known, found)
        if not self._with_session:
            self._verdict = BackendVerdict.DIFFERENT_IMAGE if is_another else self._verdict
            return self._established()
        return SwitchSession(found) if is_another and found is not None else self._session()

    def _session(self) -> Step:
        session = self._known.session
        if session is None:
            return self._ask("create_session", {"client_id": self._known.client_id})
        asked = restore(session, self._known.client_id)
        return self._ask(asked.command, asked.parameters)

    def _ask_for_copy(self) -> Step:
        session = self._known.session
        if self._asked == "load_context" and session is not None:
            return self._ask("load_context", {"session_id": session.id})
        return self._session()

    def _copy_not_given(self, reply: Reply | MalformedMessage) -> Step:
        """It was not managed this time, which says nothing of the session and the copy in it."""
        self._copy_tries += 1
        if self._copy_tries < PASSING_TRIES:
            return self._ask_for_copy()
        self._note_refusal(reply)
        return self._established()._replace(has_unread_copy=True)

    def _restore_answered(self, reply: Reply | MalformedMessage) -> Step:
        session = self._known.session
        if session is None or not isinstance(reply, Reply) or not reply.ok or self._is_anothers(reply):
            return self._not_restored()
        state = state_in(reply)
        needs_context = not state and self._dialect is Dialect.ENVELOPE
        owner = client_in(reply)
        if session.owner is None and owner is not None:  # an earlier version has not kept what the backend calls us
            self._is_unproven = owner != identity_of(self._known.client_id)
            self._known = self._known._replace(session=session._replace(owner=owner))
        self._is_another_process = self._has_restarted(session)
        # A name that the backend gives may be everybody's, or be given anew.
        is_named = owner is not None and owner == identity_of(self._known.client_id)
        if self._is_another_process or (self._is_doubtful(session) and self._known.sections):
            self._is_unproven = not is_named
        if not needs_context and not self._is_shown_to_be_ours(state):
            return self._not_restored()
        if self._verdict is not BackendVerdict.DIFFERENT_IMAGE:
            self._verdict = self._known.found or BackendVerdict.RESUMED
        if needs_context:
            return self._ask("load_context", {"session_id": session.id})
        return Merge(state)

    def _has_restarted(self, session: BackendSession) -> bool:
        """True only where something shows that it is not the process any more that had the session."""
        if self.who is None:
            return False
        had_it, now = session.process, self.who.process
        if self._known.is_elsewhere:  # the uptimes of two servers say nothing of each other
            had_it = had_it._replace(server=None, uptime_s=None)
        away_s = since(session.seen_at, self._utc) if session.seen_at and self._utc else 0.0
        return self._earlier.is_another_than(now) or now.in_short.is_same_as(had_it, away_s) is False

    def _is_doubtful(self, session: BackendSession) -> bool:
        """True where nothing shows that it is the process still that had the session; others number theirs the same."""
        if self._is_another_process:
            return True
        boot = self.who.process.in_short.boot if self.who is not None else None
        if boot is not None and boot == session.process.boot:
            return False
        seen_at, now = session.seen_at, self._utc
        is_put_back = seen_at is not None and now is not None and since(now, seen_at) > UPTIME_ROUNDED_S
        return self._known.is_elsewhere or is_put_back  # the uptime of another server, or no time to hold it against

    def _is_anothers(self, reply: Reply | MalformedMessage) -> bool:
        session = self._known.session
        return session is not None and isinstance(reply, Reply) and names_another_session(reply, session)

    def _is_shown_to_be_ours(self, state: Any) -> bool:
        """It says that we have pushed it; where it says nothing and that is in doubt, we have written to it."""
        is_unproven, self._is_unproven = self._is_unproven, False
        is_anothers = is_pushed_by_another(state, self._known.client_id)
        if is_anothers is not None:
            return not is_anothers
        return not is_unproven or has_been_written_by(state, self._known.sections)

    def _not_restored(self) -> Step:
        """The session is gone, or is another client's now; ours is made anew once it is known who answers."""
        if self._verdict is not BackendVerdict.DIFFERENT_IMAGE:
            self._verdict = BackendVerdict.UNKNOWN if self._known.is_elsewhere else BackendVerdict.RESTARTED
        self._known = self._known._replace(session=None)
        return self._ask_who("second_ping")

    def _identify_again(self, reply: Reply | MalformedMessage) -> Step:
        """The session is gone: that may be so because another image has taken the place of the first."""
        has_switched = self._verdict is BackendVerdict.DIFFERENT_IMAGE
        trouble = self._trouble_in(reply, self._known.image if has_switched else None)
        if trouble is not None:
            return trouble
        if not isinstance(reply, Reply) or not reply.ok:
            return self._ask_who_again(reply)
        image = identity_of(reply.result.get("image_id"))
        if differ(image, self._known.image):
            return self._identify(reply)
        return self._session()

    def _ask_who(self, asked: str) -> Ask:
        """Ask once more who answers; ``asked`` says what for."""
        self._asked, self._looks = asked, 0
        return self._look_again()

    def _ask_who_again(self, reply: Reply | MalformedMessage) -> Step:
        """An error says nothing of who answers."""
        return self._look_again() if self._looks < LOOKS_REFUSED_MAX else Failed(not_identified(reply))

    def _look_again(self) -> Ask:
        self._looks += 1
        return Ask(self._dialect, Operation("ping", {}), self._secret)

    def _trouble_in(self, reply: Reply | MalformedMessage, image: Identity | None) -> Ending | None:
        has_token = self._secret is not None
        trouble = trouble_in(reply, self._dialect, pin=self._pin, image=image, has_token=has_token)
        if isinstance(reply, Reply) and reply.ok:
            who = self.who = who_answers(reply.result)
            if trouble is None:  # it may say its name only now
                self._known = self._known._replace(image=self._known.image or who.image)
        return trouble

    def _create_answered(self, reply: Reply | MalformedMessage) -> Step:
        session = session_in(reply, self._known.client_id)
        if session is None:
            self._refusal = words_of(reply)
            if self._verdict is BackendVerdict.RESTARTED:
                self._verdict = BackendVerdict.UNKNOWN
            return self._established()._replace(may_ask_again=True, is_passing=is_passing(reply))
        self._known = self._known._replace(session=session)
        state = state_in(reply)
        return Merge(state if isinstance(state, Mapping) else None, made=session)  # some give one with work in it

    def _ask(self, command: str, parameters: Mapping[str, Any]) -> Ask:
        self._asked = command
        secret = self._secret if command in WITH_TOKEN else None
        return Ask(self._dialect, Operation(command, parameters), secret)

    def _note_refusal(self, reply: Reply | MalformedMessage) -> None:
        if self._is_anothers(reply):
            self._refusal = "its session is another client's now"
        elif not (isinstance(reply, Reply) and reply.ok):
            self._refusal = words_of(reply)

    def _established(self) -> Established:
        session = self._known.session
        if session is not None and self.who is not None and self._refusal is None:
            session = session._replace(process=self.who.process.in_short, seen_at=self._utc)
            self._known = self._known._replace(session=session)
        return Established(
            self._known,
            self._verdict,
            self._refusal,
            self._capabilities,
            self._publishes,
            is_another_process=self._is_another_process,
        )


def is_refusal(reply: Reply, of: str = "ping") -> bool:
    """True for a reply to such a command that refuses the credential.

    Who may ask who answers, and may not have one session, may have another: if it is the credential all the same, that
    is refused as well, in the same attempt.
    """
    denies_one_session = of == "restore_session" and reply.error_type == "PermissionDenied"
    return not reply.ok and of in WITH_TOKEN and reply.error_type in _REFUSALS and not denies_one_session


def refused(reply: Reply, *, has_token: bool) -> ConnectionRejected:
    """What such a reply means to a person, after a message with a token or without one."""
    why = "the token was refused" if has_token else "no token was sent"
    return Failure(FailureKind.AUTHENTICATION, f"{why}: {words_of(reply)}").as_rejection()


def incompatible(error: IncompatibleVersion) -> ConnectionRejected:
    """What a reply of another major version means to a person."""
    return Failure(FailureKind.INCOMPATIBLE, str(error)).as_rejection()


def not_identified(reply: Reply | MalformedMessage) -> Failure:
    """What it means that the answers to a ping have been errors for too long."""
    return Failure(FailureKind.NOT_IDENTIFIED, words_of(reply))


def trouble_in(
    reply: Reply | MalformedMessage, dialect: Dialect, *, pin: str | None, image: Identity | None, has_token: bool
) -> Ending | None:
    """What the answer to a ping says against going on as before: another protocol, another image, or a refusal."""
    trouble: Ending | None = None
    if isinstance(reply, IncompatibleVersion):
        trouble = Rejected(incompatible(reply))
    elif isinstance(reply, MalformedMessage):
        trouble = Failed(Failure(FailureKind.PROTOCOL, words_of(reply)))
    elif reply.dialect is not dialect:
        trouble = Failed(Failure(FailureKind.PROTOCOL, f"it speaks {reply.dialect} now"))
    elif is_refusal(reply):
        trouble = Rejected(refused(reply, has_token=has_token))
    elif reply.ok:  # an error says nothing of who answers
        answering = identity_of(reply.result.get("image_id"))
        failure = unpinned(answering, pin)
        if failure is not None:
            trouble = Unpinned(failure)
        elif differ(answering, image):
            trouble = Failed(Failure(FailureKind.RESET, "another image answers now"))
    return trouble


def words_of(reply: Reply | MalformedMessage) -> str:
    """What went wrong with a reply, cut as events carry it; the tokens are masked in it already (security/masks.py)."""
    if isinstance(reply, MalformedMessage):
        return str(reply)
    if reply.ok:
        return "an answer without what it should hold"
    return f"{reply.error_type}: {reply.message}"[:ERROR_TEXT_MAX_LENGTH]


def _other(dialect: Dialect) -> Dialect:
    return Dialect.ENVELOPE if dialect is Dialect.COMMAND else Dialect.COMMAND
