"""The image's copy of a context, as it travels."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from unittest.mock import ANY

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.config import (
    CONTEXT_MAX_DEPTH,
    SECTION_NAME_MAX_LENGTH,
    SECTIONS_MAX,
    SHARED_DELETIONS_KEPT,
    TOMBSTONES_FOLDED,
    TOMBSTONES_KEPT,
)
from stui_supervisor.context.context import METADATA_KEY, Section
from stui_supervisor.context.image_copy import ImageCopy, client_of, encode_state_data, read_copy, sections_beyond
from stui_supervisor.context.section import RESERVED_PREFIX, checksum, is_section_name
from stui_supervisor.wire.strict_json import parse
from tests.support.core.sections import JSON, NAMES, make, nested

DELETIONS = TOMBSTONES_KEPT + TOMBSTONES_FOLDED + SHARED_DELETIONS_KEPT


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (None, 0),
        ([1] * (2 * SECTIONS_MAX), 0),
        (dict.fromkeys(map(str, range(SECTIONS_MAX)), 1), 0),
        (dict.fromkeys([*map(str, range(SECTIONS_MAX)), METADATA_KEY], 1), 0),
        (dict.fromkeys(map(str, range(SECTIONS_MAX + 1)), 1), SECTIONS_MAX + 1),
        ({METADATA_KEY: {"sections": dict.fromkeys(map(str, range(SECTIONS_MAX + DELETIONS)), 1)}}, 0),
        (
            {METADATA_KEY: {"sections": dict.fromkeys(map(str, range(SECTIONS_MAX + DELETIONS + 9)), 1)}},
            SECTIONS_MAX + 9,
        ),
        (
            {
                METADATA_KEY: {
                    "sections": dict.fromkeys(map(str, range(SECTIONS_MAX)), 1),
                    "more_deleted": dict.fromkeys(map(str, range(DELETIONS + 9)), 1),
                }
            },
            SECTIONS_MAX + 9,
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_state_of_too_many_sections_is_recognised_before_any_of_them_is_read(state: Any, expected: int) -> None:
    assert sections_beyond(state) == expected


def test_a_counter_that_leaves_no_room_above_it_is_not_believed_of_a_backend() -> None:
    state = json.loads(encode_state_data({"x": Section(b"1", 2**52, "you"), "y": Section(b"2", 2**52 + 1, "zz")}))
    assert read_copy(state, {}).sections == {"x": Section(b"1", 2**52, "you"), "y": Section(b"2", 0, "")}


def test_a_deletion_that_would_leave_new_sections_no_room_is_not_believed_of_a_backend() -> None:
    shared = f"{RESERVED_PREFIX}AAAA"
    state = json.loads(encode_state_data({shared: Section(None, 2**32, ""), f"{shared}AAAA": Section(None, 2**33, "")}))
    assert read_copy(state, {}).sections == {shared: Section(None, 2**32, "")}


def test_other_clients_find_plain_values_in_the_pushed_state() -> None:
    sections = {
        "workspaces": Section(b'[{"name":"Main"}]', 3, "me"),
        "old": Section(None, 2, "me", known=(1, 2, 3, 4)),
        "never out": Section(None, 2, "me"),
    }
    assert json.loads(encode_state_data(sections)) == {
        "workspaces": [{"name": "Main"}],
        "stui_supervisor": {
            "sections": {
                "workspaces": {"counter": 3, "writer": "me", "sum": checksum(b'[{"name":"Main"}]')},
                "old": {"counter": 2, "writer": "me", "deleted": True, "sum": None, "was": [2, 3, 4]},
                "never out": {"counter": 2, "writer": "me", "deleted": True, "sum": None},
            },
            "trace": ANY,
            "other_trace": ANY,
        },
    }


def test_deletions_beyond_what_earlier_versions_take_come_in_a_place_of_their_own_and_are_read_again() -> None:
    live = {f"s{number}": Section(b"1", 1, "me") for number in range(SECTIONS_MAX - 1)}
    sections = {"older": Section(None, 2, "me"), "latest": Section(None, 3, "me"), **live}
    state = json.loads(encode_state_data(sections))
    metadata = state[METADATA_KEY]
    assert (len(metadata["sections"]), list(metadata["more_deleted"])) == (SECTIONS_MAX, ["older"])
    assert (sections_beyond(state), read_copy(state, {}).sections) == (0, sections)


@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_the_pushed_state_comes_back_as_it_was(content: dict[str, Any]) -> None:
    context, _ = make()
    context.update(content)
    context["gone"] = 1
    del context["gone"]
    state = json.loads(encode_state_data(context.sections()))
    assert read_copy(state, {}).sections == context.sections()


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
            {"x": Section(None, 1, "w")},
        ),
    ],
)
def test_a_state_of_any_shape_is_read_section_by_section(state: Any, expected: dict[str, Section]) -> None:
    assert read_copy(state, {}).sections == expected


@given(JSON | st.dictionaries(NAMES | st.just(METADATA_KEY), JSON))
def test_no_state_makes_the_reader_fail(state: Any) -> None:
    context, _ = make()
    context.merge(read_copy(state, {}).sections)


# What another client wrote, and what a server that merges gives back

TAG = {"counter": 5, "writer": "w"}
OLD, NEW = checksum(b'"old"'), checksum(b'"new"')


def copy_with(value: str, **more: Any) -> dict[str, Any]:
    """An image's copy: a value, and the tag that lies beside it."""
    return {"x": value, METADATA_KEY: {"sections": {"x": {**TAG, **more}}}}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (copy_with("new", sum=NEW), Section(b'"new"', 5, "w")),
        (copy_with("new", sum=OLD), Section(b'"new"', 6, "")),
        (copy_with("new", sum="?"), Section(b'"new"', 5, "w")),
        (copy_with("new", deleted=True, sum=None, was=[OLD]), Section(b'"new"', 6, "")),
        (copy_with("old", deleted=True, sum=None, was=[1, OLD]), Section(None, 5, "w")),
        (copy_with("old", deleted=True, sum=None), Section(None, 5, "w")),
        (copy_with("old", deleted=True, sum=None, was=[]), Section(None, 5, "w")),
        (copy_with("old", deleted=True, sum=None, was=["?"]), Section(None, 5, "w")),
        (copy_with("new", deleted=True, sum=NEW, was=[OLD]), Section(b'"new"', 5, "w")),  # tags are merged as well
    ],
)
def test_the_tag_tells_what_was_written_for_it_what_came_after_it_and_what_was_deleted(
    state: dict[str, Any], expected: Section
) -> None:
    assert read_copy(state, {}).sections == {"x": expected}


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        (Section(b'"old"', 5, "w"), Section(b'"new"', 6, "")),
        (Section(b'"new"', 5, "w"), Section(b'"new"', 5, "w")),
        (Section(b'"old"', 4, "w"), Section(b'"new"', 5, "w")),
        (Section(b'"old"', 6, "w"), Section(b'"new"', 5, "w")),
    ],
)
def test_beside_a_tag_of_an_earlier_version_a_foreign_value_shows_by_the_section_that_has_the_tag(
    ours: Section, expected: Section
) -> None:
    assert read_copy(copy_with("new"), {"x": ours}).sections == {"x": expected}


