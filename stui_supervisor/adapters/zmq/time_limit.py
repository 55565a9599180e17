"""A time limit that does not run out while this process itself stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stui_supervisor.config import STALL_S


@asynccontextmanager
async def time_limit(seconds: float) -> AsyncIterator[None]:
    """As ``asyncio.timeout``. Where the loop was blocked past the end, what happened meanwhile is handled first.

    Raises TimeoutError.
    """
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def end(due: float) -> None:
        nonlocal timer
        now = loop.time()
        if now - due > STALL_S:
            timer = loop.call_at(now + STALL_S, end, now + STALL_S)
        else:
            limit.reschedule(now)

    due = loop.time() + seconds
    timer = loop.call_at(due, end, due)
    try:
        async with asyncio.timeout(None) as limit:
            yield
    finally:
        timer.cancel()
