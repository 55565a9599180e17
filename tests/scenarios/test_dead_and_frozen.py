"""A process that stands still: found in time, and never confused with one that works."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stui_supervisor import OutcomeUnknown, State, Supervisor, Transition
from stui_supervisor.backend import BackendSettings
from tests.support.processes.backend_process import BackendProcess
from tests.support.programs.figures import figures
from tests.support.programs.watching import LIMIT_S, queued, until

FOUND_S = 3.5
WORKING = "(Delay forSeconds: 60) wait"


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux")
@pytest.mark.parametrize("tries", [1, pytest.param(20, marks=pytest.mark.soak)])
async def test_a_frozen_backend_is_given_up_in_time_and_is_back_when_it_thaws(
    tmp_path: Path, tries: int, record_property: Callable[[str, object], None]
) -> None:
    found_s: list[float] = []
    async with BackendProcess() as backend, Supervisor(backend.endpoint, home=tmp_path) as supervisor:
        for _ in range(tries):
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            found_s.append(await freeze(backend, supervisor))
            backend.thaw()
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
    record_property("found (s)", figures(found_s))
    assert max(found_s) <= FOUND_S


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux")
@pytest.mark.parametrize("tries", [1, pytest.param(20, marks=pytest.mark.soak)])
async def test_a_backend_that_freezes_at_work_is_given_up_in_time(
    tmp_path: Path, tries: int, record_property: Callable[[str, object], None]
) -> None:
    found_s: list[float] = []
    backend = BackendProcess(BackendSettings(bind="tcp://127.0.0.1:*", executed_log=tmp_path / "executed"))
    async with backend, Supervisor(backend.endpoint, home=tmp_path / "home") as supervisor:
        for number in range(1, tries + 1):
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            work = asyncio.create_task(supervisor.request("evaluate", {"code": WORKING}))
            await until_it_works(backend, number)
            found_s.append(await freeze(backend, supervisor))
            with pytest.raises(OutcomeUnknown):
                await work
            await backend.arestart()
    record_property("found (s)", figures(found_s))
    assert max(found_s) <= FOUND_S


@pytest.mark.parametrize("seconds", [8, pytest.param(60, marks=pytest.mark.soak)])
async def test_a_busy_image_is_not_taken_for_a_frozen_one(tmp_path: Path, seconds: int) -> None:
    async with BackendProcess() as backend, Supervisor(backend.endpoint, home=tmp_path) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        stream = supervisor.events()
        answer = await supervisor.request("evaluate", {"code": f"(Delay forSeconds: {seconds}) wait. 3 + 4"})
        assert answer["result"] == "7"
        moves = [event.to_state for event in queued(stream) if isinstance(event, Transition)]
        assert State.RECOVERING not in moves


async def until_it_works(backend: BackendProcess, times: int) -> None:
    await until(lambda: backend.executed_codes() == [WORKING] * times)


async def freeze(backend: BackendProcess, supervisor: Supervisor) -> float:
    """Hold the process still; the time until its link is given up for it."""
    backend.freeze()
    began = time.monotonic()
    await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
    took_s = time.monotonic() - began
    assert "frozen" in str(supervisor.status().last_error)
    return took_s
