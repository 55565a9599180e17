"""What was deleted stays deleted, whatever the number."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.adapters.sessions.codec import StoredContext, decode_context, encode_context
from stui_supervisor.adapters.sessions.history import put_back
from stui_supervisor.config import (
    CONTEXT_FILE_MAX_BYTES,
    CONTEXT_MAX_BYTES,
    SECTION_NAME_MAX_LENGTH,
    SECTIONS_MAX,
    SHARED_DELETIONS_KEPT,
    TOMBSTONES_FOLDED,
    TOMBSTONES_KEPT,
)
from stui_supervisor.config import DELETIONS_IN_ONE as IN_ONE
from stui_supervisor.context.context import Context, MergeResult, Section
from stui_supervisor.context.deletions import FORGOTTEN, is_shared, share, shared_in
from stui_supervisor.context.image_copy import encode_state_data, read_copy
from stui_supervisor.context.section import RESERVED_PREFIX, is_section_name
from tests.support.core.sections import NAMES, holding, make

SINGLY = TOMBSTONES_KEPT + TOMBSTONES_FOLDED
MANY = 3 * SINGLY


def fill(context: Context, names: Iterable[str]) -> None:
    for name in names:
        context[name] = f"text of {name}"


def empty(context: Context, names: Iterable[str]) -> None:
    for name in names:
        del context[name]


def numbered(count: int) -> list[str]:
    return [f"w{number}" for number in range(count)]


def live(sections: Mapping[str, Section]) -> list[str]:
    return [name for name, section in sections.items() if section.value is not None]


def emptied(count: int = MANY) -> tuple[Context, dict[str, Section]]:
    """A context whose sections were all deleted after the image had got them, and the image's copy."""
    context, _ = make()
    fill(context, numbered(count))
    context.pushed()
    copy = context.sections()
    empty(context, numbered(count))
    return context, copy


def test_as_many_as_a_context_can_have_stay_deleted_and_nobody_is_told_of_their_own_earlier_work() -> None:
    context, copy = emptied(SECTIONS_MAX)
    result = context.merge(copy)
    assert (len(context), result.taken, result.lost) == (0, (), {})
    assert len(context.sections()) < SINGLY + SECTIONS_MAX / IN_ONE + 1


def test_they_stay_deleted_through_the_disk_and_through_the_image() -> None:
    context, copy = emptied()
    stored = decode_context(encode_context(StoredContext(context.sections()))).sections
    pushed = read_copy(json.loads(encode_state_data(context.sections())), {}).sections
    for remembered in (stored, pushed):
        again = holding(dict(remembered))
        assert (again.sections(), again.merge(copy).lost, len(again)) == (context.sections(), {}, 0)


def test_another_machine_that_has_them_still_deletes_them_too_and_tells_of_what_it_had_changed() -> None:
    context, copy = emptied()
    other, _ = make("other")
    other.replace(copy)
    changed = Section(b'"changed there"', 2, "zz")
    other.merge({"w0": changed})
    result = other.merge(context.sections())
    assert (len(other), dict(result.lost).get("w0")) == (0, changed)


def test_a_copy_that_is_older_is_kept_where_it_is_not_the_one_that_was_deleted() -> None:
    context, _ = emptied()
    unknown = Section(b'"never seen"', 1, "you")
    assert context.merge({"w0": unknown}).lost == {"w0": unknown}
    assert "w0" not in context


def test_what_somebody_wrote_after_the_deletion_is_taken() -> None:
    context, _ = emptied()
    written = {"w0": Section(b"1", 3, "you"), "new": Section(b"2", 1, "you"), "foreign": Section(b"3", 0, "")}
    assert (set(context.merge(written).taken), dict(context)) == (set(written), {"w0": 1, "new": 2, "foreign": 3})


def test_what_is_made_again_here_is_newer_than_its_own_deletion() -> None:
    context, copy = emptied()
    context["w0"] = "again"
    assert (context.merge(copy).lost, dict(context)) == ({}, {"w0": "again"})
    other = holding(copy)
    other.merge(context.sections())
    assert dict(other) == {"w0": "again"}


def test_what_was_deleted_and_set_while_restoring_stays_so() -> None:
    context, copy = emptied()
    late, _ = make("late")
    late["w0"] = "set before"
    late["mine"] = 1
    assert late.adopt(context.sections()) == {}
    late.merge(copy)
    assert dict(late) == {"w0": "set before", "mine": 1}
    unknown = Section(b'"never seen"', 1, "you")
    laid = context.overlay(context.sections(), {**copy, "w1": unknown})
    assert (live(laid.sections), laid.lost) == ([], {"w1": unknown})


