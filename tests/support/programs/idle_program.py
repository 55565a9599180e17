"""A client program that keeps links and does nothing else: ``idle_program.py HOME STATE SECONDS ENDPOINT…``.

It has a link to each endpoint, and each of them is in that state.

Prints a JSON line when the links have settled, and one after each quarter of the time, each with the monotonic
time (``at_s``), the processor time used so far (``cpu_s``, libzmq's thread included), the memory in use
(``memory_bytes``) and what went over the host's wires so far (``wire_bytes``, both ways, with all headers).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

from stui_supervisor import State, Supervisor

_LIMIT_S = 30.0
_SETTLED_S = 2.0  # the first saves and heartbeats are over
QUARTERS = 4
_KIB = 1024


def memory_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) * _KIB


def wire_bytes() -> int:
    wires = [wire for wire in Path("/sys/class/net").iterdir() if wire.name != "lo"]
    return sum(int((wire / "statistics" / f"{way}_bytes").read_text()) for wire in wires for way in ("rx", "tx"))


def say() -> None:
    now = {
        "at_s": time.monotonic(),
        "cpu_s": time.process_time(),
        "memory_bytes": memory_bytes(),
        "wire_bytes": wire_bytes(),
    }
    sys.stdout.write(json.dumps(now) + "\n")
    sys.stdout.flush()


async def main(home: str, state: State, seconds: float, endpoints: list[str]) -> None:
    async with AsyncExitStack() as stack:
        for number, endpoint in enumerate(endpoints):
            supervisor = await stack.enter_async_context(Supervisor(endpoint, home=f"{home}/{number}"))
            await supervisor.wait_for(state, timeout=_LIMIT_S)
        await asyncio.sleep(_SETTLED_S)
        say()
        for _ in range(QUARTERS):
            await asyncio.sleep(seconds / QUARTERS)
            say()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], State(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]))
