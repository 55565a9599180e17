"""What the supervision costs a program: at its import, and with each request; measured without coverage."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
import zmq
import zmq.asyncio

from stui_supervisor import State, Supervisor
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.config import DEFAULTS, RECORD_MAX_BYTES
from tests.support.core.world import HERE, World
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.plain_client import PlainClient
from tests.support.programs.figures import figures
from tests.support.programs.watching import LIMIT_S

ROUNDS = 300
MEASURES_MAX = 15
CODE = {"code": "3 + 4"}
LARGE_BYTES = 800_000
PUSH_MAX_S = 0.015


def import_s(module: str) -> float:
    code = f"import time; began = time.perf_counter(); import {module}; print(time.perf_counter() - began)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LIMIT_S)
    return float(done.stdout)


@pytest.mark.soak
def test_the_import_costs_at_most_half_as_much_again_as_that_of_zmq_asyncio() -> None:
    import_s("stui_supervisor")  # compiled by now
    ours, theirs = [import_s("stui_supervisor")], [import_s("zmq.asyncio")]
    while min(ours) > 1.5 * min(theirs) and len(ours) < MEASURES_MAX:  # a busy machine needs more to find the least
        ours.append(import_s("stui_supervisor"))
        theirs.append(import_s("zmq.asyncio"))
    assert min(ours) <= 1.5 * min(theirs)


@pytest.mark.soak
async def test_a_request_costs_little_more_than_on_a_bare_socket(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Of the same loop, and of none: a blocking REQ."""

    def blocking() -> float:
        with PlainClient(server.endpoint) as client:
            return median(seconds(lambda: client.result("evaluate", **CODE)) for _ in range(ROUNDS))

    async def lasting(ask: Callable[[], Awaitable[object]]) -> float:
        durations = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            await ask()
            durations.append(time.perf_counter() - began)
        return median(durations)

    async def bare() -> object:
        body = json.dumps({"id": "m1", "command": "evaluate", "parameters": CODE}).encode()
        await dealer.send_multipart([b"1", b"", body])
        return json.loads((await dealer.recv_multipart())[-1])

    async with BackendProcess() as server, Supervisor(server.endpoint, home=tmp_path) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        to_dealer, to_req = [], []
        with zmq.asyncio.Context() as context, context.socket(zmq.DEALER) as dealer:
            dealer.connect(server.endpoint)
            for _ in range(5):  # taken in turns, so that a machine that is busy for a moment is so for all
                ours = await lasting(lambda: supervisor.request("evaluate", CODE))
                to_dealer.append(ours / await lasting(bare))
                to_req.append(ours / await asyncio.to_thread(blocking))
    record_property("request / zmq.asyncio DEALER", figures(to_dealer))
    record_property("request / blocking REQ", figures(to_req))
    assert min(to_dealer) <= 1.3, to_dealer
    assert min(to_req) <= 2.0, to_req


@pytest.mark.soak
def test_a_save_costs_at_most_twice_the_system_calls_it_is_made_of(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    store = FileSessionStore(tmp_path / "sessions")
    claimed = store.claim("default")
    record = replace(claimed.record, status={"last_error": "x" * 3_000})  # a page, as much as a record may have
    content = b"x" * RECORD_MAX_BYTES
    ratios = []
    for _ in range(5):  # taken in turns, as above
        floor_s = median(seconds(lambda: whole_file(tmp_path, content)) for _ in range(ROUNDS))
        save_s = median(seconds(lambda: store.save_record(claimed.session_id, record)) for _ in range(ROUNDS))
        ratios.append(save_s / floor_s)
    record_property("save / floor", figures(ratios))
    assert min(ratios) <= 2.0, ratios


def test_a_large_context_is_pushed_without_holding_up_the_loop(record_property: Callable[[str, object], None]) -> None:
    world = World()
    world.start(HERE)
    world.loaded()
    world.link()
    pushed_s: list[float] = []
    for _ in range(5):  # the least, because a machine that is busy holds up everything
        for number in range(20):
            world.context[f"section {number}"] = {"text": '3 + 4. "e"\n' * 3_000, "number": len(pushed_s)}
        pushed_s.append(seconds(lambda: world.wait(2 * DEFAULTS.share_delay_s)))
        assert len(world.last_send.body) > LARGE_BYTES
        world.answer()
    record_property("push of 900 KB (s)", figures(pushed_s))
    assert min(pushed_s) <= PUSH_MAX_S


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def whole_file(directory: Path, content: bytes) -> None:
    """What no save can do without: write, flush, rename, flush the directory."""
    temporary = directory / "floor.tmp"
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(directory / "floor")
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
