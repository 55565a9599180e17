"""A supervisor that nobody stops: it is told, and nothing of it stays."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stui_supervisor import State, Supervisor
from tests.support.files.stored_files import posix
from tests.support.processes.backend_process import BackendProcess
from tests.support.programs.watching import LIMIT_S

PROGRAM = """
import asyncio, sys
from stui_supervisor import State, Supervisor

async def main():
    supervisor = Supervisor(sys.argv[2], home=sys.argv[1])
    await supervisor.start()
    await supervisor.wait_for(State.CONNECTED, timeout=20)
    supervisor.context["work"] = "of a program that ends"
    return supervisor

kept = asyncio.run(main())
print("ended")
"""


@contextmanager
def told() -> Iterator[list[str]]:
    """The warnings of supervisors that were let go of."""
    words: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield words
        gc.collect()
    words += [str(one.message) for one in caught if one.category is ResourceWarning]


async def left(endpoint: str, home: Path, text: str) -> Supervisor:
    supervisor = Supervisor(endpoint, home=home)
    await supervisor.start()
    await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
    supervisor.context["work"] = text
    return supervisor


async def next_finds(endpoint: str, home: Path) -> object:
    async with Supervisor(endpoint, home=home) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        return supervisor.context.get("work")


def test_one_that_is_let_go_of_is_told_and_the_next_one_has_its_work(tmp_path: Path) -> None:
    async def main() -> object:
        supervisor = await left(server.endpoint, tmp_path, "mine")
        del supervisor
        gc.collect()
        return await next_finds(server.endpoint, tmp_path)

    with BackendProcess() as server, told() as words:
        assert asyncio.run(main()) == "mine"
    (said,) = words
    assert said == f"<Supervisor connected {server.endpoint}> was never stopped"


def test_one_whose_loop_has_ended_is_told_and_the_next_one_has_its_work(tmp_path: Path) -> None:
    with BackendProcess() as server, told() as words:
        kept = asyncio.run(left(server.endpoint, tmp_path, "mine"))
        assert asyncio.run(next_finds(server.endpoint, tmp_path)) == "mine"
        assert kept.context["work"] == "mine"
    assert words == [f"<Supervisor connected {server.endpoint}> was never stopped"]


def test_one_that_was_stopped_is_told_of_nothing(tmp_path: Path) -> None:
    with BackendProcess() as server, told() as words:
        assert asyncio.run(next_finds(server.endpoint, tmp_path)) is None
        Supervisor(home=tmp_path)
    assert words == []


@posix
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are counted where the system lists them")
@pytest.mark.parametrize("is_dropped_first", [True, False])
def test_neither_threads_nor_descriptors_stay(tmp_path: Path, *, is_dropped_first: bool) -> None:
    def held() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    async def one(server: BackendProcess) -> Supervisor | None:
        supervisor = await left(server.endpoint, tmp_path, "mine")
        if not is_dropped_first:
            return supervisor
        del supervisor
        gc.collect()
        await asyncio.sleep(0)
        return None

    with BackendProcess() as server, told():
        asyncio.run(next_finds(server.endpoint, tmp_path))  # what has to be imported is by now
        asyncio.run(asyncio.sleep(1.2))
        gc.collect()
        before = held()
        for _ in range(3):
            left_one = asyncio.run(one(server))
            del left_one
            gc.collect()
        for _ in range(200):  # a thread rests for a second
            if held() <= before:
                break
            asyncio.run(asyncio.sleep(0.05))
        assert held() <= before


def test_a_program_that_ends_without_a_stop_is_told_and_its_work_is_saved(tmp_path: Path) -> None:
    with BackendProcess() as server:
        words = [sys.executable, "-W", "always::ResourceWarning", "-c", PROGRAM, str(tmp_path), server.endpoint]
        ended = subprocess.run(words, capture_output=True, text=True, check=True, timeout=40)
        assert (ended.stdout, ended.stderr.count("was never stopped")) == ("ended\n", 1)
        assert "Traceback" not in ended.stderr
        assert asyncio.run(next_finds(server.endpoint, tmp_path)) == "of a program that ends"
