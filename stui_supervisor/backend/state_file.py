"""The state file: the sessions and the keys of the requests that ran, for after a restart. It is replaced atomically.

A file that cannot be read is reported and stays as it is; only one that was read is ever replaced.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from stui_supervisor import exact_json
from stui_supervisor.backend.sessions import Session
from stui_supervisor.backend.settings import LOAD_MAX_COST, STATE_MAX_BYTES, STATE_MAX_DEPTH, STATE_MAX_VALUES
from stui_supervisor.backend.smalltalk.evaluator import Evaluation
from stui_supervisor.backend.smalltalk.values import EvaluationError, Workspace, source
from stui_supervisor.errors import StoreError
from stui_supervisor.wire.strict_json import MalformedMessage, parse, shown

_FORMAT: Final = 1
_FORMATS: Final = 1_000  # that there may be one day; a number above is only damage
_BINARY: Final = getattr(os, "O_BINARY", 0)  # Windows would translate line ends otherwise
_READ: Final = os.O_RDONLY | _BINARY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY
_TIMES: Final = ("created_at", "modified_at", "used_at")
_YEAR_10000: Final = 253_402_300_800  # in seconds since 1970; no date is later
_START_AFRESH: Final = "put it somewhere else to keep it, or remove it to start afresh"
_NAME_ANOTHER: Final = "name another state file"
_ENCODER: Final = json.JSONEncoder()

_T = TypeVar("_T")


class StoredState(NamedTuple):
    """The content of the file: the sessions, and the idempotency keys of the requests that ran last."""

    sessions: list[Session]
    keys: list[str]


class _Damaged(ValueError):
    """The file is not what a backend has written."""


def load(path: Path) -> StoredState:
    """What the file holds; nothing when there is none. Raises StoreError when it cannot be used."""
    place = place_of(path)
    try:
        body = _content(place)
    except FileNotFoundError:
        return StoredState([], [])
    except OSError as error:
        hint = f"give your account the right to read it, or {_NAME_ANOTHER}"
        raise StoreError(f"{path} cannot be read ({error.strerror})", hint=hint) from error
    except _Damaged as error:
        raise StoreError(f"{path} cannot be read: {error}", hint=_START_AFRESH) from error
    try:
        return _state(
            parse(
                body,
                max_bytes=STATE_MAX_BYTES,
                max_depth=STATE_MAX_DEPTH,
                max_values=STATE_MAX_VALUES,
            )
        )
    except (MalformedMessage, _Damaged) as error:
        raise StoreError(f"{path} cannot be read: {error}", hint=_START_AFRESH) from error


def save(path: Path, stored: StoredState) -> None:
    """Replace what the file holds. Raises StoreError when it cannot be written; then the file is as it was."""
    place = place_of(path)
    sessions = [_fields(session) for session in stored.sessions]
    content = {"format": _FORMAT, "sessions": sessions, "keys": stored.keys}
    body = exact_json.dumps(content, _ENCODER).encode()
    if len(body) > STATE_MAX_BYTES:
        size = f"{len(body):,} bytes, and {STATE_MAX_BYTES:,} are the limit"
        raise StoreError(f"the sessions are too large for {path}: {size}", hint="close some of them")
    temporary = place.with_name(f"{place.name}.tmp")  # one name: nobody else has the lock, and a killed one left it
    try:
        temporary.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_be_written(temporary, error) from error
    try:
        descriptor = os.open(temporary, _CREATE, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(place)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise cannot_be_written(path, error) from error


def place_of(path: Path) -> Path:
    """The file that a link leads to, or the path itself. Raises StoreError where neither can be a state file."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            raise StoreError(f"{path} is a link to nothing", hint=f"remove it, or {_NAME_ANOTHER}") from None
        return path
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror})", hint=_NAME_ANOTHER) from error
    if not stat.S_ISREG(mode):
        what = "a directory" if stat.S_ISDIR(mode) else "no regular file"
        raise StoreError(f"{path} is {what}", hint=_NAME_ANOTHER)
    return Path(os.path.realpath(path))


def cannot_be_written(path: Path, error: OSError) -> StoreError:
    """The error for a state file, or a file beside it, that cannot be written."""
    return StoreError(f"{path} cannot be written ({error.strerror})", hint=_NAME_ANOTHER)


def _content(path: Path) -> bytes:
    with os.fdopen(os.open(path, _READ), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise _Damaged("it is no regular file")
        if status.st_size > STATE_MAX_BYTES:
            raise _Damaged(f"{status.st_size:,} bytes, and {STATE_MAX_BYTES:,} are the limit")
        body = file.read(status.st_size)
    if not body.strip():
        raise _Damaged("it is empty")
    return body


def _fields(session: Session) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "client_id": session.client_id,
        **{name: getattr(session, name) for name in _TIMES},
        "state": session.state,
        "variables": {name: source(value) for name, value in session.workspace.values.items()},
    }


def _state(content: Any) -> StoredState:
    content = _checked(content, dict, "the file")
    if (written := _of(content, "format", int)) != _FORMAT:
        name = f"the format {written}" if 0 <= written < _FORMATS else "a format"
        raise _Damaged(f"it has {name} that is not known here")
    evaluation = Evaluation(Workspace(), wait=_do_not_wait, max_cost=LOAD_MAX_COST)
    sessions: dict[str, Session] = {}
    for number, fields in enumerate(_of(content, "sessions", list), start=1):
        try:
            session = _session(_checked(fields, dict, "it"), evaluation)
            if session.session_id in sessions:
                raise _Damaged("its session_id is that of another one")  # noqa: TRY301  # told with its number
        except (_Damaged, EvaluationError) as error:
            raise _Damaged(f"session {number}: {error}") from error
        sessions[session.session_id] = session
    keys = _checked(content.get("keys", []), list, "keys")  # an older backend wrote none
    return StoredState(list(sessions.values()), [_checked(key, str, "one of the keys") for key in keys])


def _session(fields: dict[str, Any], evaluation: Evaluation) -> Session:
    workspace = Workspace()
    for name, code in _of(fields, "variables", dict).items():
        workspace.assign(name, evaluation.run(_checked(code, str, f"the variable {shown(name)}")))
    return Session(
        _of(fields, "session_id", str),
        _of(fields, "client_id", str),
        **{name: _time(fields, name) for name in _TIMES},
        state=_of(fields, "state", dict),
        workspace=workspace,
    )


def _time(fields: dict[str, Any], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _YEAR_10000:
        raise _Damaged(f"{name} is no time in seconds since 1970")
    return float(value)


def _of(fields: dict[str, Any], name: str, kind: type[_T]) -> _T:
    if name not in fields:
        raise _Damaged(f"{name} is missing")
    return _checked(fields[name], kind, name)


def _checked(value: Any, kind: type[_T], what: str) -> _T:
    if type(value) is not kind:
        raise _Damaged(f"{what} is {type(value).__name__}, not {kind.__name__}")
    return value


def _do_not_wait(_seconds: float) -> None:
    """A Delay that a session had evaluated is over when its file is read."""
