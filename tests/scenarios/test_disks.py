"""The disk is missing, refuses or is slow: supervision goes on in memory, and the work is saved when it can be."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor import NotSent, Problem, Settings, State, StoreError, Supervisor
from stui_supervisor.testing import FakePeer
from tests.support.files.intercepted import Call, intercepted, is_giving_back
from tests.support.processes.embedded_image import EmbeddedImage
from tests.support.programs.scenes import ENDPOINT
from tests.support.programs.watching import LIMIT_S, next_of, queued, until

QUICK = Settings(save_retry_s=0.05)


async def test_a_home_that_is_a_file_may_hide_a_profile_so_nothing_is_linked_until_it_is_gone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("not a directory")
    peer = FakePeer(EmbeddedImage())
    async with Supervisor(ENDPOINT, home=home, settings=QUICK, link=peer) as supervisor:
        await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
        assert supervisor.status().failure == "profile_not_readable"
        with pytest.raises(NotSent, match="Not a directory"):
            await supervisor.request("evaluate", {"code": "3 + 4"}, timeout=0.1)
        assert peer.links == []
        home.unlink()
        await supervisor.reconnect()
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)


async def test_a_file_in_the_place_of_the_sessions_costs_a_warning_and_no_link(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "sessions").write_text("not a directory")
    supervisor = Supervisor(ENDPOINT, home=home, settings=QUICK, link=FakePeer(EmbeddedImage()))
    stream = supervisor.events()
    async with supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        problem = await next_of(stream, Problem)
        assert problem.code == "store_failed"
        assert problem.hint
        assert supervisor.status().store_ok is False
        supervisor.context["workspaces"] = [1]
        with pytest.raises(StoreError):
            await supervisor.save()
        with pytest.raises(StoreError):
            await supervisor.save()
        assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"
        assert [event for event in queued(stream) if isinstance(event, Problem)] == []

        (home / "sessions").unlink()  # the disk is back
        await until(lambda: supervisor.status().store_ok)
        await supervisor.save()
        assert supervisor.status().session_id is not None
    async with Supervisor(home=home, link=FakePeer(EmbeddedImage())) as again:
        await again.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert dict(again.context) == {"workspaces": [1]}


async def test_a_disk_that_goes_away_in_the_middle_is_written_again_when_it_is_back(tmp_path: Path) -> None:
    sessions, away = tmp_path / "sessions", tmp_path / "away"
    supervisor = Supervisor(ENDPOINT, home=tmp_path, settings=QUICK, link=FakePeer(EmbeddedImage()))
    stream = supervisor.events()
    async with supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        supervisor.context["workspaces"] = [1]
        await supervisor.save()
        assert supervisor.status().store_ok
        sessions.rename(away)
        sessions.write_text("not a directory")
        supervisor.context["workspaces"] = [2]
        assert (await next_of(stream, Problem)).code == "store_failed"
        assert supervisor.status().store_ok is False
        assert supervisor.state is State.CONNECTED
        sessions.unlink()
        away.rename(sessions)
        await until(lambda: supervisor.status().store_ok)
        await supervisor.save()
    async with Supervisor(home=tmp_path, link=FakePeer(EmbeddedImage())) as again:
        await again.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert dict(again.context) == {"workspaces": [2]}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="only on an account that rights apply to")
async def test_a_read_only_home_costs_a_warning_and_no_link(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o500)  # noqa: PTH101  # instant
    supervisor = Supervisor(ENDPOINT, home=tmp_path, settings=QUICK, link=FakePeer(EmbeddedImage()))
    stream = supervisor.events()
    try:
        async with supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert (await next_of(stream, Problem)).code == "store_failed"
            os.chmod(tmp_path, 0o700)  # noqa: PTH101  # instant
            await until(lambda: supervisor.status().store_ok)
    finally:
        os.chmod(tmp_path, 0o700)  # noqa: PTH101  # instant


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux, where /proc takes no files from anybody")
async def test_a_home_where_nobody_may_write_costs_a_warning_and_no_link() -> None:
    supervisor = Supervisor(ENDPOINT, home="/proc/stui", settings=QUICK, link=FakePeer(EmbeddedImage()))
    stream = supervisor.events()
    async with supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert (await next_of(stream, Problem)).code == "store_failed"
        supervisor.context["workspaces"] = [1]
        assert supervisor.status().store_ok is False


async def test_a_damaged_session_is_told_and_the_one_before_it_is_used(tmp_path: Path) -> None:
    peer = FakePeer(EmbeddedImage())
    async with Supervisor(ENDPOINT, home=tmp_path, link=peer) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        for number in (1, 2):
            supervisor.context["workspaces"] = [number]
            await supervisor.save()
        session = tmp_path / "sessions" / (supervisor.status().session_id or "")
    newest = max(session.glob("context.*.json"), key=lambda path: int(path.name.split(".")[1]))
    newest.write_bytes(newest.read_bytes()[:-1])
    again = Supervisor(home=tmp_path, link=FakePeer(EmbeddedImage()))
    stream = again.events()
    async with again:
        await again.wait_for(State.CONNECTED, timeout=LIMIT_S)
        problem = await next_of(stream, Problem)
        assert dict(again.context) == {"workspaces": [1]}
        assert problem.message
        assert problem.hint


class NoLocks:
    """A file system that has none, until ``number`` is 0; ``refused`` counts."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.refused = 0

    def __call__(self, name: str, arguments: tuple[Any, ...], call: Call) -> Any:
        if not self.number or name != "flock" or is_giving_back(name, arguments):
            return call()
        self.refused += 1
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
async def test_a_network_folder_without_locks_costs_a_warning_and_nothing_piles_up_there(
    tmp_path: Path, number: int
) -> None:
    supervisor = Supervisor(ENDPOINT, home=tmp_path, settings=QUICK, link=FakePeer(EmbeddedImage()))
    stream = supervisor.events()
    locks = NoLocks(number)
    with intercepted(locks):
        async with supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            supervisor.context["workspaces"] = [1]
            await until(lambda: locks.refused >= 20)
            assert supervisor.status().store_ok is False
            (problem,) = [event for event in queued(stream) if isinstance(event, Problem)]
            assert (problem.code, "locks" in problem.hint) == ("store_failed", True)
            assert len([path for path in (tmp_path / "sessions").iterdir() if path.is_dir()]) <= 1  # the present try
            locks.number = 0
            await until(lambda: supervisor.status().store_ok)
            await supervisor.save()
    async with Supervisor(home=tmp_path, link=FakePeer(EmbeddedImage())) as again:
        await again.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert dict(again.context) == {"workspaces": [1]}