def test_a_deletion_knows_older_values_that_only_this_side_remembers() -> None:
    ours = Section(None, 5, "w", known=(NEW,))
    copy = read_copy(copy_with("new", deleted=True, sum=None, was=[OLD]), {"x": ours})
    assert (copy.sections, copy.remains) == ({"x": Section(None, 5, "w")}, {})


def test_what_remains_under_a_deletion_of_an_earlier_version_is_given_back_to_be_kept() -> None:
    copy = read_copy(copy_with("who knows", deleted=True), {})
    assert (copy.sections, copy.remains) == ({"x": Section(None, 5, "w")}, {"x": Section(b'"who knows"', 5, "w")})


def merged(*pushes: dict[str, Section]) -> dict[str, Any]:
    """What a server has that merges each push into what it had, objects and all."""

    def merge(old: dict[str, Any], new: dict[str, Any]) -> None:
        for name, value in new.items():
            if isinstance(value, dict) and isinstance(old.get(name), dict):
                merge(old[name], value)
            else:
                old[name] = value

    state: dict[str, Any] = {}
    for sections in pushes:
        merge(state, json.loads(encode_state_data(sections)))
    return state


def history(*values: bytes | None) -> list[dict[str, Section]]:
    """What was pushed each time that one section was changed."""
    sections = [Section(value, counter, "w") for counter, value in enumerate(values, 1)]
    known = [tuple(old.sum_of_value() for old in sections[:index] if old.value) for index in range(len(sections))]
    return [{"x": replace(one, known=before)} for one, before in zip(sections, known, strict=True)]


@pytest.mark.parametrize(
    "values",
    [
        (b'{"a":1}', None),
        (b'{"a":1}', b'{"b":2}', None),
        (b'{"a":1}', None, b'{"b":2}', b'{"b":{"c":3}}', b'{"b":{"d":4}}', None),
    ],
)
def test_on_a_server_that_merges_objects_a_deletion_stands_with_and_without_our_own_copy(
    values: tuple[bytes | None, ...],
) -> None:
    pushes = history(*values)
    last = pushes[-1]["x"]
    for own in ({}, pushes[-1]):
        assert read_copy(merged(*pushes), own).sections == {"x": last}


