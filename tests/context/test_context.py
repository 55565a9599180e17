from __future__ import annotations

import copy
import inspect
import json
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.config import (
    CONTEXT_MAX_BYTES,
    CONTEXT_MAX_DEPTH,
    INTEGER_MAX_DIGITS,
    SECTION_NAME_MAX_LENGTH,
    SECTIONS_MAX,
)
from stui_supervisor.context.context import METADATA_KEY, Context, Section
from stui_supervisor.errors import ConfigurationError
from tests.support.core.sections import JSON, NAMES, SECTIONS, full, holding, make, nested
from tests.support.programs.host_limits import digits_limited_to


@given(st.dictionaries(NAMES, JSON, max_size=5))
def test_any_json_is_read_back_as_it_was_written(content: dict[str, Any]) -> None:
    context, changes = make()
    context.update(content)
    assert dict(context) == content
    assert list(context) == list(content)
    assert changes.count == len(content)


def test_a_read_gives_a_copy_that_changes_nothing() -> None:
    context, changes = make()
    context["workspaces"] = [{"name": "Main"}]
    context["workspaces"].append("more")
    assert (context["workspaces"], changes.count) == ([{"name": "Main"}], 1)


def pickled(context: Context) -> Any:
    """What another process gets."""
    return pickle.loads(pickle.dumps(context))  # noqa: S301  # our own


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_a_copy_holds_what_was_there_and_changes_nothing(copied: Callable[[Context], dict[str, Any]]) -> None:
    context, changes = make()
    context["workspaces"] = [{"name": "Main"}]
    context["gone"] = 1
    del context["gone"]
    other = copied(context)
    other["more"] = 1
    other["workspaces"].append(1)
    assert (dict(context), changes.count) == ({"workspaces": [{"name": "Main"}]}, 3)
    assert other == {"workspaces": [{"name": "Main"}, 1], "more": 1}


def test_what_was_assigned_may_be_changed_afterwards_without_effect() -> None:
    context, _ = make()
    value = [1]
    context["x"] = value
    value.append(2)
    assert context["x"] == [1]


def test_each_change_raises_the_counter_and_signs_the_section() -> None:
    context, changes = make()
    context["x"] = 1
    context["x"] = 2
    del context["x"]
    assert context.sections() == {"x": Section(None, 3, "me")}
    context["x"] = 3
    assert (context.sections(), changes.count) == ({"x": Section(b"3", 4, "me")}, 4)


def test_assigning_an_equal_value_is_no_change_in_any_order_of_keys() -> None:
    context, changes = make()
    context["x"] = {"a": 1, "b": [2]}
    context["x"] = {"b": [2], "a": 1}
    assert (context.sections(), changes.count) == ({"x": Section(b'{"a":1,"b":[2]}', 1, "me")}, 1)


def test_true_and_one_are_different_values() -> None:
    context, changes = make()
    context["x"] = True
    context["x"] = 1
    assert (context["x"], changes.count) == (1, 2)
    assert context["x"] is not True


def test_numbers_that_are_equal_but_written_otherwise_are_different_values_in_as_many_bytes_too() -> None:
    context, changes = make()
    context["x"] = [1.0, 1]
    context["x"] = [1, 1.0]
    assert (context.sections()["x"].value, changes.count) == (b"[1,1.0]", 2)


def test_tuples_are_kept_as_lists() -> None:
    context, _ = make()
    context["cursor"] = (1, 6)
    assert context["cursor"] == [1, 6]


def test_a_deleted_section_is_gone_for_readers() -> None:
    context, _ = make()
    context["x"] = 1
    context["y"] = 2
    del context["x"]
    assert (list(context), len(context), "x" in context, context.get("x")) == (["y"], 1, False, None)
    with pytest.raises(KeyError):
        del context["x"]
    with pytest.raises(KeyError):
        context["x"]
    assert list(context) == ["y"]


