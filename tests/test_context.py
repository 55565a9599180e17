from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.adapters.session_bodies import StoredContext, decode_context, encode_context
from stui_supervisor.config import (
    CONTEXT_MAX_BYTES,
    CONTEXT_MAX_DEPTH,
    KNOWN_COPIES,
    SECTION_NAME_MAX_LENGTH,
    SECTIONS_MAX,
    TOMBSTONES_KEPT,
)
from stui_supervisor.context import METADATA_KEY, Context, MergeResult, Section
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.state_data import encode_state_data, from_state_data, sections_beyond

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(lambda name: name != METADATA_KEY)
SECTIONS = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.builds(
        Section,
        value=st.none() | st.sampled_from([b"1", b"2", b'{"x":1}']),
        counter=st.integers(0, 3),
        writer=st.sampled_from(["", "left", "right"]),
    ),
)


class Changes:
    """Counts the calls of on_change."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def make(writer: str = "me") -> tuple[Context, Changes]:
    changes = Changes()
    return Context(writer, changes), changes


def holding(sections: dict[str, Section]) -> Context:
    context, _ = make()
    context.replace(sections)
    return context


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


def test_only_so_many_deletions_are_remembered() -> None:
    context, _ = make()
    for number in range(TOMBSTONES_KEPT + 5):
        context[f"s{number}"] = number
        del context[f"s{number}"]
    assert list(context.sections()) == [f"s{number}" for number in range(5, TOMBSTONES_KEPT + 5)]


@pytest.mark.parametrize("name", ["", "x" * (SECTION_NAME_MAX_LENGTH + 1), METADATA_KEY, "\ud800", 5, None])
def test_a_name_that_cannot_name_a_section_is_refused(name: Any) -> None:
    context, changes = make()
    with pytest.raises(ConfigurationError, match="cannot name a section"):
        context[name] = 1
    assert (context.sections(), changes.count) == ({}, 0)


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


def cycle() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


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
        10**5000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_hold_is_refused_and_the_old_value_stays(value: Any) -> None:
    context, changes = make()
    context["x"] = "old"
    with pytest.raises(ConfigurationError, match="section 'x' is not JSON"):
        context["x"] = value
    assert (context.sections(), changes.count) == ({"x": Section(b'"old"', 1, "me")}, 1)


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


def test_merging_takes_the_newer_copy_of_each_section() -> None:
    context, changes = make()
    ours = {
        "newer here": Section(b"1", 5, "me"),
        "newer there": Section(b"1", 1, "me"),
        "only here": Section(b"1", 1, "me"),
        "equal": Section(b'{"a":1,"b":2}', 1, "me"),
        "deleted there": Section(b"1", 1, "me"),
        "deleted here": Section(None, 2, "me"),
    }
    theirs = {
        "newer here": Section(b"2", 4, "you"),
        "newer there": Section(b"2", 2, "you"),
        "only there": Section(b"2", 1, "you"),
        "equal": Section(b'{"b":2,"a":1}', 1, "me"),
        "deleted there": Section(None, 2, "you"),
        "deleted here": Section(b"1", 1, "me"),
    }
    context.replace(ours)
    assert context.merge(theirs) == MergeResult(
        taken=("newer there", "only there", "deleted there"),
        newer=("only here", "newer here", "deleted here"),
        lost={
            "newer here": theirs["newer here"],
            "newer there": ours["newer there"],
            "deleted there": ours["deleted there"],
            "deleted here": theirs["deleted here"],
        },
    )
    assert context.sections() == {
        "newer here": ours["newer here"],
        "newer there": theirs["newer there"],
        "only here": ours["only here"],
        "only there": theirs["only there"],
        "equal": ours["equal"],
        "deleted there": theirs["deleted there"],
        "deleted here": ours["deleted here"],
    }
    assert changes.count == 0


@given(SECTIONS, SECTIONS)
def test_two_sides_that_merge_each_other_agree(left: dict[str, Section], right: dict[str, Section]) -> None:
    one, other = holding(left), holding(right)
    one.merge(right)
    other.merge(left)
    assert one.sections() == other.sections()


@given(SECTIONS, SECTIONS)
def test_a_second_merge_finds_nothing_more_to_take(ours: dict[str, Section], theirs: dict[str, Section]) -> None:
    context = holding(ours)
    first = context.merge(theirs)
    again = context.merge(theirs)
    assert (again.taken, set(again.newer)) == ((), set(first.newer))


@given(SECTIONS, SECTIONS)
def test_work_that_gives_way_in_a_merge_is_always_handed_back(
    ours: dict[str, Section], theirs: dict[str, Section]
) -> None:
    context = holding(ours)
    lost = context.merge(theirs).lost
    kept = context.sections()
    for name in ours.keys() | theirs.keys():
        before = {side[name].value for side in (ours, theirs) if name in side} - {None}
        after = {copy.value for copy in (kept.get(name), lost.get(name)) if copy is not None} - {None}
        assert after == before


def test_a_remote_section_that_does_not_fit_is_not_taken() -> None:
    context, _ = make()
    context["mine"] = "a" * 600_000
    theirs = Section(json.dumps("b" * 600_000).encode(), 9, "you")
    assert context.merge({"theirs": theirs}) == MergeResult((), ("mine",), {"theirs": theirs})
    assert list(context) == ["mine"]


# What the image may have of our own past


def lost_to(context: Context, copy: Any, counter: int = 1, writer: str = "me") -> bool:
    """True when this copy of the section gives way to ours and has to be told of."""
    merged = context.merge({"work": Section(json.dumps(copy).encode(), counter, writer)})
    assert merged.newer == ("work",)
    return "work" in merged.lost


def test_a_copy_that_was_pushed_gives_way_without_a_loss_and_one_that_was_not_is_handed_back() -> None:
    context, _ = make()
    for value in ("pushed", "typed since", "typed last"):
        context["work"] = value
        if value == "pushed":
            context.pushed()
    assert not lost_to(context, "pushed")
    assert lost_to(context, "of another window")
    assert lost_to(context, "typed since", writer="you")


def test_a_copy_is_known_again_whatever_became_of_the_order_of_its_keys_and_of_its_tag() -> None:
    context, _ = make()
    context["work"] = {"a": 1, "b": [2, {"c": 3, "d": 4}]}
    context.pushed()
    context["work"] = "newer"
    assert not lost_to(context, {"b": [2, {"d": 4, "c": 3}], "a": 1}, counter=0, writer="")
    assert lost_to(context, {"b": [2, {"d": 3, "c": 4}], "a": 1}, counter=0, writer="")


def test_so_many_pushed_copies_are_known_and_no_more() -> None:
    context, _ = make()
    for number in range(KNOWN_COPIES + 2):
        context["work"] = number
        context.pushed()
    assert [number for number in range(KNOWN_COPIES + 1) if lost_to(context, number)] == [0]


def test_a_copy_that_is_pushed_again_is_known_as_long_as_a_new_one() -> None:
    context, _ = make()
    for value in ("again", *range(KNOWN_COPIES - 1), "again", *range(100, 100 + KNOWN_COPIES)):
        context["work"] = value
        context.pushed()
    assert not lost_to(context, "again")


def test_a_deleted_section_knows_its_copies_and_so_does_the_one_that_takes_its_place() -> None:
    context, _ = make()
    context["work"] = "old"
    context.pushed()
    del context["work"]
    assert not lost_to(context, "old")
    context["work"] = "new"
    assert not lost_to(context, "old")


def test_what_was_restored_or_taken_from_the_image_is_known_there_later() -> None:
    context = holding({"work": Section(b'"restored"', 1, "earlier")})
    context["work"] = "typed"
    assert not lost_to(context, "restored")
    context.merge({"work": Section(b'"theirs"', 9, "you")})
    context["work"] = "typed again"
    assert [copy for copy in ("restored", "typed", "theirs") if lost_to(context, copy)] == ["typed"]


def test_a_store_that_gives_back_the_very_sections_it_got_gives_restored_ones_too() -> None:
    context, _ = make()
    context["work"] = "kept in memory"
    kept = context.sections()
    for restore in (Context.replace, Context.adopt):
        context, _ = make()
        restore(context, kept)
        context["work"] = "typed"
        assert not lost_to(context, "kept in memory")
    context, _ = make()
    context["work"] = "typed before"
    context.adopt(kept)
    assert not lost_to(context, "kept in memory")


def test_what_the_image_is_found_to_have_already_is_known_there_later() -> None:
    context, _ = make()
    context["work"] = "ours"
    assert context.merge(context.sections()).newer == ()
    context["work"] = "typed"
    assert not lost_to(context, "ours")


def test_what_was_restored_under_newer_work_is_known_in_the_image_whichever_counted_further() -> None:
    for counter in (1, 9):
        context, _ = make()
        for value in range(5):
            context["work"] = value
        context.adopt({"work": Section(b'"restored"', counter, "earlier", known=(11, 12))})
        assert not lost_to(context, "restored", counter)
        assert context.sections()["work"].known[:2] == (11, 12)


def test_what_was_pushed_before_the_restored_work_came_is_known_in_the_image_afterwards() -> None:
    for restored in ("restored", "typed"):
        context, _ = make()
        for value in ("pushed first", "typed"):
            context["work"] = value
            context.pushed()
        context.adopt({"work": Section(json.dumps(restored).encode(), 9, "earlier")})
        context["work"] = "typed since"
        assert not any(lost_to(context, copy) for copy in ("pushed first", "typed", restored))


def test_our_own_copy_that_gives_way_is_handed_back_even_if_it_was_pushed_more_than_once() -> None:
    context, _ = make()
    for value in ("ours", "another", "ours"):
        context["work"] = value
        context.pushed()
    ours = context.sections()["work"]
    assert context.merge({"work": Section(b'"theirs"', 9, "you")}).lost == {"work": ours}


class Side:
    """One of two machines that share an image's session. ``known`` is what the image may have of its past."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.context, _ = make(f"{name}0")
        self.known: set[str] = set()
        self.saved = encode_context(StoredContext()), set[str]()

    def push(self) -> dict[str, Section]:
        self.context.pushed()
        self.known |= set(self.context.values())
        return from_state_data(json.loads(encode_state_data(self.context.sections())))

    def save(self) -> None:
        self.saved = encode_context(StoredContext(self.context.sections())), set(self.known)

    def start_again(self, number: int) -> None:
        self.context, _ = make(f"{self.name}{number}")
        self.context.adopt(decode_context(self.saved[0]).sections)
        self.known = self.saved[1] | set(self.context.values())

    def merge(self, image: dict[str, Section]) -> None:
        before = self.context.get("work")
        theirs = json.loads((image["work"].value if "work" in image else None) or b"null")
        merged = self.context.merge(image)
        told = {json.loads(copy.value or b"null") for copy in merged.lost.values()}
        gone = {before, theirs} - {self.context.get("work"), None}
        assert told <= gone
        assert gone - told <= self.known - {before}  # what nobody is told of is our own past
        assert theirs not in told & self.known  # and of that nobody is told
        self.known |= set(self.context.values())


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["write", "push", "link", "link, no push", "save", "start again"])),
        max_size=30,
    )
)
def test_two_machines_that_share_a_session_lose_nothing_silently_and_are_not_told_of_their_own_past(
    steps: list[tuple[bool, str]],
) -> None:
    sides, image = (Side("left"), Side("right")), dict[str, Section]()
    for number, (which, step) in enumerate(steps):
        side = sides[which]
        match step:
            case "write":
                side.context["work"] = f"{side.name} {number}"
            case "push":
                image = side.push()
            case "save":
                side.save()
            case "start again":
                side.start_again(number)
            case _:
                side.merge(image)
                image = image if "no push" in step else side.push()


