"""Work in parts: what a turn does, what comes of it, and what is left when it is not wanted any more."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from stui_supervisor.config import SECTION_TURN_BYTES, TURN_BYTES
from stui_supervisor.context.parts import Parts, Portion, at_once


def counting(turns: int, log: list[str], name: str = "") -> Generator[None, None, int]:
    try:
        for turn in range(turns):
            log.append(f"{name}{turn}")
            if turn + 1 < turns:
                yield
    except GeneratorExit:
        log.append("dropped")
        raise
    return turns


def test_a_turn_ends_with_so_many_bytes_and_sections() -> None:
    portion = Portion()
    assert [portion.spend(TURN_BYTES // 2) for _ in range(4)] == [False, True, False, True]
    assert sum(portion.spend() for _ in range(10 * TURN_BYTES // SECTION_TURN_BYTES)) == 10


def test_what_fits_in_one_turn_is_done_at_once() -> None:
    parts, log, found = Parts(), list[str](), list[int]()
    parts.begin(counting(1, log), found.append, now=1.0)
    assert (log, found, parts.are_left) == (["0"], [1], False)


def test_the_rest_is_done_turn_by_turn_and_then_it_is_said_what_it_came_to() -> None:
    parts, log, found = Parts(), list[str](), list[int]()
    parts.begin(counting(3, log), found.append, now=1.0)
    assert (log, found, parts.are_left, parts.since) == (["0"], [], True, 1.0)
    parts.go_on(now=2.0)
    assert (log, found, parts.since) == (["0", "1"], [], 2.0)
    parts.go_on(now=3.0)
    assert (found, parts.are_left) == ([3], False)


def test_one_begins_when_the_one_before_it_is_done() -> None:
    parts, log, found = Parts(), list[str](), list[int]()
    parts.begin(counting(2, log, "a"), found.append, now=1.0)
    parts.begin(counting(1, log, "b"), found.append, now=1.0)
    parts.go_on(now=2.0)
    parts.go_on(now=3.0)
    assert (log, found) == (["a0", "a1", "b0"], [2, 1])


def test_what_follows_from_one_may_begin_another() -> None:
    parts, log, found = Parts(), list[str](), list[int]()
    parts.begin(counting(1, log, "a"), lambda _: parts.begin(counting(1, log, "b"), found.append, now=1.0), now=1.0)
    assert (log, found, parts.are_left) == (["a0", "b0"], [1], False)


def test_what_is_not_wanted_any_more_hears_of_it() -> None:
    parts, log, found = Parts(), list[str](), list[int]()
    parts.begin(counting(2, log), found.append, now=1.0)
    parts.drop()
    parts.go_on(now=2.0)
    assert (log, found, parts.are_left) == (["0", "dropped"], [], False)


def test_all_that_is_left_can_be_done_in_one_turn() -> None:
    parts, log, found = Parts(), list[str](), list[int]()
    parts.begin(counting(5, log), found.append, now=1.0)
    parts.finish(now=1.0)
    assert (found, at_once(counting(4, log))) == ([5], 4)


def test_a_mistake_is_told_once_and_does_not_stay() -> None:
    def failing() -> Generator[None, None, None]:
        yield
        raise ValueError("a mistake")

    parts = Parts()
    parts.begin(failing(), lambda _: None, now=1.0)
    with pytest.raises(ValueError, match="a mistake"):
        parts.go_on(now=2.0)
    assert not parts.are_left
