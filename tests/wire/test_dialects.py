from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.config import MESSAGE_MAX_BYTES
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.wire.dialects import (
    Dialect,
    IncompatibleVersion,
    Operation,
    Reply,
    compose,
    decode,
    encode,
    members_of,
)
from stui_supervisor.wire.service import decode_request
from stui_supervisor.wire.strict_json import MalformedMessage
from tests.support.core.values import JSON_OBJECTS, JSON_VALUES

AT = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)


def written(dialect: Dialect, command: str, parameters: Mapping[str, Any], at: datetime = AT) -> Any:
    return json.loads(encode(dialect, Operation(command, parameters), message_id="m1", at=at))


def response(data: Any, **changes: Any) -> bytes:
    message = {"id": "x", "version": "1.0.0", "timestamp": "", "payload": {"type": "Response", "data": data}}
    return json.dumps(message | changes).encode()


def test_a_request_of_the_command_dialect_has_three_fields() -> None:
    assert written(Dialect.COMMAND, "inspect", {"objectId": 7}) == {
        "id": "m1",
        "command": "inspect",
        "parameters": {"objectId": 7},
    }


def test_a_request_of_the_envelope_dialect_translates_names() -> None:
    assert written(Dialect.ENVELOPE, "inspect", {"objectId": 7, "depth": 1}) == {
        "id": "m1",
        "version": "1.0.0",
        "timestamp": "2026-03-01T12:30:15.250Z",
        "payload": {"type": "Request", "data": {"request_type": "Inspect", "params": {"target": 7, "depth": 1}}},
    }


@pytest.mark.parametrize("command", ["update_session_state", "save_context"])
def test_saving_state_is_save_context_in_an_envelope(command: str) -> None:
    message = written(Dialect.ENVELOPE, command, {"session_id": "s", "state_data": {"a": 1}})
    assert message["payload"]["data"] == {
        "request_type": "SaveContext",
        "params": {"session_id": "s", "context": {"a": 1}},
    }


def test_an_unknown_command_becomes_camel_case_in_an_envelope() -> None:
    data = written(Dialect.ENVELOPE, "get_session_info", {})["payload"]["data"]
    assert data == {"request_type": "GetSessionInfo", "params": {}}


def test_times_are_written_in_utc() -> None:
    at = AT.astimezone(timezone(timedelta(hours=5)))
    assert written(Dialect.ENVELOPE, "ping", {}, at)["timestamp"] == "2026-03-01T12:30:15.250Z"


def test_any_mapping_serves_as_parameters() -> None:
    assert written(Dialect.COMMAND, "ping", MappingProxyType({"message": "hi"}))["parameters"] == {"message": "hi"}


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    "parameters",
    [
        {"x": float("nan")},
        {"x": [float("inf")]},
        {"x": object()},
        {"x": {1, 2}},
        {"x": b"bytes"},
        {"x": "\ud800"},
        {("a", "b"): 1},
        {"x": 10**5_000},
        {1: 2, "1": 3},
        {"x": {1.5: 2}},
        {"x": [1, ({"y": {None: 1}},)]},
        {"x": [[], {}, {True: 1}]},
    ],
    ids=[
        "nan",
        "infinity",
        "object",
        "set",
        "bytes",
        "surrogate",
        "tuple key",
        "endless integer",
        "number key",
        "inner number key",
        "deep null key",
        "listed true key",
    ],
)
def test_parameters_that_are_not_json_are_the_callers_mistake(dialect: Dialect, parameters: Mapping[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="not JSON"):
        written(dialect, "evaluate", parameters)


def test_a_key_that_is_not_text_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"the key 1 is not text") as caught:
        written(Dialect.COMMAND, "evaluate", {"x": {"y": 1, 1: 2}})
    assert caught.value.hint == "use objects with text keys, lists, text and finite numbers"