def full() -> Context:
    """A context that has as many sections as it may have."""
    return holding({f"s{number}": Section(b"1", 1, "me") for number in range(SECTIONS_MAX)})


def test_one_section_more_than_allowed_is_refused_and_those_that_are_there_go_on() -> None:
    context = full()
    with pytest.raises(ConfigurationError, match=f"more than the {SECTIONS_MAX:,} sections"):
        context["one more"] = 1
    context["s0"] = 2
    del context["s1"]
    context["one more"] = 1
    assert (len(context), context["s0"], context["one more"]) == (SECTIONS_MAX, 2, 1)


def test_a_remote_section_beyond_the_number_allowed_is_not_taken() -> None:
    context = full()
    theirs = {"s0": Section(b"2", 2, "you"), "one more": Section(b"2", 2, "you")}
    merged = context.merge(theirs)
    assert (merged.taken, merged.lost) == (("s0",), {"s0": Section(b"1", 1, "me"), "one more": theirs["one more"]})
    assert len(context) == SECTIONS_MAX


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


def calls_in(act: Callable[[], object]) -> int:
    """How many functions are called."""
    count = 0

    def called(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += "call" in event

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


def test_each_section_of_a_merge_costs_the_same_however_many_there_are() -> None:
    def merging(sections: int) -> int:
        context, _ = make()
        state = {f"s{number}": number for number in range(sections)}
        return calls_in(lambda: context.merge(from_state_data(state)))

    assert merging(1000) < 11 * merging(100)


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


def test_a_counter_at_its_end_does_not_overflow() -> None:
    context = holding({"x": Section(b"1", 2**53 - 1, "you")})
    context["x"] = 2
    assert context.sections() == {"x": Section(b"2", 2**53 - 1, "me")}


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
