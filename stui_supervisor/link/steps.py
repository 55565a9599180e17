"""The steps of a handshake: what it asks of the core next, and what it ends with."""

from __future__ import annotations

from typing import Any, NamedTuple

from stui_supervisor.errors import ConnectionRejected
from stui_supervisor.failures import Failure
from stui_supervisor.machine.states import BackendVerdict
from stui_supervisor.peer.backend_session import BackendSession, SessionId
from stui_supervisor.peer.identity import Identity
from stui_supervisor.security.secret import Secret
from stui_supervisor.session.records import KnownBackend
from stui_supervisor.wire.dialects import Dialect, Operation


class Ask(NamedTuple):
    """Send this operation, and call ``answered`` with the reply."""

    dialect: Dialect
    operation: Operation
    secret: Secret | None = None


class Merge(NamedTuple):
    """The backend's copy of the context has come: merge it with ours, then call ``merged``.

    ``made`` is the backend session, when it was made just now instead of restored.
    """

    state: Any
    made: BackendSession | None = None


class PushContext(NamedTuple):
    """Send the whole context to this backend session, and call ``answered`` with the reply."""

    dialect: Dialect
    backend_session: SessionId


class SwitchSession(NamedTuple):
    """Another image answers: claim the session that belongs to it, then call ``switched``."""

    image: Identity


class Established(NamedTuple):
    """The link is up. ``refusal`` is the backend's error when it refused a session or the context.

    ``may_ask_again``: only the session was denied, so it may be asked for again on this link; ``is_passing``: the
    error says that the backend may manage it later. ``has_unread_copy``: the backend has a copy of ours that it could
    not give yet; ``resumed`` asks for it again. ``is_behind``: it could not take the context just now.
    ``is_another_process``: the session was restored, and yet the image was certainly started again since.
    ``capabilities`` are those that its ping advertises; ``publishes`` is the address that it says it publishes
    notifications at, not checked yet.
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
    """No attempt can succeed until a person changes something."""

    error: ConnectionRejected


class Unpinned(NamedTuple):
    """The image is not shown to be the one that the profile is pinned to; another endpoint may lead to that one."""

    failure: Failure


class Failed(NamedTuple):
    """This attempt is over; another may succeed."""

    failure: Failure


Ending = Rejected | Unpinned | Failed
Step = Ask | Merge | PushContext | SwitchSession | Established | Ending
