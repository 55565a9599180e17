"""Each public call before the start, in a run, and after the stop; ``tests/core`` tries them in each state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor import (
    ConfigurationError,
    NotSent,
    State,
    Status,
    StoreError,
    Supervisor,
    SupervisorError,
    Transition,
    Trigger,
)
from stui_supervisor.testing import Reach
from tests.support.programs.scenes import ENDPOINT, NEW, SCENES, STOPPED, scene
from tests.support.programs.watching import LIMIT_S, entering, open_descriptors, own_threads, queued, until

T = Trigger
OTHER = "tcp://127.0.0.1:6666"
RUNNING = [name for name in SCENES if name not in (NEW, STOPPED)]
Call = Callable[[Supervisor], Awaitable[None]]

CALLS: dict[str, Call] = {
    "start": lambda supervisor: supervisor.start(),
    "stop": lambda supervisor: supervisor.stop(),
    "connect": lambda supervisor: supervisor.connect(OTHER),
    "disconnect": lambda supervisor: supervisor.disconnect(),
    "reconnect": lambda supervisor: supervisor.reconnect(),
}
# The triggers that a call fires before it returns, or what it raises.
Expected = list[Trigger] | type[SupervisorError]
TABLE: dict[str, dict[str, Expected]] = {
    NEW: {
        "start": [T.RESTORE],
        "stop": [],
        "connect": SupervisorError,
        "disconnect": SupervisorError,
        "reconnect": SupervisorError,
    },
    State.RESTORING: {
        "start": [],
        "stop": [T.STOP],
        "connect": [T.CONNECT],
        "disconnect": [T.DISCONNECT],
        "reconnect": [],
    },
    State.CONNECTED: {
        "start": [],
        "stop": [T.STOP],
        "connect": [T.CONNECT],
        "disconnect": [T.DISCONNECT],
        "reconnect": [T.LINK_LOST],
    },
}
TABLE[STOPPED] = TABLE[NEW]
EACH_TIME = pytest.mark.parametrize("name", [NEW, State.CONNECTED, STOPPED])


@pytest.mark.parametrize(("name", "call"), [(name, call) for name in TABLE for call in CALLS])
async def test_a_call_fires_what_the_table_says_at_once(name: str, call: str, tmp_path: Path) -> None:
    expected = TABLE[name][call]
    async with scene(name, tmp_path) as there:
        before = there.supervisor.state
        stream = there.supervisor.events()
        if isinstance(expected, type):
            with pytest.raises(expected):
                await CALLS[call](there.supervisor)
            assert there.supervisor.state is before
        else:
            await CALLS[call](there.supervisor)
            assert [event.trigger for event in queued(stream) if isinstance(event, Transition)] == expected


@EACH_TIME
async def test_a_malformed_endpoint_changes_nothing(name: str, tmp_path: Path) -> None:
    async with scene(name, tmp_path) as there:
        stream = there.supervisor.events()
        with pytest.raises(SupervisorError):
            await there.supervisor.connect("tcp://127.0.0.1:99999")
        assert queued(stream) == []


async def test_reconnect_while_waiting_tries_now(tmp_path: Path) -> None:
    async with scene(State.RECOVERING, tmp_path) as there:
        tried = len(there.peer.links)
        assert there.supervisor.status().next_attempt_in_s is not None
        await there.supervisor.reconnect()
        assert there.supervisor.status().next_attempt_in_s is None  # it has begun
        await until(lambda: len(there.peer.links) > tried)  # once the profile was looked at


@pytest.mark.parametrize("name", [State.CONNECTED, State.DEGRADED, State.RECOVERING])
async def test_a_request_is_answered_where_there_is_a_link_and_certainly_not_sent_elsewhere(
    name: str, tmp_path: Path
) -> None:
    async with scene(name, tmp_path) as there:
        request = there.supervisor.request("evaluate", {"code": "3 + 4"}, timeout=0.05)
        if name == State.CONNECTED:
            assert (await request)["result"] == "7"
            return
        with pytest.raises(NotSent):
            await request
        assert "3 + 4" not in [asked["code"] for asked in there.image.asked("evaluate")]


@pytest.mark.parametrize("name", [NEW, State.DISCONNECTED, STOPPED])
async def test_without_a_wish_for_a_link_a_request_is_refused_at_once(name: str, tmp_path: Path) -> None:
    async with scene(name, tmp_path) as there:
        with pytest.raises(NotSent):
            await there.supervisor.request("evaluate", {"code": "3 + 4"})


@EACH_TIME
async def test_a_request_that_cannot_be_is_refused_whether_it_runs_or_not(name: str, tmp_path: Path) -> None:
    wrong: list[tuple[str, dict[str, Any], float | None]] = [
        ("", {}, None),
        ("evaluate", {"code": object()}, None),
        ("evaluate", {"code": float("nan")}, None),
        ("evaluate", {"code": "x" * 10_000_001}, None),
        ("evaluate", {}, 0),
        ("evaluate", {}, -1),
        ("evaluate", {}, float("nan")),
    ]
    async with scene(name, tmp_path) as there:
        for command, parameters, timeout_s in wrong:
            with pytest.raises(ConfigurationError):
                await there.supervisor.request(command, parameters, timeout=timeout_s)
        assert there.supervisor.status().waiting_requests == 0


@pytest.mark.parametrize("name", [NEW, State.RESTORING, State.DISCONNECTED, State.CONNECTED, STOPPED])
async def test_saving_returns_once_it_is_on_disk_or_says_why_not(name: str, tmp_path: Path) -> None:
    async with scene(name, tmp_path) as there:
        there.supervisor.context["workspaces"] = [1]
        if name in (NEW, STOPPED):
            with pytest.raises(StoreError):
                await there.supervisor.save()
            return
        await there.supervisor.save()
        assert there.supervisor.status().context_saved_at is not None
        await there.supervisor.stop()
    async with Supervisor(home=tmp_path, link=there.peer) as again:
        await again.wait_for(State.CONNECTING, State.DISCONNECTED, timeout=LIMIT_S)
        assert dict(again.context) == {"workspaces": [1]}


@pytest.mark.parametrize("name", [NEW, State.DISCONNECTED, State.CONNECTED, STOPPED])
async def test_waiting_for_a_link_says_what_is(name: str, tmp_path: Path) -> None:
    async with scene(name, tmp_path) as there:
        waiting = there.supervisor.wait_for(State.CONNECTED, timeout=0.02)
        if name == State.CONNECTED:
            assert await waiting is State.CONNECTED
            return
        with pytest.raises(SupervisorError if name == STOPPED else TimeoutError):
            await waiting


@EACH_TIME
async def test_waiting_for_the_present_state_returns_it(name: str, tmp_path: Path) -> None:
    async with scene(name, tmp_path) as there:
        state = there.supervisor.state
        assert await there.supervisor.wait_for(state) is state
        assert await there.supervisor.wait_for(*State) is state
        with pytest.raises(ConfigurationError):
            await there.supervisor.wait_for()


@EACH_TIME
async def test_the_context_and_the_status_can_always_be_read(name: str, tmp_path: Path) -> None:
    async with scene(name, tmp_path) as there:
        there.supervisor.context["inspector"] = {"open": True}
        assert dict(there.supervisor.context) == {"inspector": {"open": True}}
        del there.supervisor.context["inspector"]
        assert dict(there.supervisor.context) == {}
        status = there.supervisor.status()
        assert isinstance(status, Status)
        expected = State.DISCONNECTED if name in (NEW, STOPPED) else State(name)
        assert (status.state, there.supervisor.state) == (expected, expected)
        assert repr(there.supervisor).startswith(f"<Supervisor {expected} ")


@pytest.mark.parametrize("name", RUNNING)
async def test_stop_ends_within_a_second_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    tasks, descriptors = asyncio.all_tasks(), open_descriptors()
    async with scene(name, tmp_path) as there:
        there.supervisor.context["workspaces"] = ["unsaved"]
        stream = there.supervisor.events()
        async with asyncio.timeout(1):
            await there.supervisor.stop()
        async with asyncio.timeout(1):
            assert [event async for event in stream]
    assert own_threads() == []
    assert asyncio.all_tasks() == tasks
    assert open_descriptors() <= descriptors


@pytest.mark.parametrize("name", RUNNING)
async def test_after_a_stop_it_can_be_started_again(name: str, tmp_path: Path) -> None:
    async with scene(name, tmp_path) as there:
        there.supervisor.context["workspaces"] = ["mine"]
        await there.supervisor.stop()
        there.image.silent, there.peer.reach = False, Reach.LISTENS
        stream = there.supervisor.events()
        await there.supervisor.start()
        await entering(stream, State.CONNECTED)
        assert dict(there.supervisor.context) == {"workspaces": ["mine"]}
        assert there.supervisor.status().endpoint == ENDPOINT
        assert (await there.supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"
