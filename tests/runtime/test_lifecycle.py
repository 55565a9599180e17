from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor import ContextSaved, State, Supervisor, SupervisorError
from stui_supervisor.config import LAST_PUSH_S
from stui_supervisor.core.inputs import ContextChanged, Start, Stop
from stui_supervisor.runtime.driver import Driver
from stui_supervisor.runtime.lifecycle import Lifecycle
from stui_supervisor.testing import FakePeer
from tests.support.processes.embedded_image import EmbeddedImage
from tests.support.programs.driver_life import ENDPOINT, life
from tests.support.programs.scenes import Scene, scene
from tests.support.programs.watching import LIMIT_S, entering, open_descriptors, own_threads, until, until_now

MOMENTS = range(8)  # turns of the loop


async def stopping(there: Scene, turns: int = 1) -> asyncio.Task[None]:
    """A stop that is under way: it has work to save, which takes longer than these few turns."""
    there.supervisor.context["workspaces"] = list(range(1_000))
    stop = asyncio.create_task(there.supervisor.stop())
    for _ in range(turns):
        await asyncio.sleep(0)
    return stop


class Gate:
    """A disk that stops at the flush of this number until it is let go."""

    def __init__(self, number: int) -> None:
        self._left = number
        self._flush = os.fsync
        self.is_reached = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, descriptor: int) -> None:
        """Flush, in its turn."""
        if self._left == 0:
            self.is_reached.set()
            self.let_go.wait(LIMIT_S)
        self._left -= 1
        self._flush(descriptor)