def test_a_person_who_restores_a_copy_gets_it_back_for_good() -> None:
    context, copy = emptied()
    restored = holding(put_back(context.sections(), copy, "context.1", writer="me again"))
    assert sorted(restored) == sorted(copy)
    restored.merge(context.sections())
    restored.merge(copy)
    assert sorted(restored) == sorted(copy)


def test_merging_the_same_deletions_again_and_again_adds_nothing() -> None:
    context, copy = emptied()
    singly = {name: Section(None, 2, "me") for name in copy}
    for _ in range(2):
        before = context.sections()
        assert context.merge({**singly, **before}) == MergeResult()
        assert context.sections() == before


def test_the_deletions_of_two_machines_add_up() -> None:
    context, copy = emptied()
    other, _ = make("other")
    names = [f"o{number}" for number in range(MANY)]
    fill(other, names)
    other.pushed()
    copy |= other.sections()
    empty(other, names)
    context.merge(other.sections())
    other.merge(context.sections())
    for each in (context, other):
        assert (each.merge(copy).lost, len(each)) == ({}, 0)


def test_beyond_all_that_is_kept_nothing_comes_back_without_a_word() -> None:
    shared = dict(share([(f"old {one}", Section(None, 2, "me"))] * IN_ONE) for one in range(SHARED_DELETIONS_KEPT + 2))
    context = holding({**shared, **{f"d{number}": Section(None, 2, "me") for number in range(SINGLY - 1)}})
    context["last"] = 1
    del context["last"]
    assert sum(map(is_shared, context.sections())) == SHARED_DELETIONS_KEPT + 1
    assert context.sections()[FORGOTTEN] == Section(None, 2, "")
    copy = {name: Section(b"1", counter, "me") for name, counter in (("old 0", 1), ("old 9999", 1), ("new", 3))}
    result = context.merge(copy)
    assert (sorted(result.taken), result.doubtful) == (["new", "old 0", "old 9999"], ("old 0", "old 9999"))
    late = f"old {SHARED_DELETIONS_KEPT + 1}"
    assert context.merge({late: Section(b"1", 1, "me")}).taken == ()


def test_an_image_that_brings_more_than_is_kept_costs_no_more_room() -> None:
    shared = dict(share([(f"old {one}", Section(None, 2, "me"))] * IN_ONE) for one in range(SHARED_DELETIONS_KEPT + 9))
    context, _ = make()
    for _ in range(2):
        context.merge(shared)
        assert len(context.sections()) == SHARED_DELETIONS_KEPT + 1


def test_deletions_take_nothing_from_what_a_context_may_hold() -> None:
    context, _ = emptied()
    context["x"] = "a" * (CONTEXT_MAX_BYTES - 100)
    assert repr(context) == f"Context('x'; {CONTEXT_MAX_BYTES - 100 + 67} bytes)"


def test_all_deletions_that_are_kept_fit_the_file_beside_two_contexts() -> None:
    worst = Section(None, 2**53 - 1, "w" * 32, known=(2**32 - 1,))
    names = [f"{number:0{SECTION_NAME_MAX_LENGTH}}" for number in range(SINGLY + IN_ONE * SHARED_DELETIONS_KEPT)]
    shared = dict(
        share([(name, worst) for name in names[start : start + IN_ONE]]) for start in range(SINGLY, len(names), IN_ONE)
    )
    assert all(map(is_section_name, shared))
    body = encode_context(StoredContext({**shared, **dict.fromkeys(names[:SINGLY], worst)}))
    assert len(body) < CONTEXT_FILE_MAX_BYTES - 2 * CONTEXT_MAX_BYTES


@given(st.lists(st.tuples(NAMES, st.integers(1, 9), st.lists(st.integers(0, 2**32 - 1))), min_size=1, max_size=IN_ONE))
def test_deletions_that_share_a_section_are_read_again(deleted: list[tuple[str, int, list[int]]]) -> None:
    parts = [(name, Section(None, counter, "me", tuple(known))) for name, counter, known in deleted]
    found = shared_in([share(parts)])
    assert {one.counter for one in found.values()} == {max(counter for _, counter, _ in deleted)}
    assert len(found) == len({name for name, _, _ in deleted})


@pytest.mark.parametrize("name", ["", "x", "forgotten", "AAAA", "=", "ä", "AAAAAAAAAAAAAAAAAA=="])
def test_what_has_another_shape_stands_for_no_deletion(name: str) -> None:
    assert shared_in([(RESERVED_PREFIX + name, Section(None, 5, "w"))]) == {}
