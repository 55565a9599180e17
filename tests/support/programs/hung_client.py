"""A program with a supervisor whose keyring may hang: prints how long start, status and stop took.

Arguments: home, endpoint.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from stui_supervisor import State, Supervisor


async def _lives(home: str, endpoint: str) -> dict[str, float | str | bool]:
    supervisor = Supervisor(endpoint, home=home)
    began = time.monotonic()
    await supervisor.start()
    started = time.monotonic()
    await supervisor.wait_for(State.CONNECTED, State.RECOVERING)
    state, reached = supervisor.state, time.monotonic()
    supervisor.status()
    told = time.monotonic()
    await supervisor.stop()
    stopped = time.monotonic()
    times = {"start": started - began, "status": told - reached, "stop": stopped - told}
    return {**times, "state": state, "imported": "keyring" in sys.modules}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_lives(*sys.argv[1:]))), flush=True)  # noqa: T201  # to the test
