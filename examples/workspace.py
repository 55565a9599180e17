"""A small client: evaluates each line that is typed, and keeps the lines over restarts of either side.

    python examples/workspace.py tcp://127.0.0.1:5555

Kill it, or the backend, and start it again without an address: the lines are there, and so is the link.
What becomes of the link is told on stderr. An empty line or Ctrl-C ends it.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator

from stui_supervisor import Event, Problem, RequestError, State, Supervisor, Transition


def typed_lines() -> asyncio.Queue[str]:
    """Read stdin in a daemon thread: unlike ``asyncio.to_thread``, it does not hold up the end of the program."""
    loop, lines = asyncio.get_running_loop(), asyncio.Queue[str]()

    def read() -> None:
        while line := sys.stdin.readline().strip():
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    return lines


async def tell(events: AsyncIterator[Event]) -> None:
    """Say which state the link is in, and why, until the supervisor stops."""
    async for event in events:
        if isinstance(event, Transition):
            print(f"[{event.to_state}] {event.reason}", file=sys.stderr)
        elif isinstance(event, Problem):
            print(f"[problem] {event.message}: {event.hint}", file=sys.stderr)


async def work(supervisor: Supervisor) -> str | None:
    """Evaluate what is typed; why it cannot, where nobody will ever link by itself."""
    state = await supervisor.wait_for(State.CONNECTED, State.DISCONNECTED)
    if state is State.DISCONNECTED:  # no address is known, or a person is needed first
        return f"No link is wanted, so this ends: {supervisor.status().last_error}"
    typed = typed_lines()
    while line := await typed.get():
        lines = supervisor.context.get("lines", [])  # those of last time are there since it is connected
        supervisor.context["lines"] = [*lines, line]
        try:
            answer = await supervisor.request("evaluate", {"code": line})
        except RequestError as error:  # says whether the code ran, did not run, or may have
            print(error)
        else:
            print(f"{len(lines) + 1}: {answer['result']}")
    return None


async def main(endpoint: str | None) -> str | None:
    supervisor = Supervisor(endpoint, profile="workspace-example")
    telling = asyncio.create_task(tell(supervisor.events()))
    async with supervisor:
        ending = await work(supervisor)
    await telling  # which ends with the supervisor
    return ending


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None)))
    except KeyboardInterrupt:
        sys.exit(130)
