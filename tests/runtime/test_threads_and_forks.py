"""A supervisor that is used from another thread, another event loop or a forked child."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import os
import pickle
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor import State, Supervisor, SupervisorError
from stui_supervisor.testing import FakePeer
from tests.support.processes.embedded_image import EmbeddedImage
from tests.support.programs.watching import LIMIT_S

ENDPOINT = "tcp://127.0.0.1:5555"
LATER = {"work": 1}
NEEDS_FORK = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")


async def anext_of(supervisor: Supervisor) -> object:
    """The next event, of a reader that hurries it."""
    stream = supervisor.events()
    await supervisor.reconnect()
    return await anext(stream)


COROUTINES: dict[str, Callable[[Supervisor], Coroutine[Any, Any, object]]] = {
    "wait_for": lambda supervisor: supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S),
    "request": lambda supervisor: supervisor.request("evaluate", {"code": "3 + 4"}),
    "save": lambda supervisor: supervisor.save(),
    "events": anext_of,
    "reconnect": lambda supervisor: supervisor.reconnect(),
    "connect": lambda supervisor: supervisor.connect(ENDPOINT),
    "disconnect": lambda supervisor: supervisor.disconnect(),
    "start": lambda supervisor: supervisor.start(),
    "stop": lambda supervisor: supervisor.stop(),
}
PLAIN: dict[str, Callable[[Supervisor], object]] = {
    "status": lambda supervisor: supervisor.status(),
    "events": lambda supervisor: supervisor.events(),
    "assigning": lambda supervisor: supervisor.context.update(work=2),
    "deleting": lambda supervisor: supervisor.context.pop("work"),
}


@contextmanager
def loop_in_a_thread() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(LIMIT_S)
        loop.close()


def started(supervisor: Supervisor, loop: asyncio.AbstractEventLoop) -> None:
    in_loop(supervisor.start(), loop)
    in_loop(supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S), loop)


def in_loop(coroutine: Coroutine[Any, Any, object], loop: asyncio.AbstractEventLoop) -> object:
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result(LIMIT_S)


@pytest.mark.parametrize("name", COROUTINES)
def test_every_coroutine_can_be_handed_to_the_loop_from_another_thread(name: str, tmp_path: Path) -> None:
    supervisor = Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage()))
    with loop_in_a_thread() as loop:
        started(supervisor, loop)
        in_loop(COROUTINES[name](supervisor), loop)
        in_loop(supervisor.stop(), loop)


def test_a_wait_that_is_handed_to_the_loop_before_the_start_listens_from_its_first_step(tmp_path: Path) -> None:
    supervisor = Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage()))
    with loop_in_a_thread() as loop:
        waiting = asyncio.run_coroutine_threadsafe(supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S), loop)
        in_loop(supervisor.start(), loop)
        assert waiting.result(LIMIT_S) is State.CONNECTED
        in_loop(supervisor.stop(), loop)


@pytest.mark.parametrize("name", PLAIN)
def test_another_thread_is_refused_and_changes_nothing(name: str, tmp_path: Path) -> None:
    supervisor = Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage()))
    supervisor.context.update(LATER)
    with loop_in_a_thread() as loop:
        started(supervisor, loop)
        with pytest.raises(SupervisorError, match="runs in another thread") as caught:
            PLAIN[name](supervisor)
        assert (dict(supervisor.context), supervisor.state) == (LATER, State.CONNECTED)
        in_loop(supervisor.stop(), loop)
    assert "run_coroutine_threadsafe" in str(caught.value.hint)
    PLAIN[name](supervisor)  # it runs nowhere now


def test_a_stream_is_read_only_where_it_is_filled(tmp_path: Path) -> None:
    supervisor = Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage()))
    stream = supervisor.events()

    async def read() -> None:
        await anext(stream)

    with loop_in_a_thread() as loop:
        started(supervisor, loop)
        with pytest.raises(SupervisorError, match="another event loop"):
            asyncio.run(read())
        in_loop(supervisor.stop(), loop)


def in_child(work: Callable[[], object]) -> Any:
    """What ``work`` gives in a forked child, as JSON."""
    here, there = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            told = json.dumps(work())
        except BaseException as error:  # noqa: BLE001  # whatever it is, the parent says it
            told = json.dumps(f"{type(error).__name__}: {error}")
        os.write(there, told.encode())
        os._exit(0)
    os.close(there)
    with os.fdopen(here, "rb") as pipe:
        told_by_child = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(told_by_child)


@NEEDS_FORK
@pytest.mark.parametrize("name", PLAIN)
async def test_a_forked_child_is_refused_what_the_parent_runs(name: str, tmp_path: Path) -> None:
    async with Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage())) as supervisor:
        supervisor.context.update(LATER)
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        told = in_child(lambda: PLAIN[name](supervisor))
        assert told.startswith(f"SupervisorError: the supervisor was started by another process ({os.getpid()})")
        assert dict(supervisor.context) == LATER
        assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"


@NEEDS_FORK
async def test_a_forked_child_leaves_the_parents_block_by_the_error_that_ends_it(tmp_path: Path) -> None:
    leaving: dict[str, Any] = {}

    def leave(error: BaseException | None) -> object:
        with pytest.raises(StopIteration):  # nothing in it waits for anything
            supervisor.__aexit__(type(error) if error else None, error, None).send(None)
        return "left"

    async with Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage())) as supervisor:
        leaving["by an exit"] = in_child(lambda: leave(SystemExit(7)))
        leaving["at its end"] = in_child(lambda: leave(None))
    assert leaving.pop("by an exit") == "left"
    assert leaving.pop("at its end").startswith("SupervisorError: the supervisor was started by another process")


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickle.dumps], ids=lambda each: each.__name__)
async def test_a_supervisor_is_not_copied_and_lives_on(again: Callable[[object], object], tmp_path: Path) -> None:
    async with Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage())) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        with pytest.raises(TypeError, match=r"^a Supervisor cannot be copied or pickled: make another one$"):
            again(supervisor)
        gc.collect()
        assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"


@NEEDS_FORK
def test_what_was_made_before_a_fork_is_the_childs_that_starts_it(tmp_path: Path) -> None:
    image = EmbeddedImage()
    supervisor = Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(image))

    async def live() -> list[object]:
        async with supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            await supervisor.request("evaluate", {"code": "3 + 4"})
            (asked,) = [request.id for request in image.executed if request.command == "evaluate"]
            return [supervisor.status().pid == os.getpid(), asked]

    def child(work: str) -> list[object]:
        supervisor.context["work"] = work
        (section,) = supervisor.context.sections().values()
        return [section.writer, *asyncio.run(live())]

    first, second = (in_child(partial(child, work)) for work in ("first", "second"))
    assert (first.pop(1), second.pop(1)) == (True, True)
    assert [of_one for of_one, of_other in zip(first, second, strict=True) if of_one == of_other] == []
    assert (supervisor.status().pid, supervisor.state) == (os.getpid(), State.DISCONNECTED)
