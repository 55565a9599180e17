"""Two copies of a context become one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.adapters.sessions.codec import StoredContext, decode_context, encode_context
from stui_supervisor.config import (
    KNOWN_COPIES,
    SECTIONS_MAX,
)
from stui_supervisor.context.context import Context, MergeResult, Section
from stui_supervisor.context.image_copy import encode_state_data, read_copy
from tests.support.core.sections import SECTIONS, full, holding, make


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


def test_a_copy_that_lost_against_a_deletion_is_known_when_it_is_given_back() -> None:
    context, _ = make()
    context["work"] = "old"
    context.pushed()
    del context["work"]
    assert lost_to(context, "of another client")
    assert not lost_to(context, "of another client")


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
        return read_copy(json.loads(encode_state_data(self.context.sections())), {}).sections

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


def test_a_remote_section_beyond_the_number_allowed_is_not_taken() -> None:
    context = full()
    theirs = {"s0": Section(b"2", 2, "you"), "one more": Section(b"2", 2, "you")}
    merged = context.merge(theirs)
    assert (merged.taken, merged.lost) == (("s0",), {"s0": Section(b"1", 1, "me"), "one more": theirs["one more"]})
    assert len(context) == SECTIONS_MAX


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
        return calls_in(lambda: context.merge(read_copy(state, {}).sections))

    assert merging(1000) < 11 * merging(100)
