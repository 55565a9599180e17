"""A session in a backend: what it is called, whose it is, and what an answer says of both.

A backend that numbers its sessions gives one client's number to another client after a restart. So a session is
ours only as long as no answer names another owner.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeGuard

from stui_supervisor.config import SESSION_ID_MAX_BYTES, SESSION_ID_STORED_MAX_BYTES
from stui_supervisor.context.image_copy import client_of
from stui_supervisor.peer.identity import Identity, differ, identity_of
from stui_supervisor.peer.process import NO_PROCESS, Process
from stui_supervisor.security.masks import STATE_KEYS, MaskedName
from stui_supervisor.wire.dialects import Operation, Reply
from stui_supervisor.wire.strict_json import MalformedMessage

_DESCRIPTIONS: Final = ("session", "client_info")  # of a session, in an answer about it

SessionId = str | int | float  # by custom a text; a number is given back as one


class BackendSession(NamedTuple):
    """A session in a backend, and what that calls its owner; None where the backend has not said yet.

    ``process`` is what had it when it was certainly ours, in short, and ``seen_at`` the time of that by the wall clock.
    """

    id: SessionId
    owner: Identity | None = None
    process: Process = NO_PROCESS
    seen_at: datetime | None = None

    @property
    def can_be_stored(self) -> bool:
        """False for an id that is too long for its place in the record."""
        return len(json.dumps(self.id, ensure_ascii=False).encode()) <= SESSION_ID_STORED_MAX_BYTES


def session_in(reply: Reply | MalformedMessage, client_id: str) -> BackendSession | None:
    """The session in the answer to create_session; its owner is named there, else as we have called ourselves."""
    session = reply.result.get("session_id") if isinstance(reply, Reply) and reply.ok else None
    if not isinstance(reply, Reply) or not _is_session_id(session):
        return None
    return BackendSession(session, client_in(reply) or identity_of(client_id))


def client_in(reply: Reply) -> Identity | None:
    """Whose session an answer is about: some say it beside the status, or where they describe the session."""
    named = (identity_of(_client_of(part)) for part in (reply.result, *map(reply.result.get, _DESCRIPTIONS)))
    return next(filter(None, named), None) or identity_of(reply.client_id)


def _client_of(part: object) -> object:
    return part.get("client_id", part.get("clientId")) if isinstance(part, Mapping) else None


def state_in(reply: Reply | MalformedMessage) -> Any:
    """The backend's copy of the work, or None."""
    if not isinstance(reply, Reply) or not reply.ok:
        return None
    return next((reply.result[key] for key in STATE_KEYS if reply.result.get(key)), None)


def names_another_session(reply: Reply, session: BackendSession) -> bool:
    """True for an answer about a session of another id, or of another client; what it does not say proves nothing."""
    answered, asked = identity_of(reply.result.get("session_id")), identity_of(session.id)
    is_other = answered is not None and asked is not None and answered.text != asked.text  # some answer 7 with "7"
    return is_other or differ(client_in(reply), session.owner)


def restore(session: BackendSession, client_id: str) -> Operation:
    """What asks for a session: by what the backend calls its owner, where that fits a message."""
    owner = session.owner.value if session.owner is not None else None
    named = owner if isinstance(owner, str | int | float) else client_id
    return Operation("restore_session", {"session_id": session.id, "client_id": named})


def is_pushed_by_another(state: Any, client_id: str) -> bool | None:
    """Whether another client than us has pushed what a session holds; None where it does not say who has."""
    client = client_of(state)
    return None if client is None else client != client_id


def _is_session_id(value: object) -> TypeGuard[SessionId]:
    """True for a text or a number of a length that every push can carry, and that the backend would know again."""
    is_right = isinstance(value, str | int | float) and not isinstance(value, bool | MaskedName) and value != ""
    return is_right and len(json.dumps(value)) <= SESSION_ID_MAX_BYTES
