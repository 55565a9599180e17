"""The disk is missing, refuses or is slow: supervision goes on in memory, and the work is saved when it can be."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from stui_supervisor import Problem, Settings, State, StoreError, Supervisor
from stui_supervisor.testing import FakePeer
from tests.support.embedded_image import EmbeddedImage
from tests.support.scenes import ENDPOINT
from tests.support.watching import LIMIT_S, next_of, queued, until

QUICK = Settings(save_retry_s=0.05)


async def test_a_home_that_is_a_file_costs_a_warning_and_no_link(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("not a directory")
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

        home.unlink()  # the disk is back
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
