"""A small client: evaluates each line that is typed, and keeps the lines over restarts of either side.

    python examples/workspace.py tcp://127.0.0.1:5555

Kill it, or the backend, and start it again without an address: the lines are there, and so is the link.
An empty line or Ctrl-C ends it.
"""

from __future__ import annotations

import asyncio
import sys
import threading

from stui_supervisor import RequestError, State, Supervisor


def typed_lines() -> asyncio.Queue[str]:
    """Read stdin in a daemon thread: unlike ``asyncio.to_thread``, it does not hold up the end of the program."""
    loop, lines = asyncio.get_running_loop(), asyncio.Queue[str]()

    def read() -> None:
        while line := sys.stdin.readline().strip():
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    return lines


async def main(endpoint: str | None) -> None:
    async with Supervisor(endpoint, profile="workspace-example") as supervisor:
        await supervisor.wait_for(State.CONNECTED)  # the lines of last time are there by then
        typed = typed_lines()
        while line := await typed.get():
            lines = supervisor.context.get("lines", [])
            supervisor.context["lines"] = [*lines, line]
            try:
                answer = await supervisor.request("evaluate", {"code": line})
            except RequestError as error:  # says whether the code ran, did not run, or may have
                print(error)
            else:
                print(f"{len(lines) + 1}: {answer['result']}")


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
    except KeyboardInterrupt:
        sys.exit(130)
