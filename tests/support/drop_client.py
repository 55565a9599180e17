"""A client in a network of its own: says when it is connected, when it found the drop, and when it was answered again.

After each line it waits for one on its standard input, which says that what it waits for has been done.
"""

from __future__ import annotations

import asyncio
import sys
import time

from stui_supervisor import State, Supervisor

_LIMIT_S = 30.0


async def main(endpoint: str, home: str) -> None:
    async with Supervisor(endpoint, home=home) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=_LIMIT_S)
        began = await told("connected")
        await supervisor.wait_for(State.RECOVERING, timeout=_LIMIT_S)
        began = await told(f"recovering {time.monotonic() - began:.2f}")
        await supervisor.request("ping", timeout=_LIMIT_S)
        await told(f"replied {time.monotonic() - began:.2f}")


async def told(line: str) -> float:
    """Say it; returns when the other side has done its part, with the time of that."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    return time.monotonic()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