@pytest.mark.parametrize(
    "name", ["", "x" * (SECTION_NAME_MAX_LENGTH + 1), METADATA_KEY, "stui_supervisor:x", "\ud800", 5, None]
)
def test_a_name_that_cannot_name_a_section_is_refused(name: Any) -> None:
    context, changes = make()
    with pytest.raises(ConfigurationError, match="cannot name a section"):
        context[name] = 1
    assert (context.sections(), changes.count) == ({}, 0)


def cycle() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


class Odd(str):
    """A text that is equal to none but itself; JSON knows no such difference."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        {1: "x"},
        {"x": {None: 1}},
        {1, 2},
        b"bytes",
        object(),
        "\udcff",
        {"\ud800": 1},
        cycle(),
        nested(CONTEXT_MAX_DEPTH + 1),
        10**INTEGER_MAX_DIGITS,
        -(10**INTEGER_MAX_DIGITS),
        {Odd("x"): 1, "x": 2},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_hold_is_refused_and_the_old_value_stays(value: Any) -> None:
    context, changes = make()
    context["x"] = "old"
    with pytest.raises(ConfigurationError, match="section 'x' is not JSON"):
        context["x"] = value
    assert (context.sections(), changes.count) == ({"x": Section(b'"old"', 1, "me")}, 1)


@pytest.mark.parametrize("limit", [640, 4_300, 0])
def test_the_host_programs_limit_decides_neither_what_is_taken_nor_what_is_read(limit: int) -> None:
    context, changes = make()
    longest = -(10**INTEGER_MAX_DIGITS) + 1
    with digits_limited_to(limit):
        context["x"] = {"a": [longest], "b": 1}
        context["x"] = {"b": 1, "a": [longest]}
        context.pushed()
        with pytest.raises(ConfigurationError, match="more than 4,300 digits; keep it as text"):
            context["x"] = longest - 1
        assert (context["x"], changes.count) == ({"a": [longest], "b": 1}, 1)


def test_a_program_that_lets_python_go_less_deep_is_told_so() -> None:
    context, changes = make()
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 30)
    try:
        with pytest.raises(ConfigurationError, match="nested deeper than this program allows"):
            context["x"] = nested(CONTEXT_MAX_DEPTH)
    finally:
        sys.setrecursionlimit(before)
    assert (context.sections(), changes.count) == ({}, 0)


def test_the_deepest_allowed_value_is_stored() -> None:
    context, _ = make()
    context["x"] = nested(CONTEXT_MAX_DEPTH)
    assert context["x"] == nested(CONTEXT_MAX_DEPTH)


def test_a_context_over_its_limit_is_refused_with_both_sizes() -> None:
    context, changes = make()
    context["x"] = "a" * 600_000
    with pytest.raises(ConfigurationError, match="1,200,134 bytes, and 1,000,000 are allowed"):
        context["y"] = "b" * 600_000
    assert (list(context), changes.count) == (["x"], 1)


def test_a_context_over_its_limit_can_still_be_made_smaller() -> None:
    context, _ = make()
    context["x"] = "a" * 600_000
    context.adopt({"y": Section(json.dumps("b" * 600_000).encode(), 1, "you")})
    context["x"] = "a" * 500_000
    with pytest.raises(ConfigurationError):
        context["z"] = 1
    del context["y"]
    context["z"] = 1
    assert list(context) == ["x", "z"]


def test_many_tiny_sections_are_bounded_too() -> None:
    context, _ = make()
    context.replace({f"s{number}": Section(b"1", 1, "me") for number in range(CONTEXT_MAX_BYTES // 66)})
    with pytest.raises(ConfigurationError):
        context["one more"] = 1


def test_its_repr_shows_names_and_no_content() -> None:
    context, _ = make()
    context["x"] = "private"
    assert repr(context) == "Context('x'; 74 bytes)"


def test_a_snapshot_does_not_follow_later_changes() -> None:
    context, _ = make()
    context["x"] = 1
    before = context.sections()
    context["x"] = 2
    assert before == {"x": Section(b"1", 1, "me")}


def test_restored_sections_fill_in_without_being_a_change() -> None:
    context, changes = make()
    context.adopt({"x": Section(b"1", 7, "you")})
    assert (context.sections(), changes.count) == ({"x": Section(b"1", 7, "you")}, 0)


def test_what_was_set_or_deleted_before_restoring_wins_and_counts_as_newer() -> None:
    context, _ = make()
    context["set"] = "mine"
    context["deleted"] = "mine"
    del context["deleted"]
    context["equal"] = [1]
    context["own"] = 1
    context.adopt(
        {
            "set": Section(b'"theirs"', 7, "you"),
            "deleted": Section(b'"theirs"', 7, "you"),
            "equal": Section(b"[1]", 7, "you"),
            "other": Section(b"2", 7, "you"),
        }
    )
    assert context.sections() == {
        "set": Section(b'"mine"', 8, "me"),
        "deleted": Section(None, 8, "me"),
        "equal": Section(b"[1]", 7, "you"),
        "other": Section(b"2", 7, "you"),
        "own": Section(b"1", 1, "me"),
    }


def test_adopting_what_is_older_or_the_same_changes_nothing() -> None:
    sections = {"x": Section(b"2", 5, "me"), "y": Section(b"1", 1, "me")}
    context = holding(sections)
    context.adopt({"x": Section(b"1", 4, "me"), "y": sections["y"]})
    assert context.sections() == sections


def test_another_session_leaves_nothing_of_the_old_one() -> None:
    context, changes = make()
    context["x"] = 1
    context.replace({"y": Section(b"2", 1, "you")})
    assert (dict(context), changes.count) == ({"y": 2}, 1)


def test_one_section_more_than_allowed_is_refused_and_those_that_are_there_go_on() -> None:
    context = full()
    with pytest.raises(ConfigurationError, match=f"more than the {SECTIONS_MAX:,} sections"):
        context["one more"] = 1
    context["s0"] = 2
    del context["s1"]
    context["one more"] = 1
    assert (len(context), context["s0"], context["one more"]) == (SECTIONS_MAX, 2, 1)


@given(SECTIONS, SECTIONS, SECTIONS, st.lists(st.tuples(st.sampled_from(["a", "b", "c", "d"]), st.none() | JSON)))
def test_the_size_that_is_kept_in_passing_is_the_one_that_counting_gives(
    first: dict[str, Section],
    adopted: dict[str, Section],
    merged: dict[str, Section],
    changes: list[tuple[str, Any]],
) -> None:
    context = holding(first)
    context.adopt(adopted)
    context.merge(merged)
    for name, value in changes:
        if value is not None:
            context[name] = value
        elif name in context:
            del context[name]
    assert (len(context), repr(context)) == (len(list(context)), repr(holding(context.sections())))


def test_a_counter_at_its_end_does_not_overflow() -> None:
    context = holding({"x": Section(b"1", 2**53 - 1, "you")})
    context["x"] = 2
    assert context.sections() == {"x": Section(b"2", 2**53 - 1, "me")}


def test_a_new_run_signs_anew_and_what_the_disk_has_is_no_change_of_its_own() -> None:
    one = Context("us", lambda: None)
    one.begin_run({})
    one["saved"], one["unsaved"] = 1, 1
    on_disk = {"saved": one.sections()["saved"]}
    one["between the runs"] = 1
    one.begin_run(on_disk)
    one["since"] = 1
    writers = {name: section.writer for name, section in one.sections().items()}
    assert writers == {"saved": "us", "unsaved": "us 2", "between the runs": "us 2", "since": "us 2"}


def test_a_new_run_takes_no_change_of_another_process_for_its_own() -> None:
    one = Context("process 1", lambda: None)
    one.begin_run({})
    one.replace({"theirs": Section(b"1", 3, "process 10")})
    one.begin_run({})
    assert one.sections()["theirs"].writer == "process 10"
