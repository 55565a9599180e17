"""One program makes a supervisor while its last one is still ending: the work is there."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor import Settings, State, Supervisor
from stui_supervisor.testing import FakePeer, Reach
from tests.support.processes.embedded_image import EmbeddedImage
from tests.support.programs.scenes import ENDPOINT, scene
from tests.support.programs.watching import LIMIT_S, own_threads, until

WORK = list(range(1_000))
MOMENTS = range(6)  # turns of the loop after which the stop is cancelled

Stopping = Callable[[Supervisor, int], Coroutine[Any, Any, None]]


async def cancelled(supervisor: Supervisor, turns: int) -> None:
    stop = asyncio.create_task(supervisor.stop())
    for _ in range(turns):
        await asyncio.sleep(0)
    stop.cancel()
    await asyncio.wait([stop])


async def limited(supervisor: Supervisor, turns: int) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(supervisor.stop(), timeout=(turns + 1) / 1_000)


async def in_a_task(supervisor: Supervisor, turns: int) -> None:
    stop = asyncio.create_task(supervisor.stop())
    for _ in range(turns):
        await asyncio.sleep(0)
    stop.add_done_callback(lambda _: None)


@pytest.mark.parametrize("turns", MOMENTS)
@pytest.mark.parametrize("stop", [cancelled, limited, in_a_task])
async def test_a_new_object_has_the_work_of_the_one_that_is_ending(stop: Stopping, turns: int, tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path) as there:
        session_id = there.supervisor.status().session_id
        there.supervisor.context["workspaces"] = WORK
        await stop(there.supervisor, max(turns, 1) if stop is cancelled else turns)
        async with Supervisor(ENDPOINT, home=tmp_path, link=there.peer) as again:
            await again.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert (again.status().session_id, dict(again.context)) == (session_id, {"workspaces": WORK})


async def test_what_was_set_before_the_old_object_had_its_session_is_there_too(tmp_path: Path) -> None:
    old = Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage()))
    await old.start()
    old.context["workspaces"] = WORK
    await cancelled(old, 1)
    async with Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage())) as again:
        await again.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert dict(again.context) == {"workspaces": WORK}


async def test_one_that_ends_in_another_thread_is_waited_for_as_well(tmp_path: Path) -> None:
    asked = threading.Event()

    async def live() -> None:
        async with scene(State.CONNECTED, tmp_path) as there:
            there.image.silent = True  # the last push is waited for
            there.supervisor.context["workspaces"] = WORK
            stop = asyncio.create_task(there.supervisor.stop())
            await asyncio.sleep(0)
            asked.set()
            await stop

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    await until(asked.is_set)
    async with Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage())) as again:
        await again.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert dict(again.context) == {"workspaces": WORK}
    await until(lambda: not thread.is_alive())


async def test_two_that_live_side_by_side_have_a_session_each_and_wait_for_nothing(tmp_path: Path) -> None:
    settings = Settings(restore_timeout_s=LIMIT_S)
    async with scene(State.CONNECTED, tmp_path) as there:
        there.supervisor.context["workspaces"] = WORK
        await there.supervisor.save()
        async with Supervisor(ENDPOINT, home=tmp_path, link=there.peer, settings=settings) as other:
            await other.wait_for(State.CONNECTED, timeout=LIMIT_S / 3)
            assert other.status().session_id not in (None, there.supervisor.status().session_id)
    assert own_threads() == []


async def deletes_and_changes(home: Path, peer: FakePeer, *, pages: int) -> None:
    """Another object goes on with the session, and ends."""
    async with Supervisor(ENDPOINT, home=home, link=peer) as other:
        await other.wait_for(State.CONNECTED, timeout=LIMIT_S)
        for number in range(pages):
            del other.context[f"page {number}"]
        other.context["changed"] = "by the other"
        other.context["set again"] = "by the other"
        await other.save()


@pytest.mark.parametrize("pages", [1, 150])  # so many deletions are remembered together
@pytest.mark.parametrize("has_image", [True, False])
async def test_an_object_that_starts_again_has_what_another_has_made_of_its_work_since(
    has_image: bool, pages: int, tmp_path: Path
) -> None:
    peer = FakePeer(EmbeddedImage())
    one = Supervisor(ENDPOINT, home=tmp_path, link=peer)
    async with one:
        await one.wait_for(State.CONNECTED, timeout=LIMIT_S)
        one.context.update({f"page {number}": number for number in range(pages)})
        one.context.update({"changed": 1, "set again": 1})
    await deletes_and_changes(tmp_path, peer, pages=pages)
    one.context["set again"] = "since the stop"
    peer.reach = Reach.LISTENS if has_image else Reach.REFUSES
    async with one:
        if has_image:
            await one.wait_for(State.CONNECTED, timeout=LIMIT_S)
        await until(lambda: one.status().session_id is not None)
        assert dict(one.context) == {"changed": "by the other", "set again": "since the stop"}


@pytest.mark.parametrize("first", [0, 1])
async def test_each_of_two_that_start_again_has_its_own_session_whoever_stopped_last(
    first: int, tmp_path: Path
) -> None:
    peer = FakePeer(EmbeddedImage())
    both = [Supervisor(ENDPOINT, home=tmp_path, link=peer) for _ in range(2)]
    for number, one in enumerate(both):
        await one.start()
        await one.wait_for(State.CONNECTED, timeout=LIMIT_S)
        one.context["workspaces"] = number
        await one.save()
    ids = [one.status().session_id for one in both]
    for one in reversed(both):
        await one.stop()
    for number in (first, 1 - first):
        await both[number].start()
        await both[number].wait_for(State.CONNECTED, timeout=LIMIT_S)
    assert [one.status().session_id for one in both] == ids
    assert [dict(one.context) for one in both] == [{"workspaces": 0}, {"workspaces": 1}]
    for one in both:
        await one.stop()
