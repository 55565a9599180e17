from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

import pytest

from stui_supervisor.adapters.zmq.time_limit import time_limit
from stui_supervisor.config import STALL_S
from tests.support.programs.watching import LIMIT_S


async def within(seconds: float, work: Awaitable[object]) -> None:
    async with asyncio.timeout(LIMIT_S), time_limit(seconds):
        await work


async def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError):
        await within(0.01, asyncio.Event().wait())


async def test_what_ends_in_time_is_left_alone() -> None:
    await within(LIMIT_S, asyncio.sleep(0))


async def test_what_is_ready_after_the_process_stood_still_is_in_time() -> None:
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.call_soon(time.sleep, 2 * STALL_S)
    loop.call_soon(loop.call_later, STALL_S / 2, came.set)
    await within(0.01, came.wait())


async def test_what_is_not_ready_then_either_is_ended() -> None:
    asyncio.get_running_loop().call_soon(time.sleep, 2 * STALL_S)
    with pytest.raises(TimeoutError):
        await within(0.01, asyncio.Event().wait())
