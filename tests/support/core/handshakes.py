"""Handshakes that have got so far, and what they say and hear."""

from __future__ import annotations

from typing import Any

import pytest

from stui_supervisor.link.handshake import Handshake
from stui_supervisor.link.steps import Ask, Established, Step
from stui_supervisor.machine.states import BackendVerdict
from stui_supervisor.peer.backend_session import BackendSession, SessionId
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.security.secret import Secret
from stui_supervisor.session.records import KnownBackend
from stui_supervisor.wire.dialects import Dialect, Operation, Reply
from stui_supervisor.wire.strict_json import MalformedMessage

COMMAND, ENVELOPE = Dialect.COMMAND, Dialect.ENVELOPE
NEW = KnownBackend(client_id="c")
BOTH = pytest.mark.parametrize("dialect", Dialect)
REFUSALS = pytest.mark.parametrize("refusal", ["AuthenticationFailed", "PermissionDenied"])
GARBAGE = MalformedMessage("not JSON at character 0")


def exact(step: Step | None) -> tuple[object, ...]:
    """A step with its kind: two steps of different kinds may hold the same values."""
    return type(step), step


def ok(dialect: Dialect = COMMAND, **result: Any) -> Reply:
    return Reply(dialect, ok=True, result=result)


def error(dialect: Dialect = COMMAND, error_type: str = "Error", message: str = "no") -> Reply:
    return Reply(dialect, ok=False, result={}, error_type=error_type, message=message)


def ask(dialect: Dialect, command: str, secret: Secret | None = None, **parameters: str) -> tuple[object, ...]:
    return exact(Ask(dialect, Operation(command, parameters), secret))


def session(session_id: SessionId = "s1", owner: object = "c") -> BackendSession:
    """A session that the backend calls ours."""
    return BackendSession(session_id, identity_of(owner))


def known(
    dialect: Dialect = COMMAND, image_id: str | None = None, backend_session: str | None = None, client_id: str = "c"
) -> KnownBackend:
    held = None if backend_session is None else session(backend_session, client_id)
    return KnownBackend(dialect=dialect, image=identity_of(image_id), session=held, client_id=client_id)


def established(
    learnt: KnownBackend,
    verdict: BackendVerdict = BackendVerdict.UNKNOWN,
    refusal: str | None = None,
    *,
    may_ask_again: bool = False,
    is_passing: bool = False,
    has_unread_copy: bool = False,
    is_behind: bool = False,
) -> tuple[object, ...]:
    step = Established(
        learnt,
        verdict,
        refusal,
        may_ask_again=may_ask_again,
        is_passing=is_passing,
        has_unread_copy=has_unread_copy,
        is_behind=is_behind,
    )
    return exact(step)


def begun(start: KnownBackend = NEW, *, with_session: bool = True, secret: Secret | None = None) -> Handshake:
    """A handshake whose ping is on its way."""
    handshake = Handshake(start, with_session=with_session, secret=secret)
    handshake.begin()
    return handshake


def pinned(pin: str, *, with_session: bool = True) -> Handshake:
    """The same for a profile that takes this image only; another one was known before."""
    handshake = Handshake(known(image_id="zero"), with_session=with_session, pin=pin)
    handshake.begin()
    return handshake


def creating(dialect: Dialect = COMMAND) -> Handshake:
    """A handshake that has asked for a new session."""
    handshake = begun(known(dialect))
    handshake.answered(ok(dialect))
    return handshake


def restoring(dialect: Dialect = COMMAND) -> Handshake:
    """A handshake that has asked for the session s1."""
    handshake = begun(known(dialect, "one", "s1"))
    handshake.answered(ok(dialect, image_id="one"))
    return handshake


def loading() -> Handshake:
    """A handshake that has asked for the context of the session s1."""
    handshake = restoring(ENVELOPE)
    handshake.answered(ok(ENVELOPE))
    return handshake


def asked_again(handshake: Handshake) -> Handshake:
    """It has waited so long that a ping is on its way behind what it asked."""
    handshake.silence()
    handshake.silence()
    return handshake
