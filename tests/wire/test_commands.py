from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.config import MESSAGE_MAX_DEPTH
from stui_supervisor.wire.commands import (
    NAMINGS,
    is_repeatable,
    names_part_of_process,
    naming_of_command,
    naming_of_request_type,
)
from tests.support.core.values import WORDS


def nested(levels: int) -> dict[str, Any]:
    """An object of so many levels that names nothing."""
    found: Any = 1
    for _ in range(levels):
        found = {"x": found}
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "command",
    [
        "ping",
        "inspect",
        "browse_class",
        "list_classes",
        "get_method",
        "system_info",
        "restore_session",
        "get_session_info",
        "list_client_sessions",
        "get_session_statistics",
        "load_context",
        "get_context_summary",
    ],
)
def test_reading_and_restoring_may_be_repeated(command: str) -> None:
    assert is_repeatable(command)


@pytest.mark.parametrize(
    "command",
    [
        "evaluate",
        "debug",
        "create_session",
        "update_session_state",
        "save_context",
        "close_session",
        "clear_context",
        "",
        "pinger",
        "Ping",
        "forget",
        "getter",
        "anything_else",
    ],
)
def test_everything_else_may_not(command: str) -> None:
    assert not is_repeatable(command)


@given(st.lists(WORDS, min_size=1, max_size=4).map("_".join))
def test_a_name_translates_there_and_back(command: str) -> None:
    there = naming_of_command(command)
    back = naming_of_request_type(there.request_type)
    expected = "save_context" if command == "update_session_state" else command
    assert back.command == expected


def test_both_commands_that_save_share_a_request_type() -> None:
    assert [naming.command for naming in NAMINGS if naming.request_type == "SaveContext"] == [
        "save_context",
        "update_session_state",
    ]


def test_the_other_request_types_of_stui_have_their_commands() -> None:
    names = ["BrowseClass", "ListClasses", "GetMethod", "SystemInfo", "Debug"]
    commands = [naming_of_request_type(name).command for name in names]
    assert commands == ["browse_class", "list_classes", "get_method", "system_info", "debug"]
    assert [naming_of_command(command).request_type for command in commands] == names


@pytest.mark.parametrize(
    "parameters",
    [
        {"objectId": 42},
        {"target": "42"},
        {"target": {"ObjectId": "42"}},
        {"target": {"type": "ObjectId", "value": "42"}},
        {"target": 42},
        {"session_id": "s1", "code": "x"},
        {"code": "x", "context": {"session_id": "s1"}},
        {"object_id": 0},
        {"inspector_id": "i"},
        {"id": "x"},
        {"process_id": 3},
        {"objectIds": [1, 2]},
        {"object_ids": [1]},
        {"object-id": 3},
        {"targets": [42]},
        {"targets": ["OrderedCollection new", "42"]},
        {"objects": [{"id": 3}]},
        {"items": [{"objectId": 3}]},
        {"session": "s1"},
        {"debug_session": "d1"},
        {"receiver": 42, "selector": "foo"},
        {"handle": "h1"},
        {"objectRef": "r1"},
        {"objectIdentifier": 5},
        {"code": "x", "object_registry": {"a": 7}},
        {"code": "x", "objectRegistry": [7, 8]},
        {"pointer": "0x1234"},
        {"process": 7},
        {"code": "x", "context": {"self": {"objectId": 7}}},
        {"code": "x", "bindings": [[{"a": {"b": [{"objectId": 7}]}}]]},
        nested(MESSAGE_MAX_DEPTH + 1),
    ],
)
def test_ids_that_a_process_gave_out_name_a_part_of_it(parameters: dict[str, Any]) -> None:
    assert names_part_of_process(parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"code": "3 + 4"},
        {"class_name": "Object", "method_name": "printOn:"},
        {"client_id": "c"},
        {"image_id": "one"},
        {"session_id": None},
        {"target": {"Expression": "OrderedCollection new"}},
        {"target": {"type": "Expression", "value": "x"}},
        {"target": "OrderedCollection new"},
        {"code": "x", "context": {"paid": 3, "grid": [1]}},
        {"message": "objectId"},
        {"messageId": "m"},
        {"code": "x", "object_registry": {}},
        {"receiver": "Array new: 3"},
        {"targets": ["Array new: 3"]},
        {"code": "x", "context": {"bindings": [{"paid": [3]}], "target": {"expression": "x"}}},
        {7: 3},
        nested(MESSAGE_MAX_DEPTH),
    ],
)
def test_names_that_outlive_a_process_are_none_of_its_parts(parameters: dict[str, Any]) -> None:
    assert not names_part_of_process(parameters)


def test_what_is_nested_deeper_than_any_message_counts_as_part_of_a_process_and_what_is_not_does_not() -> None:
    nested: dict[str, Any] = {}
    for _ in range(MESSAGE_MAX_DEPTH - 1):
        nested = {"a": nested}
    assert not names_part_of_process(nested)
    assert names_part_of_process({"a": nested})
    assert names_part_of_process({"a": [nested["a"]], "b": [nested]})


def test_lists_are_looked_into_as_deeply_as_a_message_may_be() -> None:
    nested: list[Any] = []
    for _ in range(MESSAGE_MAX_DEPTH - 2):
        nested = [nested]
    assert not names_part_of_process({"a": nested})
    assert names_part_of_process({"a": [nested]})
