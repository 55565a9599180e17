"""A program that embeds a supervisor for a whole life: ``host_program.py KIND HOME ENDPOINT``.

It prints ``linked``, whereupon its backend has to restart, then ``back``, and at last ``done``. KIND is how it is run:
``plain``, ``blockbuster`` (a blocking call in the loop raises), ``anyio`` (in task groups, with cancel scopes around
waits that are cut off), or ``thread`` (by asyncio.run in a thread, beside a loop that runs).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Awaitable, Callable

import anyio
import blockbuster

from stui_supervisor import NotSent, State, Supervisor

LIMIT_S = 20.0
CUT_OFF_S = 0.2


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


async def life(home: str, endpoint: str, cut_off: Callable[[Supervisor], Awaitable[None]]) -> None:
    asyncio.get_running_loop().slow_callback_duration = LIMIT_S  # a busy machine is no complaint
    supervisor = Supervisor(endpoint, home=home)
    events = supervisor.events()
    async with supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        supervisor.context["workspaces"] = [{"name": "Main", "text": "3 + 4"}]
        await supervisor.save()
        await supervisor.request("evaluate", {"code": "3 + 4"})
        await cut_off(supervisor)
        await supervisor.reconnect()
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        gone = supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
        say("linked")
        await gone
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        say("back")
        await supervisor.disconnect()
        await supervisor.connect(endpoint)
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
    seen = [type(event).__name__ async for event in events]
    assert "Transition" in seen
    async with supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert supervisor.context["workspaces"][0]["text"] == "3 + 4"
    say("done")


async def with_asyncio(supervisor: Supervisor) -> None:
    try:
        async with asyncio.timeout(CUT_OFF_S):
            await supervisor.request("evaluate", {"code": "(Delay forSeconds: 1) wait"})
    except TimeoutError:
        return
    raise AssertionError("it was not cut off")


async def with_anyio(supervisor: Supervisor) -> None:
    with anyio.move_on_after(CUT_OFF_S) as scope:
        await supervisor.request("evaluate", {"code": "(Delay forSeconds: 1) wait"})
    assert scope.cancelled_caught
    with anyio.move_on_after(CUT_OFF_S) as scope:
        await supervisor.wait_for(State.DISCONNECTED)
    assert scope.cancelled_caught
    with contextlib.suppress(NotSent):  # the image is busy with the first one, unless this took long
        await supervisor.request("evaluate", {"code": "3 + 4"}, timeout=CUT_OFF_S)


async def in_task_group(home: str, endpoint: str) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(life, home, endpoint, with_anyio)


async def beside_a_thread(home: str, endpoint: str) -> None:
    failed: list[BaseException] = []

    def live() -> None:
        try:
            asyncio.run(life(home, endpoint, with_asyncio))
        except BaseException as error:  # noqa: BLE001  # it is raised again where it is seen
            failed.append(error)

    thread = threading.Thread(target=live)
    thread.start()
    while thread.is_alive():  # noqa: ASYNC110  # the end of a thread sets no event
        await asyncio.sleep(0.01)
    if failed:
        raise failed[0]


def main(kind: str, home: str, endpoint: str) -> None:
    match kind:
        case "blockbuster":
            with blockbuster.blockbuster_ctx():
                asyncio.run(life(home, endpoint, with_asyncio))
        case "anyio":
            anyio.run(in_task_group, home, endpoint)
        case "thread":
            asyncio.run(beside_a_thread(home, endpoint))
        case _:
            asyncio.run(life(home, endpoint, with_asyncio))


if __name__ == "__main__":
    main(*sys.argv[1:])
