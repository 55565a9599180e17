"""The real core through a thousand lives on virtual time, every promise judged after every input."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache

import pytest

from stui_supervisor.adapters.journal.lines import LineDigest
from stui_supervisor.events import Beside
from tests.simulation.lives import Lives, fresh, live, live_side_by_side
from tests.simulation.network import Reach
from tests.simulation.world import World, lived
from tests.support.core.transition_table import ALLOWED

SEEDS = 1_000
RARE = 1_131  # a profile that is read late and shows that no link is wanted: one life in a thousand
SOAK_SEEDS = 20_000
SOAK_SEEDS_PER_TEST = 1_000
FRESH_SEEDS = 10_000
LINES_A_DAY = 200

_LIMIT_S = 1_200  # on a machine that does much else, or with many more seeds


@cache
def lives() -> Lives:
    found = live_side_by_side(range(SEEDS))
    found.add(live([RARE]))
    return found


@pytest.mark.timeout(_LIMIT_S)
def test_every_promise_is_kept() -> None:
    assert lives().failures == []


@pytest.mark.timeout(_LIMIT_S)
def test_every_row_of_the_table_is_walked() -> None:
    assert lives().walked == set(ALLOWED)


@pytest.mark.timeout(_LIMIT_S)
def test_waits_are_spread_over_all_that_is_allowed() -> None:
    shares = lives().shares
    tenths = [sum(int(10 * share) == tenth for share in shares) / len(shares) for tenth in range(10)]
    assert all(0.08 < part < 0.12 for part in tenths), tenths


@pytest.mark.parametrize("seed", range(0, SEEDS, 100))
def test_the_same_seed_tells_the_same_story(seed: int) -> None:
    assert lived(seed).story.lines() == lived(seed).story.lines()


@pytest.mark.timeout(180)  # a day of attempts takes up to a minute of a core while coverage is measured
@pytest.mark.parametrize("reach", [Reach.UNREACHABLE, Reach.SILENT])
def test_a_day_without_a_backend_is_told_in_few_lines_and_over_at_once(reach: Reach) -> None:
    world = World(0)
    world.live_without_backend(reach, hours=24)
    digest = LineDigest()
    lines = [line for event in world.story.events() for line in digest.lines(event, Beside())]
    lines += digest.flush(lines[-1].at)
    assert len(lines) <= LINES_A_DAY


@pytest.mark.soak
@pytest.mark.timeout(_LIMIT_S)
@pytest.mark.parametrize("first", range(SEEDS, SEEDS + SOAK_SEEDS, SOAK_SEEDS_PER_TEST))
def test_every_promise_is_kept_in_many_more_lives(first: int) -> None:
    assert live_side_by_side(range(first, first + SOAK_SEEDS_PER_TEST)).failures == []


@cache
def fresh_seeds() -> range:
    return fresh(FRESH_SEEDS)


@pytest.mark.soak
@pytest.mark.timeout(_LIMIT_S)
@pytest.mark.parametrize("first", range(0, FRESH_SEEDS, SOAK_SEEDS_PER_TEST))
def test_every_promise_is_kept_in_lives_that_nobody_has_lived(
    first: int, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    seeds = fresh_seeds()[first : first + SOAK_SEEDS_PER_TEST]
    told = f"{seeds.start} to {seeds.stop - 1}"
    record_property("seeds", told)
    with capsys.disabled():  # before they begin: a run that is cut off has said what it lived
        print(f"\nseeds {told} ", end="", flush=True)  # noqa: T201
    assert live_side_by_side(seeds).failures == []


def test_fresh_seeds_are_others_each_time_and_none_that_anybody_names() -> None:
    one, other = fresh(FRESH_SEEDS), fresh(FRESH_SEEDS)
    assert (len(one), len(other)) == (FRESH_SEEDS, FRESH_SEEDS)
    assert one.stop <= other.start or other.stop <= one.start
    assert min(one.start, other.start) > SEEDS + SOAK_SEEDS


@pytest.mark.parametrize("words", [[], ["one"]], ids=["none", "a word"])
def test_without_a_seed_the_command_says_how_it_is_used(words: list[str]) -> None:
    command = [sys.executable, "-m", "tests.simulation", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout, done.stderr.splitlines()[0]) == (
        2,
        "",
        "usage: python -m tests.simulation [-h] [--effects] [--digests FIRST END]",
    )