async def test_a_start_waits_for_the_stop_that_is_under_way_and_goes_on_in_its_session(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        session_id = there.supervisor.status().session_id
        stop = await stopping(there)
        assert not stop.done()
        await there.supervisor.start()
        assert there.supervisor.state is not State.DISCONNECTED
        stream, waiting = there.supervisor.events(), there.supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        await stop
        assert await waiting is State.CONNECTED
        await entering(stream, State.CONNECTED)
        assert there.supervisor.status().session_id == session_id
        assert (await there.supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"


@pytest.mark.parametrize("turns", MOMENTS)
async def test_a_start_after_a_stop_that_was_cancelled_goes_on_in_its_session(turns: int, tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        session_id = there.supervisor.status().session_id
        stop = await stopping(there, turns)
        stop.cancel()
        await asyncio.wait([stop])
        await there.supervisor.start()
        await there.supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert there.supervisor.status().session_id == session_id
        assert dict(there.supervisor.context) == {"workspaces": list(range(1_000))}


@pytest.mark.parametrize("flushed", range(4))
async def test_what_is_changed_while_a_stop_is_under_way_is_saved(
    flushed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        gate = Gate(flushed)
        monkeypatch.setattr(os, "fsync", gate)
        stop = await stopping(there)
        await until(gate.is_reached.is_set)
        there.supervisor.context["last"] = "words"
        del there.supervisor.context["workspaces"]
        gate.let_go.set()
        await stop
        async with Supervisor(home=tmp_path, link=there.peer) as later:
            await later.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert dict(later.context) == {"last": "words"}


async def test_what_is_changed_in_the_turn_before_everything_is_given_back_is_saved(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        stop = await ending(there)
        there.supervisor.context["last"] = "words"
        await stop
        async with Supervisor(home=tmp_path, link=there.peer) as later:
            await later.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert dict(later.context) == {"last": "words"}


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_second_stop_returns_when_the_first_has_ended_everything(cancelled: bool, tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        first = await stopping(there)
        if cancelled:
            first.cancel()
        await there.supervisor.stop()
        assert own_threads() == []


async def test_of_a_start_and_a_stop_that_both_wait_the_later_call_wins(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        tasks = [await stopping(there)]
        for call in (there.supervisor.start, there.supervisor.stop):
            tasks.append(asyncio.create_task(call()))
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        assert (there.supervisor.state, own_threads()) == (State.DISCONNECTED, [])


async def test_two_starts_that_wait_begin_one_run(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        await stopping(there)
        stream = there.supervisor.events()
        await asyncio.gather(there.supervisor.start(), there.supervisor.start())
        assert (await entering(stream, State.RESTORING)).from_state is State.DISCONNECTED
        await entering(stream, State.CONNECTED)
        assert len(there.peer.links) == 2


async def test_a_start_that_is_cancelled_while_it_waits_begins_nothing(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        stop = await stopping(there)
        start = asyncio.create_task(there.supervisor.start())
        await asyncio.sleep(0)
        start.cancel()
        await asyncio.wait([start])
        await stop
        assert (there.supervisor.state, own_threads()) == (State.DISCONNECTED, [])


async def test_events_that_were_asked_for_while_a_run_ends_are_those_of_the_next_one(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        old = there.supervisor.events()
        stop = await stopping(there)
        new = there.supervisor.events()
        await stop
        await there.supervisor.start()
        await entering(new, State.CONNECTED)
        async with asyncio.timeout(LIMIT_S):
            assert [event async for event in old]


async def ending(there: Scene) -> asyncio.Task[None]:
    """A stop whose task is done, in the very turn in which nothing is given back yet."""
    stop = asyncio.create_task(there.supervisor.stop())
    lifecycle = there.supervisor._lifecycle
    async with asyncio.timeout(LIMIT_S):
        while lifecycle._ending is None or not lifecycle._ending.done():  # noqa: ASYNC110  # the very turn is wanted
            await asyncio.sleep(0)
    return stop


async def test_a_start_just_before_the_stop_gives_everything_back_is_not_undone_by_that(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        stop = await ending(there)
        await there.supervisor.start()
        await stop
        assert await there.supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S) is State.CONNECTED


async def test_a_start_and_a_stop_in_that_turn_are_a_run_of_their_own(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        stop = await ending(there)
        await there.supervisor.start()
        stream = there.supervisor.events()
        there.supervisor.context["last"] = "words"
        await there.supervisor.stop()
        await stop
        async with asyncio.timeout(LIMIT_S):
            assert [event async for event in stream if isinstance(event, ContextSaved)]


async def test_a_second_stop_in_that_turn_returns_when_everything_is_given_back(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        await ending(there)
        await there.supervisor.stop()
        assert own_threads() == []


async def test_what_is_changed_while_a_run_ends_is_told_to_its_driver_which_carries_out_what_follows() -> None:
    async with life() as one:
        lifecycle = Lifecycle(lambda _observers: one.driver)
        await lifecycle.start(Start(ENDPOINT))
        await one.rest()
        one.image.silent = True
        one.core.session.context["workspaces"] = 1
        stop = asyncio.create_task(lifecycle.stop())
        await asyncio.sleep(0)
        one.clock.hurries_s = LAST_PUSH_S
        assert lifecycle.tell(ContextChanged())
        assert not one.core.is_running
        assert not one.peer.links[-1].send(b"late", b"{}")
        await stop
        assert [session.owner for session in one.disk.sessions.values()] == [None]
        assert not lifecycle.tell(ContextChanged())


def test_a_stop_that_is_cancelled_with_everything_else_before_its_first_turn_leaves_no_thread(tmp_path: Path) -> None:
    async def live() -> None:
        supervisor = Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage()))
        await supervisor.start()
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        supervisor.context["workspaces"] = list(range(1_000))
        asyncio.create_task(supervisor.stop())  # noqa: RUF006  # it is found among all tasks
        await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    asyncio.run(live())
    until_now(lambda: own_threads() == [])


async def test_a_mistake_in_the_core_at_the_stop_is_told_and_everything_ends_all_the_same() -> None:
    async with life(start=False) as one:
        lifecycle = Lifecycle(lambda _observers: one.driver)
        await lifecycle.start(Start(ENDPOINT))
        one.core.mistake = Stop()
        await entering(one.stream, State.CONNECTED)
        with pytest.raises(ZeroDivisionError):
            await lifecycle.stop()
        await lifecycle.stop()
        assert one.given_back == ["all"]
        assert not one.peer.links[-1].send(b"late", b"{}")


CALLS: dict[str, Callable[[Supervisor], Coroutine[Any, Any, object]]] = {
    "start": lambda supervisor: supervisor.start(),
    "stop": lambda supervisor: supervisor.stop(),
    "connect": lambda supervisor: supervisor.connect(ENDPOINT),
    "disconnect": lambda supervisor: supervisor.disconnect(),
    "reconnect": lambda supervisor: supervisor.reconnect(),
    "wait_for": lambda supervisor: supervisor.wait_for(State.CONNECTED),
    "save": lambda supervisor: supervisor.save(),
    "request": lambda supervisor: supervisor.request("evaluate", {"code": "3 + 4"}),
}


@pytest.mark.parametrize("is_ending", [False, True])
def test_every_call_in_another_event_loop_is_refused_until_the_run_has_ended(is_ending: bool, tmp_path: Path) -> None:
    image = EmbeddedImage()
    supervisor = Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(image))

    async def link() -> None:
        await supervisor.start()
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        if is_ending:
            stop = asyncio.create_task(supervisor.stop())
            await asyncio.sleep(0)
            stop.cancel()
            await asyncio.wait([stop])

    async def call(name: str) -> None:
        await CALLS[name](supervisor)

    async def use() -> None:
        async with supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)

    with asyncio.Runner() as first:
        first.run(link())
        state = supervisor.state
        for name in CALLS:
            with pytest.raises(SupervisorError, match="another event loop"):
                asyncio.run(call(name))
        assert (supervisor.state, image.asked("evaluate")) == (state, [])
        first.run(supervisor.stop())
    asyncio.run(use())
    assert (supervisor.state, own_threads()) == (State.DISCONNECTED, [])


def test_a_change_after_the_end_of_the_event_loop_is_refused_as_nobody_would_save_it() -> None:
    program = f"""
import asyncio, tempfile
from stui_supervisor import Supervisor, SupervisorError
with tempfile.TemporaryDirectory() as home:
    supervisor = Supervisor("{ENDPOINT}", home=home)
    asyncio.run(supervisor.start())
    try:
        supervisor.context["workspaces"] = 1
    except SupervisorError as error:
        print(error.message, dict(supervisor.context))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=LIMIT_S)
    assert run.stdout == "the supervisor's event loop has ended {}\n"


def test_a_program_that_ends_in_the_middle_of_a_stop_leaves_nothing(tmp_path: Path) -> None:
    async def program() -> None:
        supervisor = Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage()))
        await supervisor.start()
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        stop = asyncio.create_task(supervisor.stop())
        await asyncio.sleep(0)
        stop.cancel()

    descriptors = open_descriptors()
    asyncio.run(program())
    until_now(lambda: not own_threads())  # the last save goes on without the loop
    assert open_descriptors() <= descriptors


async def test_a_stop_that_is_ended_from_outside_keeps_no_start_from_beginning(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        stop = await stopping(there, turns=3)
        (ending,) = [task for task in asyncio.all_tasks() if task.get_name() == "stui-stop"]
        ending.cancel()
        await asyncio.wait([stop])
        await there.supervisor.start()
        await there.supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)


async def test_a_stop_that_is_ended_from_outside_while_the_image_keeps_it_waiting_ends_the_link(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        there.image.silent = True
        stop = await stopping(there)
        (ending,) = [task for task in asyncio.all_tasks() if task.get_name() == "stui-stop"]
        ending.cancel()
        await asyncio.wait([stop])
        there.image.silent = False
        await there.supervisor.start()
        await there.supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert len(there.peer.links) == 2


def test_a_start_that_fails_is_tied_to_no_event_loop() -> None:
    def broken(_: object) -> Driver:
        raise ZeroDivisionError

    async def fails() -> None:
        with pytest.raises(ZeroDivisionError):
            await lifecycle.start(Start(ENDPOINT))

    lifecycle = Lifecycle(broken)
    for _ in range(2):
        asyncio.run(fails())
