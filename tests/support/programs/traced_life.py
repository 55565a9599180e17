"""Everything that writes files, once, below the directory in the argument: to be traced from outside."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from stui_supervisor import State, Supervisor
from stui_supervisor.cli.main import main as command
from stui_supervisor.testing import FakePeer
from tests.support.processes.embedded_image import EmbeddedImage


async def live(home: Path) -> bool:
    """One link, some work; whether the store took it."""
    async with Supervisor("tcp://127.0.0.1:5555", home=home, link=FakePeer(EmbeddedImage())) as supervisor:
        await supervisor.wait_for(State.CONNECTED)
        supervisor.context["work"] = [1]
        await supervisor.save()
        return supervisor.status().store_ok


def main(home: Path) -> None:
    asyncio.run(live(home))
    for session in (home / "sessions").iterdir():
        for generation in session.glob("context.*"):
            os.truncate(generation, 7)  # for the quarantine
    asyncio.run(live(home))
    for words in (["profiles", "add", "default"], ["profiles", "favourite", "default"]):
        command(["--home", str(home), *words])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
