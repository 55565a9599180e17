"""The image's copy of a context, as it travels."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.config import (
    CONTEXT_MAX_DEPTH,
    SECTIONS_MAX,
)
from stui_supervisor.context import METADATA_KEY, Section
from stui_supervisor.state_data import encode_state_data, from_state_data, sections_beyond
from tests.support.sections import JSON, NAMES, make, nested


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (None, 0),
        ([1] * (2 * SECTIONS_MAX), 0),
        (dict.fromkeys(map(str, range(SECTIONS_MAX)), 1), 0),
        (dict.fromkeys([*map(str, range(SECTIONS_MAX)), METADATA_KEY], 1), 0),
        (dict.fromkeys(map(str, range(SECTIONS_MAX + 1)), 1), SECTIONS_MAX + 1),
        ({METADATA_KEY: {"sections": dict.fromkeys(map(str, range(SECTIONS_MAX + 100)), 1)}}, 0),
        ({METADATA_KEY: {"sections": dict.fromkeys(map(str, range(SECTIONS_MAX + 200)), 1)}}, SECTIONS_MAX + 100),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_state_of_too_many_sections_is_recognised_before_any_of_them_is_read(state: Any, expected: int) -> None:
    assert sections_beyond(state) == expected


def test_a_counter_that_leaves_no_room_above_it_is_not_believed_of_a_backend() -> None:
    state = json.loads(encode_state_data({"x": Section(b"1", 2**52, "you"), "y": Section(b"2", 2**52 + 1, "zz")}))
    assert from_state_data(state) == {"x": Section(b"1", 2**52, "you"), "y": Section(b"2", 0, "")}


def test_other_clients_find_plain_values_in_the_pushed_state() -> None:
    sections = {"workspaces": Section(b'[{"name":"Main"}]', 3, "me"), "old": Section(None, 2, "me")}
    assert json.loads(encode_state_data(sections)) == {
        "workspaces": [{"name": "Main"}],
        "stui_supervisor": {
            "sections": {
                "workspaces": {"counter": 3, "writer": "me"},
                "old": {"counter": 2, "writer": "me", "deleted": True},
            }
        },
    }


@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_the_pushed_state_comes_back_as_it_was(content: dict[str, Any]) -> None:
    context, _ = make()
    context.update(content)
    context["gone"] = 1
    del context["gone"]
    state = json.loads(encode_state_data(context.sections()))
    assert from_state_data(state) == context.sections()


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (None, {}),
        ([1], {}),
        ({}, {}),
        ({"x": 1}, {"x": Section(b"1", 0, "")}),
        ({"": 1, "x" * 200: 1, "\ud800": 1, "y": 2}, {"y": Section(b"2", 0, "")}),
        ({"x": "\udfff", "y": 2}, {"y": Section(b"2", 0, "")}),
        ({"x": nested(CONTEXT_MAX_DEPTH + 1)}, {}),
        ({"x": 1, METADATA_KEY: "?"}, {"x": Section(b"1", 0, "")}),
        ({"x": 1, METADATA_KEY: {"sections": []}}, {"x": Section(b"1", 0, "")}),
        ({"x": 1, METADATA_KEY: {"sections": {"x": 5}}}, {"x": Section(b"1", 0, "")}),
        ({"x": 1, METADATA_KEY: {"sections": {"x": {"counter": -1, "writer": "w"}}}}, {"x": Section(b"1", 0, "")}),
        ({"x": 1, METADATA_KEY: {"sections": {"x": {"counter": 2**60, "writer": "w"}}}}, {"x": Section(b"1", 0, "")}),
        ({"x": 1, METADATA_KEY: {"sections": {"x": {"counter": True, "writer": "w"}}}}, {"x": Section(b"1", 0, "")}),
        ({"x": 1, METADATA_KEY: {"sections": {"x": {"counter": 1, "writer": 3}}}}, {"x": Section(b"1", 0, "")}),
        ({"x": 1, METADATA_KEY: {"sections": {"x": {"counter": 1, "writer": "\ud800"}}}}, {"x": Section(b"1", 0, "")}),
        ({METADATA_KEY: {"sections": {"x": {"counter": 1, "writer": "w"}}}}, {}),
        ({METADATA_KEY: {"sections": {"x": {"counter": 1, "writer": "w", "deleted": 1}}}}, {}),
        (
            {METADATA_KEY: {"sections": {"x": {"counter": 1, "writer": "w", "deleted": True}}}},
            {"x": Section(None, 1, "w")},
        ),
        (
            {"x": 1, METADATA_KEY: {"sections": {"x": {"counter": 1, "writer": "w", "deleted": True}}}},
            {"x": Section(b"1", 1, "w")},
        ),
    ],
)
def test_a_state_of_any_shape_is_read_section_by_section(state: Any, expected: dict[str, Section]) -> None:
    assert from_state_data(state) == expected


@given(JSON | st.dictionaries(NAMES | st.just(METADATA_KEY), JSON))
def test_no_state_makes_the_reader_fail(state: Any) -> None:
    context, _ = make()
    context.merge(from_state_data(state))