def mount(*words: str) -> bool:
    return subprocess.run(["mount", *words], capture_output=True, check=False, timeout=10).returncode == 0  # noqa: S607


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if sys.platform != "linux" or not mount("-t", "tmpfs", "-o", "size=256k,mode=0700", "stui-test", str(place)):
        pytest.skip("only on Linux, for root, who may mount disks")
    yield place
    subprocess.run(["umount", "-l", place], check=True, timeout=10)  # noqa: S607  # wherever it is


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        deque(iter(lambda: file.write(bytes(512)), 0), maxlen=0)
    return filler


async def test_a_real_disk_that_is_full_for_a_while_costs_a_warning_and_no_work(small_disk: Path) -> None:
    supervisor = Supervisor(ENDPOINT, home=small_disk, settings=QUICK, link=FakePeer(EmbeddedImage()))
    stream = supervisor.events()
    async with supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        supervisor.context["workspaces"] = [1]
        await supervisor.save()
        filler = fill(small_disk)
        supervisor.context["workspaces"] = [2]
        for _ in range(2):
            with pytest.raises(StoreError, match="the disk is full"):
                await supervisor.save()
        assert (supervisor.state, supervisor.status().store_ok) == (State.CONNECTED, False)
        assert [event.code for event in queued(stream) if isinstance(event, Problem)] == ["store_failed"]
        filler.unlink()
        await until(lambda: supervisor.status().store_ok)
    async with Supervisor(home=small_disk, link=FakePeer(EmbeddedImage())) as again:
        await again.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert dict(again.context) == {"workspaces": [2]}


HOMELESS = """
import asyncio, os
import keyring, platformdirs, pwd, zmq  # while we may read where they are
from stui_supervisor import Problem, State, StoreError, Supervisor
from stui_supervisor.testing import FakePeer
from tests.support.processes.embedded_image import EmbeddedImage

async def main():
    supervisor = Supervisor("tcp://127.0.0.1:5555", link=FakePeer(EmbeddedImage()))
    stream = supervisor.events()
    async with supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=10)
        supervisor.context["workspaces"] = [1]
        try:
            await supervisor.save()
        except StoreError as error:
            print(error.hint)
        print(supervisor.status().store_ok, dict(supervisor.context))
    print([str(event.code) async for event in stream if isinstance(event, Problem)])

os.setuid(54321)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only on Linux can root be such an account")
def test_an_account_without_a_home_directory_works_in_memory() -> None:
    named = {"HOME", "STUI_SUPERVISOR_HOME", "XDG_STATE_HOME"}
    nowhere = {name: value for name, value in os.environ.items() if name not in named}
    done = subprocess.run(
        [sys.executable, "-c", HOMELESS],
        env=nowhere,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    hint, state, problems = done.stdout.splitlines()
    assert "STUI_SUPERVISOR_HOME" in hint
    assert (state, problems) == ("False {'workspaces': [1]}", "['store_failed', 'not_saved']")