def test_what_is_given_in_many_places_is_written_in_each() -> None:
    shared: list[Any] = [{"a": 1}]
    assert written(Dialect.COMMAND, "evaluate", {"x": shared, "y": (shared, shared)})["parameters"]["y"] == [shared] * 2


def test_parameters_that_contain_themselves_are_the_callers_mistake() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = loop
    with pytest.raises(ConfigurationError, match="not JSON"):
        written(Dialect.COMMAND, "evaluate", loop)


def test_parameters_without_an_end_in_sight_are_the_callers_mistake() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ConfigurationError, match="not JSON"):
        written(Dialect.COMMAND, "evaluate", {"x": deep})


@pytest.mark.parametrize("parameters", [["code"], "code", 3])
def test_parameters_without_names_are_the_callers_mistake(parameters: Any) -> None:
    with pytest.raises(ConfigurationError, match="parameters by name"):
        written(Dialect.COMMAND, "evaluate", parameters)


def test_a_request_needs_a_command() -> None:
    with pytest.raises(ConfigurationError, match="needs a command"):
        written(Dialect.ENVELOPE, "", {})


def test_a_parameter_under_both_its_names_is_the_callers_mistake() -> None:
    with pytest.raises(ConfigurationError, match="both its names: target"):
        written(Dialect.ENVELOPE, "inspect", {"objectId": 1, "target": 2})


def test_a_request_above_the_limit_names_its_size() -> None:
    with pytest.raises(ConfigurationError, match=r"10,000,0\d\d bytes, and STUI allows 10,000,000"):
        written(Dialect.COMMAND, "evaluate", {"code": "x" * MESSAGE_MAX_BYTES})


@given(JSON_VALUES, st.booleans())
def test_a_result_of_either_dialect_comes_as_an_object(value: Any, in_envelope: bool) -> None:
    message: dict[str, Any] = {"id": "other", "status": "success", "result": value}
    body = response({"response_type": "Evaluate", "data": value}) if in_envelope else json.dumps(message).encode()
    expected = value if isinstance(value, dict) else {"result": value}
    dialect = Dialect.ENVELOPE if in_envelope else Dialect.COMMAND
    assert decode(body) == Reply(dialect, ok=True, result=expected)


def test_big_integers_survive_exactly() -> None:
    number = 2**300 + 1
    assert decode(b'{"status":"success","result":{"result":%d}}' % number).result == {"result": number}


def test_has_error_inside_a_result_is_left_as_it_came() -> None:
    result = {"result": "oops", "has_error": True}
    assert decode(response({"response_type": "Evaluate", "data": result})) == Reply(
        Dialect.ENVELOPE, ok=True, result=result
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"status":"success"}', Reply(Dialect.COMMAND, ok=True, result={})),
        (b'{"status":"success","result":null}', Reply(Dialect.COMMAND, ok=True, result={"result": None})),
        (
            b'{"id":5,"status":"error","error":"gone","error_type":"SessionNotFound","timestamp":null}',
            Reply(Dialect.COMMAND, ok=False, result={}, error_type="SessionNotFound", message="gone"),
        ),
        (b'{"status":"error"}', Reply(Dialect.COMMAND, ok=False, result={}, error_type="Error", message="")),
        (
            b'{"status":"error","error":"ZeroDivide","error_type":null}',
            Reply(Dialect.COMMAND, ok=False, result={}, error_type="Error", message="ZeroDivide"),
        ),
        (
            b'{"status":"error","error":null,"error_type":"ZeroDivide"}',
            Reply(Dialect.COMMAND, ok=False, result={}, error_type="ZeroDivide", message=""),
        ),
        (
            b'{"payload":{"data":{"response_type":"Error","data":{"code":null,"message":null}}}}',
            Reply(Dialect.ENVELOPE, ok=False, result={}, error_type="InternalError", message=""),
        ),
        (
            b'{"payload":{"data":{"response_type":"Error","data":null,"code":"Timeout","message":"late"}}}',
            Reply(Dialect.ENVELOPE, ok=False, result={}, error_type="Timeout", message="late"),
        ),
        (
            b'{"version":null,"payload":{"type":null,"data":{"response_type":"Ping","data":{}}}}',
            Reply(Dialect.ENVELOPE, ok=True, result={}),
        ),
        (
            b'{"payload":{"data":{"response_type":"Error","data":{"code":"Timeout","message":"late"}}}}',
            Reply(Dialect.ENVELOPE, ok=False, result={}, error_type="Timeout", message="late"),
        ),
        (
            b'{"payload":{"data":{"response_type":"Error","code":"Timeout","message":"late"}}}',
            Reply(Dialect.ENVELOPE, ok=False, result={}, error_type="Timeout", message="late"),
        ),
        (
            b'{"payload":{"data":{"response_type":"Error"}}}',
            Reply(Dialect.ENVELOPE, ok=False, result={}, error_type="InternalError", message=""),
        ),
        (b'{"payload":{"data":{"response_type":"CloseSession"}}}', Reply(Dialect.ENVELOPE, ok=True, result={})),
        (
            b'{"version":"1.7.2","payload":{"type":"Response","data":{"response_type":"Ping","data":{}}}}',
            Reply(Dialect.ENVELOPE, ok=True, result={}),
        ),
    ],
)
def test_what_servers_leave_out_is_not_missed(body: bytes, expected: Reply) -> None:
    assert decode(body) == expected