def test_on_a_server_that_merges_objects_what_was_taken_out_of_a_section_stays_out_and_what_was_written_is_taken() -> (
    None
):
    pushes = history(b'{"a":1,"b":{"c":3}}', b'{"b":{"d":4}}')
    state = merged(*pushes)
    assert state["x"] == {"a": 1, "b": {"c": 3, "d": 4}}
    assert read_copy(state, pushes[-1]).sections == pushes[-1]
    state["x"]["b"]["d"] = 5
    assert read_copy(state, pushes[-1]).sections == {"x": Section(b'{"a":1,"b":{"c":3,"d":5}}', 3, "")}


def test_where_objects_are_replaced_what_another_client_adds_to_one_is_taken() -> None:
    (push,) = history(b'{"b":1}')
    state = json.loads(encode_state_data(push))
    state["x"]["a"] = 2
    assert read_copy(state, push).sections == {"x": Section(b'{"b":1,"a":2}', 2, "")}


def test_what_another_client_wrote_that_no_context_takes_is_given_back_to_be_kept() -> None:
    deep = nested(CONTEXT_MAX_DEPTH + 1)
    copy = read_copy({"deep": deep, "y": 2}, {})
    assert (copy.sections, list(copy.remains)) == ({"y": Section(b"2", 0, "")}, ["deep"])
    assert json.loads(copy.remains["deep"].value or b"") == deep


LONG = "x" * (SECTION_NAME_MAX_LENGTH + 1)
TAGS = json.loads(encode_state_data({"y": Section(b"2", 1, "w"), "z": Section(None, 1, "w")}))[METADATA_KEY]


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ({"": 1, LONG: [2], "y": 2}, {"": 1, LONG: [2]}),
        ({"": nested(CONTEXT_MAX_DEPTH + 1)}, {"": nested(CONTEXT_MAX_DEPTH + 1)}),
        ({METADATA_KEY: "theirs"}, {METADATA_KEY: "theirs"}),
        ({METADATA_KEY: {**TAGS, "notes": "theirs"}}, {METADATA_KEY: {"notes": "theirs"}}),
        ({METADATA_KEY: {**TAGS, "sections": "theirs"}}, {METADATA_KEY: {"sections": "theirs"}}),
        ("theirs", "theirs"),
        ([1, {"a": 2}], [1, {"a": 2}]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_named_as_a_section_is_given_back_as_it_came_in_one_that_a_snapshot_holds(
    state: Any, kept: Any
) -> None:
    ((name, section),) = read_copy(state, {}).remains.items()
    assert (is_section_name(name), json.loads(section.value or b""), section.tag) == (True, kept, (0, ""))


@pytest.mark.parametrize("state", [None, [], "", {}, {"y": 2}, {METADATA_KEY: TAGS}, {METADATA_KEY: {"sections": []}}])
def test_nothing_is_given_back_where_nobody_wrote_what_cannot_be_named(state: Any) -> None:
    assert read_copy(state, {}).remains == {}


def test_what_cannot_be_named_takes_the_name_of_no_other_section() -> None:
    ((first, section),) = read_copy({"": 1}, {}).remains.items()
    ((second, _),) = read_copy({"": 1, first: "theirs"}, {}).remains.items()
    ((third, _),) = read_copy({"": 1, first: "theirs"}, {second: section}).remains.items()
    assert len({first, second, third}) == 3


def test_beside_the_tags_stands_who_has_pushed_them() -> None:
    state = parse(encode_state_data({"work": Section(b"1", 1, "me")}, "client"))
    assert client_of(state) == "client"
    assert read_copy(state, {}) == ImageCopy({"work": Section(b"1", 1, "me")}, {})


@pytest.mark.parametrize("client", [None, "", 7, ["client"], {}])
def test_anything_else_there_says_nothing_of_that(client: object) -> None:
    assert client_of({"stui_supervisor": {"sections": {}, "client": client}}) is None
    states: list[object] = [None, [], {}, {"stui_supervisor": 1}]
    assert [client_of(state) for state in states] == [None] * 4


def test_a_server_that_merges_is_known_after_any_two_pushes() -> None:
    pushes = [parse(encode_state_data({"work": Section(b"%d" % number, number, "me")})) for number in range(400)]
    shown = [tuple(push[METADATA_KEY][trace].popitem() for trace in ("trace", "other_trace")) for push in pushes]
    assert len({first for first, _ in shown}) < 400 == len(set(shown))  # one alone would tell some two apart no more
