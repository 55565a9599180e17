"""A process is killed while it saves: what it had acknowledged is there, whole, for the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from stui_supervisor.adapters.sessions.store import FileSessionStore
from tests.support.files.scratch import scratch
from tests.support.programs.killed_program import endpoint, sections

FILES_LEFT = 40  # a life that is cut off before it tidies leaves one more, and each hour a copy
REPOSITORY = Path(__file__).parents[2]
LIVE = "import sys; from tests.support.programs.killed_program import live; live(sys.argv[1])"


@contextmanager
def saver(root: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", LIVE, str(root)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def program(root: Path) -> Iterator[Callable[[str], list[list[str]]]]:
    """Lives and dies as it is told to; each call gives what it said in one life."""
    command = [sys.executable, "-m", "tests.support.programs.killed_program", str(root)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=REPOSITORY) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        orders, answers = process.stdin, process.stdout

        def life(order: str) -> list[list[str]]:
            orders.write(order + "\n")
            orders.flush()
            return [line.split() for line in iter(answers.readline, "dead\n")]

        yield life
        orders.close()


def check(root: Path, orders: list[str]) -> None:
    """After each death every acknowledged save is there, whole, and nothing piles up."""
    saved = 0
    with program(root) as life:
        for order in orders:
            said = life(order)
            acknowledged = {word: int(number) for word, number in said if word != "owned"}
            saved = max(saved, acknowledged.get("context", 0))

            files = FileSessionStore(root)
            claimed = files.claim("default")
            files.release(claimed.session_id)
            assert claimed.notices == ()
            assert {word[1] for word in said if word[0] == "owned"} <= {claimed.session_id}
            number = max([section.counter for section in claimed.sections.values()], default=0)
            assert number in {saved, saved + 1}
            assert claimed.sections == (sections(number) if number else {})
            if "record" in acknowledged:
                port = acknowledged["record"]
                assert claimed.record.endpoint in {endpoint(port), endpoint(port + 1)}
            saved = number
    assert len(list(root.rglob("*.json"))) <= FILES_LEFT
    assert len(list(root.rglob("*.tmp"))) <= 1


def orders_of(count: int, seed: int) -> list[str]:
    """Half of the deaths are at each call in turn, half at any time."""
    rng = Random(seed)  # noqa: S311  # moments, no secrets
    return [f"call {number}" for number in range(1, count // 2 + 1)] + [
        f"after {rng.randrange(20_000)}" for _ in range(count // 2)
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only on POSIX systems, which fork")
@pytest.mark.timeout(120)
def test_five_hundred_kills_leave_every_acknowledged_save_whole() -> None:
    with scratch() as place:
        check(place / "sessions", orders_of(500, seed=1))


@pytest.mark.soak
def test_five_thousand_kills_on_a_real_disk_leave_every_acknowledged_save_whole(tmp_path: Path) -> None:
    check(tmp_path / "sessions", orders_of(5_000, seed=2))


def test_the_session_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    files = FileSessionStore(tmp_path)
    with saver(tmp_path) as process:
        assert process.stdout is not None
        owned = process.stdout.readline().split()[1]
        process.stdout.readline()
        (seen,) = files.read_newest("default")
        assert (seen.session_id, seen.live) == (owned, True)
        own = files.claim("default")
        assert own.session_id != owned
        assert own.fresh
    (seen,) = (session for session in files.read_newest("default") if session.session_id == owned)
    assert not seen.live
    assert files.claim("default").session_id == owned


def test_a_session_that_is_being_saved_is_always_in_the_listing(tmp_path: Path) -> None:
    files = FileSessionStore(tmp_path)
    with saver(tmp_path) as process:
        assert process.stdout is not None
        owned = process.stdout.readline().split()[1]
        listings = [[(seen.session_id, seen.live) for seen in files.read_newest("default")] for _ in range(200)]
    assert listings == [[(owned, True)]] * 200