@pytest.mark.parametrize(
    ("body", "error_type", "message"),
    [
        (b'{"status":"error","error":5}', "Error", "5"),
        (b'{"status":"error","error":{"message":"gone"},"error_type":404}', "404", '{"message": "gone"}'),
        (b'{"payload":{"data":{"response_type":"Error","data":["late"]}}}', "InternalError", '["late"]'),
        (b'{"payload":{"data":{"response_type":"Error","data":{"code":1,"message":[]}}}}', "1", "[]"),
        (b'{"payload":{"data":{"response_type":"Error","code":"A","data":{"message":"late"}}}}', "A", "late"),
        (b'{"payload":{"data":{"response_type":"Error","code":"Timeout","data":"late"}}}', "Timeout", "late"),
        (b'{"payload":{"data":{"response_type":"Error","code":"A","message":"late","data":[]}}}', "A", "late"),
    ],
)
def test_an_error_is_one_however_it_is_put(body: bytes, error_type: str, message: str) -> None:
    reply = decode(body)
    assert (reply.ok, reply.error_type, reply.message) == (False, error_type, message)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"[]", "the reply is list, not an object"),
        (b"null", "the reply is missing, not an object"),
        (b"{}", "the reply has neither a status nor a payload"),
        (b'{"status":"fine"}', "the status of the reply is 'fine'"),
        (b'{"status":[]}', "the status of the reply is 'list'"),
        (b'{"version":1,"payload":{}}', "version is int, not text"),
        (b'{"version":"1.0.0"}', "payload is missing, not an object"),
        (b'{"payload":[]}', "payload is list, not an object"),
        (b'{"payload":{}}', "data is missing, not an object"),
        (b'{"payload":{"type":"Request","data":{}}}', "the payload is a 'Request', not a Response"),
        (b'{"payload":{"data":{"data":1}}}', "response_type is missing, not text"),
    ],
)
def test_what_has_neither_shape_is_malformed(body: bytes, why: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        decode(body)
    assert str(caught.value) == why


@pytest.mark.parametrize("body", [response({}, version="2.1.0"), b'{"version":"2.1.0","body":1}'])
def test_another_major_version_is_incompatible_whatever_else_it_changed(body: bytes) -> None:
    with pytest.raises(IncompatibleVersion) as caught:
        decode(body)
    assert caught.value.version == "2.1.0"
    assert str(caught.value) == "protocol version '2.1.0'; 1.0.0 is spoken here"


@given(st.binary(max_size=100) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_garbage_raises_nothing_but_malformed_message(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(body)


@given(JSON_OBJECTS, JSON_OBJECTS, st.sampled_from(["status", "payload", "version", "id"]))
def test_nearly_right_messages_raise_nothing_but_malformed_message(
    outer: dict[str, Any], inner: dict[str, Any], name: str
) -> None:
    body = json.dumps(outer | {name: inner | {"type": "Response", "data": outer}}).encode()
    with contextlib.suppress(MalformedMessage):
        decode(body)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"code": "Outer", "data": {"code": "Inner", "error_type": "X", "type": "Y"}}, "Inner"),
        ({"code": "Outer", "data": {"error_type": "X", "type": "Y"}}, "Outer"),
        ({"code": "Outer", "error_type": "X", "type": "Y", "data": None}, "Outer"),
        ({"error_type": "X", "type": "Y", "data": {"code": "Inner"}}, "Inner"),
        ({"error_type": "X", "data": {"error_type": "X", "type": "Y"}}, "InternalError"),
        ({"code": "Outer", "data": {"code": None, "error_type": "X"}}, "InternalError"),
    ],
)
def test_the_word_for_an_error_in_an_envelope_is_its_code_the_inner_one_first(data: Any, word: str) -> None:
    assert decode(response({"response_type": "Error", **data})).error_type == word


