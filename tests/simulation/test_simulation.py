"""The real core through hundreds of lives on virtual time, every promise judged after every input."""

from __future__ import annotations

from functools import cache

import pytest

from stui_supervisor.states import State, Trigger
from stui_supervisor.table import ALLOWED
from tests.simulation.world import lived

SEEDS = 300
SEEDS_PER_TEST = 20
SOAK_SEEDS = 20_000
SOAK_SEEDS_PER_TEST = 200


@cache
def walked(first: int, count: int) -> frozenset[tuple[State, Trigger]]:
    return frozenset().union(*(lived(seed).walked for seed in range(first, first + count)))


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_PER_TEST))
def test_every_promise_is_kept(first: int) -> None:
    walked(first, SEEDS_PER_TEST)


@pytest.mark.timeout(120)
def test_every_row_of_the_table_is_walked() -> None:
    seen = frozenset().union(*(walked(first, SEEDS_PER_TEST) for first in range(0, SEEDS, SEEDS_PER_TEST)))
    assert seen == frozenset(ALLOWED)


@pytest.mark.parametrize("seed", range(0, SEEDS, 30))
def test_the_same_seed_tells_the_same_story(seed: int) -> None:
    assert lived(seed).story.lines() == lived(seed).story.lines()


@pytest.mark.soak
@pytest.mark.parametrize("first", range(SEEDS, SEEDS + SOAK_SEEDS, SOAK_SEEDS_PER_TEST))
def test_every_promise_is_kept_in_many_more_lives(first: int) -> None:
    walked(first, SOAK_SEEDS_PER_TEST)
