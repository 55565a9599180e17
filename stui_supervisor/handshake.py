"""What is said on a new link before it counts as established.

ping (which finds the dialect and the image) → ``restore_session`` → the context → established.
A session that is gone is made again by ``create_session``, after a second ping: another image may
have taken the place of the first. A session that the backend refuses, or does not answer while it
answers a ping that was sent later, does not prevent the link: the context is then kept on this
machine only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeGuard

from stui_supervisor.config import ERROR_TEXT_MAX_LENGTH, HANDSHAKE_PINGS_MAX, HANDSHAKE_SILENCES, REMOTE_NAME_MAX_BYTES
from stui_supervisor.errors import ConnectionRejected
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.masks import MaskedName
from stui_supervisor.secret import Secret
from stui_supervisor.states import BackendVerdict
from stui_supervisor.wire.capabilities import capabilities_in
from stui_supervisor.wire.commands import WITH_TOKEN
from stui_supervisor.wire.dialects import Dialect, IncompatibleVersion, Operation, Reply
from stui_supervisor.wire.limits import MalformedMessage

_REFUSALS: Final = frozenset({"AuthenticationFailed", "PermissionDenied"})
_PASSING: Final = frozenset({"InternalError", "Timeout"})  # how it fails to do what it can do at other times
_STATE_KEYS: Final = ("session_state", "state", "context")


class Known(NamedTuple):
    """What an earlier link has taught about the other end, and what this one learns.

    ``is_elsewhere``: the backend session was made at another endpoint, so its absence here means nothing.
    """

    dialect: Dialect | None = None
    image_id: str | None = None
    backend_session: str | None = None
    client_id: str = ""
    is_elsewhere: bool = False


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
    made: str | None = None


class PushContext(NamedTuple):
    """Send the whole context to this backend session, and call ``answered``."""

    dialect: Dialect
    backend_session: str


class SwitchSession(NamedTuple):
    """Another image answers: claim its own session, then call ``switched``."""

    image_id: str


class Established(NamedTuple):
    """The link is up. ``refusal`` is what the backend said when it refused a session or the context.

    ``may_ask_again`` is True when it has denied the session only.
    ``capabilities`` are what its ping advertises, ``publishes`` is what it says of where it publishes, unchecked.
    """

    known: Known
    verdict: BackendVerdict
    refusal: str | None
    capabilities: frozenset[str] = frozenset()
    publishes: Any = None
    may_ask_again: bool = False


class Rejected(NamedTuple):
    """A person is needed."""

    error: ConnectionRejected


class Failed(NamedTuple):
    """This attempt is over; another may succeed."""

    failure: Failure


Step = Ask | Merge | PushContext | SwitchSession | Established | Rejected | Failed


class Handshake:
    """One handshake on one link; each method returns the next step. An image other than ``pin`` is rejected."""

    def __init__(
        self, known: Known, *, with_session: bool, secret: Secret | None = None, pin: str | None = None
    ) -> None:
        self._known = known
        self._with_session = with_session
        self._secret = secret
        self._pin = pin
        self._dialect = known.dialect or Dialect.COMMAND
        self._refused_dialects: set[Dialect] = set()
        self._pings = 0
        self._unanswered: set[Dialect] = set()
        self._asked = ""
        self._silences = 0
        self._is_asking_again = False
        self._verdict = BackendVerdict.UNKNOWN
        self._refusal: str | None = None
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
        if isinstance(reply, Reply) and is_refusal(reply) and self._asked in WITH_TOKEN:
            return Rejected(refused(reply, self._secret))
        match self._asked:
            case "restore_session":
                return self._restore_answered(reply)
            case "second_ping":
                return self._identify_again(reply)
            case "create_session":
                return self._create_answered(reply)
            case "load_context" if not _may_hide_a_copy(reply):
                return Merge(_state_in(reply))
            case _:  # a copy that cannot be read is left alone, as a push would take its place
                self._note_refusal(reply)
                return self._established()

    def switched(self, known: Known) -> Step:
        """Another session was claimed for the image that answers; ``known`` is what it remembers."""
        image_id = self._known.image_id
        self._known = known._replace(dialect=self._dialect, image_id=image_id)
        self._verdict = BackendVerdict.DIFFERENT_IMAGE
        return self._session()

    def merged(self, *, ours_is_newer: bool) -> Step:
        """The two copies of the context are one; push it when the backend's lacks something."""
        if not ours_is_newer or self._known.backend_session is None:
            return self._established()
        self._asked = "update_session_state"
        return PushContext(self._dialect, self._known.backend_session)

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
                return Rejected(refused(reply, self._secret))
        if isinstance(reply, Reply) and reply.dialect is not self._dialect and self._pings < HANDSHAKE_PINGS_MAX:
            return self._ping(reply.dialect)
        if len(asked_in) == 1:  # of two, nobody knows which one was not understood
            self._refused_dialects.add(self._dialect)
        other = _other(self._dialect)
        if other not in self._refused_dialects and self._pings < HANDSHAKE_PINGS_MAX:
            return self._ping(other)
        return Failed(Failure(FailureKind.PROTOCOL, words_of(reply, self._secret)))

    def _without_reply(self, reply: Reply | MalformedMessage) -> Step:
        """A ping was answered and what was asked before it was not: that is not known there, or its reply is lost."""
        trouble = trouble_in(reply, self._dialect, self._secret, pin=self._pin, image_id=self._known.image_id)
        if trouble is not None:
            return trouble
        if self._asked == "second_ping":
            return self._identify_again(reply)
        self._refusal = f"no answer to {self._asked}"
        if self._known.backend_session is None and self._verdict is BackendVerdict.RESTARTED:
            self._verdict = BackendVerdict.UNKNOWN
        return self._established()

    def _identify(self, reply: Reply) -> Step:
        if names_another_image(reply, self._pin):
            return Rejected(unpinned(reply, self._pin))
        self._dialect = reply.dialect  # a busy image answers the first ping after it was asked in the other dialect
        self._capabilities = capabilities_in(reply.result)
        known = self._known.image_id
        image_id = reply.result.get("image_id")
        self._publishes = reply.result.get("notifications")
        # Weak evidence is no evidence: only two names that differ make another image.
        found = image_id if _is_name(image_id) else known
        self._known = self._known._replace(dialect=self._dialect, image_id=found)
        if not self._with_session:
            return self._established()
        if known is not None and found is not None and found != known:
            return SwitchSession(found)
        return self._session()

    def _session(self) -> Step:
        if self._known.backend_session is None:
            return self._ask("create_session", {"client_id": self._known.client_id})
        return self._ask(
            "restore_session", {"session_id": self._known.backend_session, "client_id": self._known.client_id}
        )

    def _restore_answered(self, reply: Reply | MalformedMessage) -> Step:
        if not self._is_restored(reply):
            if self._verdict is not BackendVerdict.DIFFERENT_IMAGE and not self._known.is_elsewhere:
                self._verdict = BackendVerdict.RESTARTED
            self._known = self._known._replace(backend_session=None)
            if self._known.image_id is None:
                return self._session()
            self._asked = "second_ping"
            return Ask(self._dialect, Operation("ping", {}), self._secret)
        if self._verdict is not BackendVerdict.DIFFERENT_IMAGE:
            self._verdict = BackendVerdict.RESUMED
        state = _state_in(reply)
        if not state and self._dialect is Dialect.ENVELOPE:
            return self._ask("load_context", {"session_id": self._known.backend_session})
        return Merge(state)

    def _identify_again(self, reply: Reply | MalformedMessage) -> Step:
        """The session is gone: that may be so because another image has taken the place of the first."""
        has_switched = self._verdict is BackendVerdict.DIFFERENT_IMAGE
        image_id = self._known.image_id if has_switched else None
        trouble = trouble_in(reply, self._dialect, self._secret, pin=self._pin, image_id=image_id)
        if trouble is not None:
            return trouble
        if isinstance(reply, Reply) and names_another_image(reply, self._known.image_id):
            return self._identify(reply)
        return self._session()

    def _is_restored(self, reply: Reply | MalformedMessage) -> TypeGuard[Reply]:
        """True when the session that was asked for is there; the work of another one is none of ours."""
        if not isinstance(reply, Reply) or not reply.ok:
            return False
        session = reply.result.get("session_id")
        return not _is_name(session) or session == self._known.backend_session

    def _create_answered(self, reply: Reply | MalformedMessage) -> Step:
        session = session_in(reply)
        if session is None:
            self._refusal = words_of(reply, self._secret)
            if self._verdict is BackendVerdict.RESTARTED:
                self._verdict = BackendVerdict.UNKNOWN
            return self._established()._replace(may_ask_again=True)
        self._known = self._known._replace(backend_session=session)
        return Merge(None, made=session)

    def _ask(self, command: str, parameters: Mapping[str, Any]) -> Ask:
        self._asked = command
        secret = self._secret if command in WITH_TOKEN else None
        return Ask(self._dialect, Operation(command, parameters), secret)

    def _note_refusal(self, reply: Reply | MalformedMessage) -> None:
        if not (isinstance(reply, Reply) and reply.ok):
            self._refusal = words_of(reply, self._secret)

    def _established(self) -> Established:
        return Established(self._known, self._verdict, self._refusal, self._capabilities, self._publishes)


