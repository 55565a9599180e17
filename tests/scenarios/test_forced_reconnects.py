"""Links made and left over and over: nothing grows."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import pytest

from stui_supervisor import State, Supervisor
from stui_supervisor.backend import BackendSettings
from tests.support.processes.backend_process import BackendProcess
from tests.support.programs.watching import LIMIT_S, open_descriptors, own_threads, until

RSS_GROWTH_MAX_BYTES = 5_000_000
LOOKS = 100  # so many in a row, a millisecond apart, see the same


def resident_bytes() -> int:
    """The memory of this process (Linux; elsewhere 0)."""
    if sys.platform != "linux":
        return 0
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4_096


def held() -> tuple[int, int, list[str], int]:
    return open_descriptors(), len(asyncio.all_tasks()), own_threads(), threading.active_count()


async def at_rest() -> tuple[int, int, list[str], int]:
    """What is held once nothing changes any more: libzmq closes sockets, and a record is written, a moment later."""
    seen: list[tuple[int, int, list[str], int]] = []

    def is_still() -> bool:
        seen.append(held())
        return len(seen) > LOOKS and all(look == seen[-1] for look in seen[-LOOKS:])

    await until(is_still)
    return seen[-1]


async def reconnected(supervisor: Supervisor, times: int) -> None:
    for _ in range(times):
        await supervisor.reconnect()
        assert supervisor.state is State.RECOVERING
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("times", [200, pytest.param(2_000, marks=pytest.mark.soak)])
async def test_forced_reconnects_leave_descriptors_tasks_threads_and_memory_where_they_were(
    times: int, tmp_path: Path
) -> None:
    publishing = BackendSettings(bind="tcp://127.0.0.1:*", publish="tcp://127.0.0.1:*")
    async with BackendProcess(publishing) as server, Supervisor(server.endpoint, home=tmp_path) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        await reconnected(supervisor, 50)
        await supervisor.save()
        before, memory = await at_rest(), resident_bytes()
        await reconnected(supervisor, times)
        await supervisor.save()
        assert await at_rest() == before
        assert resident_bytes() - memory < RSS_GROWTH_MAX_BYTES
        assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"


async def test_starting_and_stopping_over_and_over_leaves_nothing(tmp_path: Path) -> None:
    async with BackendProcess() as server:
        supervisor = Supervisor(server.endpoint, home=tmp_path)
        before = None
        for _ in range(20):
            async with supervisor:
                await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            before = before or await at_rest()
        assert await at_rest() == before


async def test_many_supervisors_share_one_process(tmp_path: Path) -> None:
    async with BackendProcess() as server:
        before = await at_rest()
        supervisors = [Supervisor(server.endpoint, home=tmp_path) for _ in range(10)]
        for supervisor in supervisors:
            await supervisor.start()
        for supervisor in supervisors:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert len({supervisor.status().session_id for supervisor in supervisors}) == 10
        await asyncio.gather(*(supervisor.stop() for supervisor in supervisors))
        assert await at_rest() == before