def test_the_words_of_an_error_beside_its_data_count_where_the_data_is_no_object() -> None:
    assert decode(response({"response_type": "Error", "message": "outer", "data": "inner"})).message == "outer"
    assert decode(response({"response_type": "Error", "data": "inner"})).message == "inner"


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"error_type": "Named", "code": "Other", "type": "Another"}, "Named"),
        ({"code": "Other", "type": "Another"}, "Error"),
        ({"error_type": None, "code": "Other"}, "Error"),
    ],
)
def test_the_word_for_an_error_of_the_command_dialect_is_its_error_type(fields: Any, word: str) -> None:
    reply = decode(json.dumps({"id": "m", "status": "error", "error": "no", **fields}).encode())
    assert (reply.error_type, reply.message) == (word, "no")


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    "parameters", [{}, {"code": "3 + 4"}, {"code": "{"}, {"code": "}}}}"}, {"a": {}}, {"a": [1, {"b": "{"}]}]
)
def test_members_are_added_to_whatever_is_there(dialect: Dialect, parameters: dict[str, Any]) -> None:
    members = members_of(Operation("evaluate", parameters))
    added = {"deadline": b'"soon"', "idempotency_key": b'"m1"'}
    request = decode_request(compose(dialect, "evaluate", members, message_id="m1", at=AT, added=added))
    assert (request.id, request.command) == ("m1", "evaluate")
    assert request.parameters == {**parameters, "deadline": "soon", "idempotency_key": "m1"}


def test_what_gets_too_large_with_what_is_added_is_refused() -> None:
    members = members_of(Operation("evaluate", {"code": "x" * (MESSAGE_MAX_BYTES - 70)}))
    compose(Dialect.COMMAND, "evaluate", members, message_id="m1", at=AT)
    with pytest.raises(ConfigurationError, match="send it in parts"):
        compose(Dialect.COMMAND, "evaluate", members, message_id="m1", at=AT, added={"deadline": b'"soon"'})


def test_members_stay_as_they_were_when_they_were_taken() -> None:
    parameters = {"deep": [1]}
    members = members_of(Operation("evaluate", parameters))
    parameters["deep"].append(2)
    assert members == {"deep": b"[1]"}


@pytest.mark.parametrize("parameters", [{"k" * MESSAGE_MAX_BYTES: 1}, {f"k{i:06}": 0 for i in range(900_000)}])
def test_names_count_among_what_is_too_large(parameters: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="send it in parts"):
        members_of(Operation("evaluate", parameters))