def is_refusal(reply: Reply) -> bool:
    """True for a reply to ping, create_session or restore_session that refuses the credential."""
    return not reply.ok and reply.error_type in _REFUSALS


def refused(reply: Reply, secret: Secret | None) -> ConnectionRejected:
    """What such a reply means to a person."""
    return Failure(FailureKind.AUTHENTICATION, words_of(reply, secret)).as_rejection()


def incompatible(error: IncompatibleVersion) -> ConnectionRejected:
    """What a reply of another major version means to a person."""
    return Failure(FailureKind.INCOMPATIBLE, str(error)).as_rejection()


def names_another_image(reply: Reply, known: str | None) -> bool:
    """True for a ping's answer whose image differs; weak evidence is no evidence."""
    image_id = reply.result.get("image_id")
    return known is not None and _is_name(image_id) and image_id != known


def unpinned(reply: Reply, pin: str | None) -> ConnectionRejected:
    """What an answer that names another image than the pinned one means to a person."""
    return Failure(FailureKind.DIFFERENT_IMAGE, f"{reply.result['image_id']!a}, not {pin!a}").as_rejection()


def trouble_in(
    reply: Reply | MalformedMessage, dialect: Dialect, secret: Secret | None, *, pin: str | None, image_id: str | None
) -> Rejected | Failed | None:
    """What the answer to a ping says against going on as before: another protocol, another image, or a refusal."""
    trouble: Rejected | Failed | None = None
    if isinstance(reply, IncompatibleVersion):
        trouble = Rejected(incompatible(reply))
    elif isinstance(reply, MalformedMessage):
        trouble = Failed(Failure(FailureKind.PROTOCOL, words_of(reply, secret)))
    elif reply.dialect is not dialect:
        trouble = Failed(Failure(FailureKind.PROTOCOL, f"it speaks {reply.dialect} now"))
    elif is_refusal(reply):
        trouble = Rejected(refused(reply, secret))
    elif names_another_image(reply, pin):
        trouble = Rejected(unpinned(reply, pin))
    elif names_another_image(reply, image_id):
        trouble = Failed(Failure(FailureKind.RESET, "another image answers now"))
    return trouble


