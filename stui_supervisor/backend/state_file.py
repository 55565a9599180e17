"""What a backend knows again after a restart: sessions, and which requests ran. Written whole or not at all."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

from stui_supervisor.backend.sessions import Session
from stui_supervisor.backend.smalltalk.evaluator import evaluate
from stui_supervisor.backend.smalltalk.values import EvaluationError, Workspace, source
from stui_supervisor.errors import StoreError

_FORMAT: Final = 1
_BINARY: Final = getattr(os, "O_BINARY", 0)  # Windows would translate line ends otherwise
_TIMES: Final = ("created_at", "modified_at", "used_at")


class Kept(NamedTuple):
    """The content of the file: the sessions, and the idempotency keys of the requests that ran last."""

    sessions: list[Session]
    keys: list[str]


def load(path: Path) -> Kept:
    """What the file holds, nothing without one. Raises StoreError when it cannot be used."""
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != _FORMAT:
            raise StoreError(f"{path} has the format {content['format']!r}", hint=f"only {_FORMAT} is known here")
        return Kept([_session(fields) for fields in content["sessions"]], [str(key) for key in content.get("keys", [])])
    except FileNotFoundError:
        return Kept([], [])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EvaluationError) as error:
        raise StoreError(f"{path} cannot be read ({type(error).__name__})", hint="remove it to start afresh") from error


def save(path: Path, kept: Kept) -> None:
    """Put this in the place of what the file held. Raises StoreError."""
    sessions = [_fields(session) for session in kept.sessions]
    body = json.dumps({"format": _FORMAT, "sessions": sessions, "keys": kept.keys}).encode()
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreError(f"{path} cannot be written ({error.strerror})", hint="name another state file") from error


def _fields(session: Session) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "client_id": session.client_id,
        **{name: getattr(session, name) for name in _TIMES},
        "state": session.state,
        "variables": {name: source(value) for name, value in session.workspace.values.items()},
    }


def _session(fields: dict[str, Any]) -> Session:
    workspace = Workspace()
    for name, code in fields["variables"].items():
        workspace.assign(name, evaluate(code, Workspace(), wait=time.sleep))
    times = {name: float(fields[name]) for name in _TIMES}
    return Session(fields["session_id"], fields["client_id"], **times, state=dict(fields["state"]), workspace=workspace)
