"""A supervisor brought into a given state, with a backend that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stui_supervisor import RequestError, Settings, State, Supervisor
from stui_supervisor.testing import FakePeer, Reach
from tests.support.processes.embedded_image import EmbeddedImage
from tests.support.programs.watching import LIMIT_S, until

ENDPOINT: Final = "tcp://127.0.0.1:5555"
NEW: Final = "new"
STOPPED: Final = "stopped"
SCENES: Final = (NEW, *State, STOPPED)
SETTINGS: Final = Settings(attempt_timeout_s=60.0, attempt_timeout_max_s=60.0, answer_timeout_s=0.05)
_REACH: Final = {
    State.RESTORING: Reach.SILENT,
    State.CONNECTING: Reach.SILENT,
    State.RECOVERING: Reach.REFUSES,
}


@dataclass
class Scene:
    """The supervisor and the other end."""

    supervisor: Supervisor
    peer: FakePeer
    image: EmbeddedImage


@asynccontextmanager
async def scene(name: str, home: Path, settings: Settings = SETTINGS) -> AsyncIterator[Scene]:
    """In the state of that name, before the start, or after the stop; stopped at the end."""
    image = EmbeddedImage()
    peer = FakePeer(image, reach=_REACH.get(State(name), Reach.LISTENS) if name in set(State) else Reach.LISTENS)
    supervisor = Supervisor(ENDPOINT, home=home, settings=settings, link=peer)
    unanswered: asyncio.Task[object] | None = None
    try:
        if name != NEW:
            await supervisor.start()
        if name in (State.DISCONNECTED, STOPPED):
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            await (supervisor.stop() if name == STOPPED else supervisor.disconnect())
        elif name == State.DEGRADED:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            image.silent = True
            unanswered = asyncio.create_task(supervisor.request("evaluate", {"code": "0"}))
            await supervisor.wait_for(State.DEGRADED, timeout=LIMIT_S)
        elif name == State.RECOVERING:
            await until(lambda: supervisor.status().next_attempt_in_s is not None)
        elif name not in (NEW, State.RESTORING):
            await supervisor.wait_for(State(name), timeout=LIMIT_S)
        yield Scene(supervisor, peer, image)
    finally:
        await supervisor.stop()
        if unanswered is not None:
            with suppress(RequestError):
                await unanswered
