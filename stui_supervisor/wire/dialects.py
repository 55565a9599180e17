"""The client's side of the two dialects: requests to bytes, bytes to replies.

``command``: ``{"id", "command", "parameters"}`` is answered with ``{"id", "status", "result"}``
or ``{"id", "status", "error", "error_type"}``.

``envelope``: ``{"id", "version", "timestamp", "payload": {"type", "data"}}``, where the data of a
request is ``{"request_type", "params"}`` and of a response ``{"response_type", "data"}``.

Names are those of the ``command`` dialect everywhere else in this package; the table in
``commands.py`` translates them. Nothing here pairs replies with requests: servers may answer with
an id of their own, or none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from stui_supervisor.config import MESSAGE_MAX_BYTES, REPLY_MAX_VALUES
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.wire.commands import naming_of_command
from stui_supervisor.wire.strict_json import MalformedMessage, parse, shown

PROTOCOL_VERSION: Final = "1.0.0"
_PROTOCOL_MAJOR: Final = PROTOCOL_VERSION.partition(".")[0]
_JSON_HINT: Final = "use objects with text keys, lists, text and finite numbers"
_NO_JSON: Final = (TypeError, ValueError, RecursionError)
_AROUND_A_MEMBER: Final = len('"":,')
_CONTAINERS: Final = (dict, list, tuple)
_quoted: Final = json.encoder.encode_basestring  # one text as JSON, in a quarter of the time
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class Dialect(StrEnum):
    """How a server writes its messages."""

    COMMAND = "command"
    ENVELOPE = "envelope"


class IncompatibleVersion(MalformedMessage):
    """The message is of another major version of the envelope protocol; ``version`` says which."""

    def __init__(self, version: str) -> None:
        super().__init__(f"protocol version {shown(version)}; {PROTOCOL_VERSION} is spoken here")
        self.version = version


class Operation(NamedTuple):
    """What to ask of a backend, in the names of the ``command`` dialect."""

    command: str
    parameters: Mapping[str, Any]


class Reply(NamedTuple):
    """What a backend answered: a result, or an error with the backend's word for it.

    ``at`` is when it was written by the backend's clock, where it says so. ``client_id`` is what some servers say
    beside the status: whose session the result is about.
    """

    dialect: Dialect
    ok: bool
    result: dict[str, Any]
    error_type: str | None = None
    message: str | None = None
    at: datetime | None = None
    client_id: Any = None


Members = Mapping[str, bytes]
"""The parameters of a request by their names, each value JSON already."""
NO_MEMBERS: Final[Members] = MappingProxyType({})


def encode(dialect: Dialect, operation: Operation, *, message_id: str, at: datetime) -> bytes:
    """Write one request at once. Raises ConfigurationError as ``members_of`` and ``compose`` do."""
    return compose(dialect, operation.command, members_of(operation), message_id=message_id, at=at)


def members_of(operation: Operation) -> Members:
    """The parameters as they are at this moment, so that the caller may change them afterwards.

    Raises ConfigurationError when they are not JSON, or larger than STUI allows.
    """
    if not isinstance(operation.command, str) or not operation.command or not isinstance(operation.parameters, Mapping):
        raise ConfigurationError(
            "a request needs a command and its parameters by name", hint='for instance "evaluate", {"code": "3 + 4"}'
        )
    parameters = dict(operation.parameters)
    write_one = _ENCODER.encode
    try:
        members = {name: write_one(value).encode() for name, value in parameters.items()}
        _check_keys(parameters)  # after that: what has no end is refused by now
        names = "".join((operation.command, *parameters)).encode()  # half a surrogate pair is no JSON
    except _NO_JSON as error:
        raise _not_json(error) from error
    _check_size(len(names) + sum(map(len, members.values())) + _AROUND_A_MEMBER * len(members))
    return members


def compose(
    dialect: Dialect, command: str, members: Members, *, message_id: str, at: datetime, added: Members = NO_MEMBERS
) -> bytes:
    """Write one request; the names of ``added`` members are the same in both dialects.

    Raises ConfigurationError when it cannot be said in the dialect, or is larger than STUI allows.
    """
    if dialect is Dialect.COMMAND:
        head = f'{{"id":{_quoted(message_id)},"command":{_quoted(command)},"parameters":{{'
        tail = b"}}"
    else:
        naming = naming_of_command(command)
        members = renamed(members, naming.parameters)
        head = (
            f'{{"id":{_quoted(message_id)},"version":"{PROTOCOL_VERSION}","timestamp":"{timestamp(at)}",'
            f'"payload":{{"type":"Request","data":{{"request_type":{_quoted(naming.request_type)},"params":{{'
        )
        tail = b"}}}}"
    parts: list[bytes] = []
    separator = head
    for name, value in ({**members, **added} if added else members).items():
        parts += (f"{separator}{_quoted(name)}:".encode(), value)
        separator = ","
    parts += ((b"" if parts else head.encode()), tail)
    body = b"".join(parts)
    _check_size(len(body))
    return body


def decode(body: bytes, *, max_values: int = REPLY_MAX_VALUES) -> Reply:
    """Read one reply; its shape says which dialect it is. A large one may hold so many values.

    A result that is not an object becomes ``{"result": value}``, a missing one ``{}``. Raises
    MalformedMessage, or IncompatibleVersion when the server speaks another major version.
    """
    message = parse(body, max_values=max_values)
    if not isinstance(message, dict):
        raise MalformedMessage(f"the reply is {_kind(message)}, not an object")
    if "status" in message and "payload" not in message:
        return _decode_command(message)._replace(at=_time_in(message))
    if "payload" in message or "version" in message:
        return _decode_envelope(message)._replace(at=_time_in(message))
    raise MalformedMessage("the reply has neither a status nor a payload")


def _decode_command(message: dict[str, Any]) -> Reply:
    status = message["status"]
    if status == "success":
        client_id = message.get("client_id")
        return Reply(Dialect.COMMAND, ok=True, result=_result_of(message, "result"), client_id=client_id)
    if status != "error":
        raise MalformedMessage(f"the status of the reply is {shown(status)}")
    error_type, words = _words(message, "error_type", "Error"), _words(message, "error", "")
    return Reply(Dialect.COMMAND, ok=False, result={}, error_type=error_type, message=words)


def _decode_envelope(message: dict[str, Any]) -> Reply:
    data = envelope_data(message, "Response")
    if text_of(data, "response_type") != "Error":
        client_id = data.get("client_id", message.get("client_id"))
        return Reply(Dialect.ENVELOPE, ok=True, result=_result_of(data, "data"), client_id=client_id)
    inner = data.get("data")  # some servers write the code beside the type
    error = {**data, **inner} if isinstance(inner, dict) else {"message": inner, **data}
    code, words = _words(error, "code", "InternalError"), _words(error, "message", "")
    return Reply(Dialect.ENVELOPE, ok=False, result={}, error_type=code, message=words)


def _words(error: Mapping[str, Any], name: str, default: str) -> str:
    """A part of an error: that it is one is certain, so what is no text is shown as the JSON that it is."""
    value = error.get(name)
    if value is None:
        return default
    return value if isinstance(value, str) else json.dumps(value)


def _result_of(message: dict[str, Any], name: str) -> dict[str, Any]:
    result = message.get(name, {})
    return result if isinstance(result, dict) else {"result": result}


def envelope(message_id: str, at: datetime, kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The outer part of an ``envelope`` message around its data."""
    payload = {"type": kind, "data": data}
    return {"id": message_id, "version": PROTOCOL_VERSION, "timestamp": timestamp(at), "payload": payload}


