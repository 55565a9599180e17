"""A client as a program of its own: tells on stdout what its supervisor does, obeys words on stdin.

``client_program.py HOME [ENDPOINT]`` prints one JSON line for each transition and each reply, with the
monotonic time ``at`` which it was known; on Linux all processes share that clock.
A line on stdin is a JSON list: ``["set", name, value]``, ``["eval", code]``, ``["disconnect"]`` or ``["stop"]``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from typing import Any

from stui_supervisor import RequestError, State, Supervisor, Transition


def say(**fields: Any) -> None:
    sys.stdout.write(json.dumps({**fields, "at": time.monotonic()}) + "\n")
    sys.stdout.flush()


async def tell(supervisor: Supervisor, endpoint: str | None) -> None:
    async for event in supervisor.events():
        if isinstance(event, Transition):
            status = supervisor.status()
            say(
                state=event.to_state,
                reason=event.reason,
                endpoint=status.endpoint or endpoint,
                verdict=status.backend_verdict,
                session=status.session_id,
                context=dict(supervisor.context),
                last_error=status.last_error,
            )


async def obey(supervisor: Supervisor, word: str, *rest: Any) -> None:
    match word:
        case "set":
            supervisor.context[rest[0]] = rest[1]
            await supervisor.save()
            say(saved=rest[0])
        case "eval":
            try:
                say(answer=await supervisor.request("evaluate", {"code": rest[0]}))
            except RequestError as error:
                say(failed=type(error).__name__)
        case "disconnect":
            await supervisor.disconnect()
            say(disconnected=supervisor.state is State.DISCONNECTED)


async def main(home: str, endpoint: str | None = None) -> None:
    supervisor = Supervisor(endpoint, home=home)
    words: asyncio.Queue[list[Any]] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(words.put_nowait, json.loads(line))

    telling = asyncio.create_task(tell(supervisor, endpoint))
    await asyncio.sleep(0)  # it has subscribed
    threading.Thread(target=read, daemon=True).start()
    async with supervisor:
        while (words_of_one := await words.get()) != ["stop"]:
            await obey(supervisor, *words_of_one)
    await telling


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
