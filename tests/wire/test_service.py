from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.config import MESSAGE_MAX_BYTES
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.wire.dialects import Dialect, Operation, Reply, decode, encode
from stui_supervisor.wire.service import InvalidRequest, Request, decode_request, encode_error, encode_result
from tests.support.core.values import JSON_OBJECTS, TEXT, WORDS

AT = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)
COMMANDS = st.lists(WORDS, min_size=1, max_size=3).map("_".join).filter(lambda name: name != "update_session_state")
DIALECTS = st.sampled_from(Dialect)


@given(DIALECTS, COMMANDS, JSON_OBJECTS, TEXT)
def test_a_request_arrives_as_it_was_sent(
    dialect: Dialect, command: str, parameters: dict[str, Any], message_id: str
) -> None:
    body = encode(dialect, Operation(command, parameters), message_id=message_id, at=AT)
    assert decode_request(body) == Request(dialect, message_id, command, parameters)


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    ("command", "parameters"),
    [("inspect", {"objectId": 1}), ("save_context", {"session_id": "s", "state_data": {}}), ("ping", {})],
)
def test_parameters_arrive_under_their_own_names(dialect: Dialect, command: str, parameters: dict[str, Any]) -> None:
    body = encode(dialect, Operation(command, parameters), message_id="m", at=AT)
    assert decode_request(body) == Request(dialect, "m", command, parameters)


def test_an_update_of_the_state_arrives_from_an_envelope_as_saved_context() -> None:
    operation = Operation("update_session_state", {"session_id": "s", "state_data": {"a": 1}})
    body = encode(Dialect.ENVELOPE, operation, message_id="m", at=AT)
    assert decode_request(body) == Request(Dialect.ENVELOPE, "m", "save_context", operation.parameters)


@given(DIALECTS, JSON_OBJECTS, TEXT)
def test_a_result_arrives_as_it_was_sent(dialect: Dialect, result: dict[str, Any], message_id: str) -> None:
    request = Request(dialect, message_id, "evaluate", {})
    assert decode(encode_result(request, result, at=AT)) == Reply(dialect, ok=True, result=result, at=AT)


@given(DIALECTS, TEXT, TEXT)
def test_an_error_arrives_as_it_was_sent(dialect: Dialect, error_type: str, message: str) -> None:
    body = encode_error(Request(dialect, "m", "evaluate", {}), error_type, message, at=AT)
    assert decode(body) == Reply(dialect, ok=False, result={}, error_type=error_type, message=message, at=AT)


def test_answers_in_the_command_dialect_look_as_stui_writes_them() -> None:
    request = Request(Dialect.COMMAND, "m", "ping", {})
    assert json.loads(encode_result(request, {"a": 1}, at=AT)) == {
        "id": "m",
        "status": "success",
        "result": {"a": 1},
        "timestamp": "2026-03-01T12:30:15.250Z",
    }
    assert json.loads(encode_error(request, "SessionError", "full", at=AT)) == {
        "id": "m",
        "status": "error",
        "error": "full",
        "error_type": "SessionError",
        "timestamp": "2026-03-01T12:30:15.250Z",
    }


def test_answers_in_the_envelope_dialect_look_as_stui_writes_them() -> None:
    request = Request(Dialect.ENVELOPE, "m", "save_context", {})
    head = {"id": "m", "version": "1.0.0", "timestamp": "2026-03-01T12:30:15.250Z"}
    result = {"response_type": "SaveContext", "data": {"a": 1}}
    error = {"code": "Timeout", "message": "late", "details": None, "stack_trace": None}
    assert json.loads(encode_result(request, {"a": 1}, at=AT)) == head | {
        "payload": {"type": "Response", "data": result}
    }
    assert json.loads(encode_error(request, "Timeout", "late", at=AT)) == head | {
        "payload": {"type": "Response", "data": {"response_type": "Error", "data": error}}
    }


def test_a_result_above_the_limit_is_not_written() -> None:
    with pytest.raises(ConfigurationError, match="STUI allows"):
        encode_result(Request(Dialect.COMMAND, "m", "evaluate", {}), {"result": "x" * MESSAGE_MAX_BYTES}, at=AT)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"command":"ping"}', Request(Dialect.COMMAND, "", "ping", {})),
        (b'{"id":"7","command":"ping","parameters":null}', Request(Dialect.COMMAND, "7", "ping", {})),
        (
            b'{"payload":{"data":{"request_type":"SystemInfo"}}}',
            Request(Dialect.ENVELOPE, "", "system_info", {}),
        ),
    ],
)
def test_what_clients_leave_out_is_not_missed(body: bytes, expected: Request) -> None:
    assert decode_request(body) == expected


COMMAND_ERROR = Request(Dialect.COMMAND, "", "", {})


@pytest.mark.parametrize(
    ("body", "why", "answer_to"),
    [
        (b"\x00garbage", "not JSON at character 0", COMMAND_ERROR),
        (b"[1]", "the request is not an object", COMMAND_ERROR),
        (b'{"id":3,"command":"ping"}', "id is int, not text", COMMAND_ERROR),
        (b'{"id":"m"}', "command is missing, not text", Request(Dialect.COMMAND, "m", "", {})),
        (b'{"id":"m","command":""}', "the request names no command", Request(Dialect.COMMAND, "m", "", {})),
        (
            b'{"id":"m","command":"ping","parameters":[]}',
            "parameters is list, not an object",
            Request(Dialect.COMMAND, "m", "", {}),
        ),
        (b'{"id":"m","payload":5}', "payload is int, not an object", Request(Dialect.ENVELOPE, "m", "", {})),
        (
            b'{"id":"m","version":"2.0.0","payload":{}}',
            "protocol version '2.0.0'; 1.0.0 is spoken here",
            Request(Dialect.ENVELOPE, "m", "", {}),
        ),
        (
            b'{"id":"m","payload":{"type":"Response","data":{}}}',
            "the payload is a 'Response', not a Request",
            Request(Dialect.ENVELOPE, "m", "", {}),
        ),
        (
            b'{"id":"m","payload":{"data":{"request_type":"Inspect","params":{"target":1,"objectId":2}}}}',
            "a parameter is given under both its names: objectId: leave one of them out",
            Request(Dialect.ENVELOPE, "m", "", {}),
        ),
    ],
)
def test_a_bad_request_can_be_answered_in_its_dialect(body: bytes, why: str, answer_to: Request) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_request(body)
    assert (str(caught.value), caught.value.request) == (why, answer_to)


@given(st.binary(max_size=100) | JSON_OBJECTS.map(lambda value: json.dumps(value).encode()))
def test_garbage_raises_nothing_but_invalid_request(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode_request(body)