def envelope_data(message: dict[str, Any], kind: str) -> dict[str, Any]:
    """The data inside an ``envelope`` message of one kind, its version and types checked.

    The version comes first: another major version may look different from there on.
    """
    version = text_of(message, "version", PROTOCOL_VERSION)
    if version.partition(".")[0] != _PROTOCOL_MAJOR:
        raise IncompatibleVersion(version)
    payload = _object_of(message, "payload")
    if text_of(payload, "type", kind) != kind:
        raise MalformedMessage(f"the payload is a {shown(payload['type'])}, not a {kind}")
    return _object_of(payload, "data")


def renamed(parameters: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The parameters under their other names. Raises ConfigurationError when two would share one."""
    result = {names.get(name, name): value for name, value in parameters.items()}
    if len(result) != len(parameters):
        raise ConfigurationError(
            f"a parameter is given under both its names: {', '.join(names.values())}", hint="leave one of them out"
        )
    return result


def _check_keys(parameters: dict[Any, Any]) -> None:
    """Refuse keys that JSON would make text of by itself: two of them could become one."""
    pending: list[Any] = [parameters]
    while pending:
        each = pending.pop()
        if isinstance(each, dict):
            for key in each:
                if not isinstance(key, str):
                    raise ConfigurationError(f"the message is not JSON (the key {key!r} is not text)", hint=_JSON_HINT)
            each = each.values()
        pending += [inner for inner in each if isinstance(inner, _CONTAINERS)]


def write(message: Mapping[str, Any]) -> bytes:
    """A message as bytes. Raises ConfigurationError when it is not JSON or too large for STUI."""
    body = json_of(message)
    _check_size(len(body))
    return body


def json_of(value: Any) -> bytes:
    """A value as JSON. Raises ConfigurationError when it is none."""
    try:
        return _ENCODER.encode(value).encode()
    except _NO_JSON as error:
        raise _not_json(error) from error


def _not_json(error: Exception) -> ConfigurationError:
    return ConfigurationError(f"the message is not JSON ({error})", hint=_JSON_HINT)


def _check_size(size: int) -> None:
    if size > MESSAGE_MAX_BYTES:
        raise ConfigurationError(
            f"the message has {size:,} bytes, and STUI allows {MESSAGE_MAX_BYTES:,}", hint="send it in parts"
        )


def timestamp(at: datetime) -> str:
    """A time as STUI writes it: ISO 8601 in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time_in(message: Mapping[str, Any]) -> datetime | None:
    value = message.get("timestamp")
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def text_of(message: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A text inside a message; without a default it has to be there. Raises MalformedMessage.

    Null is what some servers write where they have nothing to say.
    """
    value = message.get(name)
    value = default if value is None else value
    if not isinstance(value, str):
        raise MalformedMessage(f"{name} is {_kind(value)}, not text")
    return value


def _object_of(message: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = message.get(name)
    if not isinstance(value, dict):
        raise MalformedMessage(f"{name} is {_kind(value)}, not an object")
    return value


def _kind(value: object) -> str:
    return "missing" if value is None else type(value).__name__
