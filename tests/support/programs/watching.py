"""Waiting for what a supervisor says, never for time; and looking at what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from stui_supervisor import Event, State, Transition
from stui_supervisor.runtime.observers import EventStream

E = TypeVar("E", bound=Event)
LIMIT_S: Final = 15.0  # nothing here takes so long unless it is broken


async def next_of(stream: EventStream, kind: type[E], fits: Callable[[E], bool] = lambda _event: True) -> E:
    """The next event of this kind that fits; what comes before it is skipped."""
    async with asyncio.timeout(LIMIT_S):
        async for event in stream:
            if isinstance(event, kind) and fits(event):
                return event
    raise AssertionError(f"the supervisor stopped before a {kind.__name__} came")


async def entering(stream: EventStream, state: State) -> Transition:
    """The next transition into this state."""
    return await next_of(stream, Transition, lambda event: event.to_state is state)


async def until(condition: Callable[[], Any]) -> None:
    """Return once it is true; the loop runs meanwhile."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110  # what is looked at sets no event
            await asyncio.sleep(0.001)


async def settle() -> None:
    """Give what must not come the time in which it would."""
    for _ in range(20):
        await asyncio.sleep(0.001)


def until_now(condition: Callable[[], Any]) -> None:
    """The same where no loop runs."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not become true"
        threading.Event().wait(0.005)


def queued(stream: EventStream) -> list[Event]:
    """What has come already."""
    return [event for event, _ in stream._queue]


def own_threads() -> list[str]:
    """The names of the supervisor's threads that live now."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("stui"))


def open_descriptors() -> int:
    """How many files and sockets this process has open (Linux; elsewhere 0)."""
    return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0  # noqa: PTH208  # as cheap as can be
