"""The server's side of the two dialects: bytes to requests, results to bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stui_supervisor.errors import ConfigurationError
from stui_supervisor.wire.commands import naming_of_command, naming_of_request_type
from stui_supervisor.wire.dialects import Dialect, envelope, envelope_data, renamed, text_of, timestamp, write
from stui_supervisor.wire.strict_json import MalformedMessage, parse


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked for, in the names of the ``command`` dialect, and how to answer it."""

    dialect: Dialect
    id: str
    command: str
    parameters: Mapping[str, Any]


class InvalidRequest(MalformedMessage):
    """The bytes are not a request; ``request`` is as much of one as an answer needs."""

    def __init__(self, message: str, request: Request) -> None:
        super().__init__(message)
        self.request = request


def decode_request(body: bytes) -> Request:
    """Read one request of either dialect. Raises InvalidRequest, whose ``request`` can be answered."""
    dialect, message_id = Dialect.COMMAND, ""
    try:
        message = parse(body)
        if not isinstance(message, dict):
            raise MalformedMessage("the request is not an object")  # noqa: TRY301 - one place answers them all
        if "payload" in message or ("version" in message and "command" not in message):
            dialect = Dialect.ENVELOPE
        message_id = text_of(message, "id", "")
        return _read(dialect, message_id, message)
    except (MalformedMessage, ConfigurationError) as error:
        raise InvalidRequest(str(error), Request(dialect, message_id, "", {})) from error


def _read(dialect: Dialect, message_id: str, message: dict[str, Any]) -> Request:
    if dialect is Dialect.COMMAND:
        command = text_of(message, "command")
        return _checked(Request(dialect, message_id, command, _parameters(message, "parameters")))
    data = envelope_data(message, "Request")
    naming = naming_of_request_type(text_of(data, "request_type"))
    names = {theirs: ours for ours, theirs in naming.parameters.items()}
    return _checked(Request(dialect, message_id, naming.command, renamed(_parameters(data, "params"), names)))


def _parameters(message: dict[str, Any], name: str) -> dict[str, Any]:
    value = message.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedMessage(f"{name} is {type(value).__name__}, not an object")
    return value


def _checked(request: Request) -> Request:
    if not request.command:
        raise MalformedMessage("the request names no command")
    return request


def encode_result(request: Request, result: Mapping[str, Any], *, at: datetime) -> bytes:
    """Write the answer to a request. Raises ConfigurationError when it is not JSON or too large."""
    if request.dialect is Dialect.COMMAND:
        return write({"id": request.id, "status": "success", "result": dict(result), "timestamp": timestamp(at)})
    return _respond(request, naming_of_command(request.command).request_type, result, at)


def encode_error(request: Request, error_type: str, message: str, *, at: datetime) -> bytes:
    """Write an error as the answer to a request; ``error_type`` becomes the ``code`` of an envelope."""
    if request.dialect is Dialect.COMMAND:
        fields = {"status": "error", "error": message, "error_type": error_type, "timestamp": timestamp(at)}
        return write({"id": request.id, **fields})
    error = {"code": error_type, "message": message, "details": None, "stack_trace": None}
    return _respond(request, "Error", error, at)


def _respond(request: Request, response_type: str, data: Mapping[str, Any], at: datetime) -> bytes:
    return write(envelope(request.id, at, "Response", {"response_type": response_type, "data": dict(data)}))