def session_in(reply: Reply | MalformedMessage) -> str | None:
    """The id in the answer to create_session."""
    session = reply.result.get("session_id") if isinstance(reply, Reply) and reply.ok else None
    return session if _is_name(session) and not isinstance(session, MaskedName) else None


def _is_name(value: object) -> TypeGuard[str]:
    """True for a text that names something and, written as JSON, fits its place in the record."""
    return isinstance(value, str) and value != "" and len(json.dumps(value)) <= REMOTE_NAME_MAX_BYTES


def _may_hide_a_copy(reply: Reply | MalformedMessage) -> bool:
    """True when reading the copy failed this time; a server that knows no such request says so otherwise."""
    return isinstance(reply, MalformedMessage) or (not reply.ok and reply.error_type in _PASSING)


def _state_in(reply: Reply | MalformedMessage) -> Any:
    if not isinstance(reply, Reply) or not reply.ok:
        return None
    return next((reply.result[key] for key in _STATE_KEYS if reply.result.get(key)), None)


def words_of(reply: Reply | MalformedMessage, secret: Secret | None = None) -> str:
    """What went wrong with a reply, as events may carry it: cut, and without the token if the backend repeats it."""
    if isinstance(reply, MalformedMessage):
        return str(reply)
    if reply.ok:
        return "an answer without what it should hold"
    words = f"{reply.error_type}: {reply.message}"
    return (words if secret is None else secret.hidden_in(words))[:ERROR_TEXT_MAX_LENGTH]


def _other(dialect: Dialect) -> Dialect:
    return Dialect.ENVELOPE if dialect is Dialect.COMMAND else Dialect.COMMAND
