"""The backend goes and comes back: the link with it, nothing run twice, nothing lost silently."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

from stui_supervisor import (
    BackendVerdict,
    NotSent,
    OutcomeUnknown,
    SessionSwitched,
    Settings,
    State,
    Supervisor,
    Trigger,
)
from stui_supervisor.backend import BackendSettings
from tests.support.processes.backend_process import BackendProcess
from tests.support.programs.figures import figures
from tests.support.programs.watching import LIMIT_S, entering, next_of, until

WORK = {"workspaces": [{"name": "Main", "text": "3 + 4", "cursor": [1, 6]}]}


def backend(tmp_path: Path, **settings: object) -> BackendProcess:
    given = {"bind": "tcp://127.0.0.1:*", "executed_log": tmp_path / "executed", **settings}
    return BackendProcess(BackendSettings(**given))  # type: ignore[arg-type]  # a test's own words


async def connected(supervisor: Supervisor) -> None:
    assert await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S) is State.CONNECTED


async def back_in_use_after(supervisor: Supervisor, server: BackendProcess, away_s: float) -> float:
    """Seconds from the backend's listening line to the first reply, after it was away for so long."""
    stream = supervisor.events()
    server.kill()
    await entering(stream, State.RECOVERING)
    await asyncio.sleep(away_s)
    answer = asyncio.create_task(supervisor.request("get_session_statistics", timeout=LIMIT_S))

    def start() -> float:
        server.start()
        return time.monotonic()

    listening = await asyncio.to_thread(start)
    await answer
    return time.monotonic() - listening


async def test_a_backend_that_restarts_is_back_in_use_at_once(tmp_path: Path) -> None:
    async with backend(tmp_path) as server, Supervisor(server.endpoint, home=tmp_path / "home") as supervisor:
        await connected(supervisor)
        durations = [await back_in_use_after(supervisor, server, away_s=0.2) for _ in range(5)]
    assert median(durations) <= 0.5, durations


@pytest.mark.soak
async def test_ten_restarts_in_a_row_are_each_back_in_use_at_once(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """However old the outage is that they make together."""
    async with backend(tmp_path) as server, Supervisor(server.endpoint, home=tmp_path / "home") as supervisor:
        await connected(supervisor)
        await back_in_use_after(supervisor, server, away_s=30.0)
        durations = [await back_in_use_after(supervisor, server, away_s=1.0) for _ in range(10)]
    record_property("from listening to a reply (s)", figures(durations))
    assert (median(durations) <= 0.050, max(durations) <= 0.200) == (True, True), durations


async def test_in_an_old_outage_a_backend_is_back_in_use_as_soon(tmp_path: Path) -> None:
    settings = Settings(quick_retry_s=0.1)
    async with (
        backend(tmp_path) as server,
        Supervisor(server.endpoint, home=tmp_path / "home", settings=settings) as supervisor,
    ):
        await connected(supervisor)
        durations = [await back_in_use_after(supervisor, server, away_s=0.3) for _ in range(10)]
        assert supervisor.status().attempt == 0
    assert median(durations) <= 0.1, durations


@pytest.mark.parametrize(
    ("tries", "away_s", "limit_s"),
    [
        (3, 3.0, 0.100),
        pytest.param(20, 3.0, 0.050, marks=pytest.mark.soak),
        pytest.param(20, 60.0, 0.050, marks=pytest.mark.soak),
    ],
)
async def test_a_backend_that_was_away_for_a_while_is_back_in_use_at_once(
    tmp_path: Path, tries: int, away_s: float, limit_s: float, record_property: Callable[[str, object], None]
) -> None:
    """The median of a few tries beside other tests is allowed more."""
    durations = []
    async with backend(tmp_path) as server:
        for number in range(tries):
            # Each with a supervisor of its own: one outage after the other would be one long one.
            async with Supervisor(server.endpoint, home=tmp_path / f"{number}") as supervisor:
                await connected(supervisor)
                durations.append(await back_in_use_after(supervisor, server, away_s=away_s))
    record_property("from listening to a reply (s)", figures(durations))
    assert median(durations) <= limit_s, durations


async def test_a_backend_that_kept_the_session_is_resumed(tmp_path: Path) -> None:
    async with (
        backend(tmp_path, state_file=tmp_path / "state") as server,
        Supervisor(server.endpoint, home=tmp_path / "home") as supervisor,
    ):
        await connected(supervisor)
        supervisor.context.update(WORK)
        assert supervisor.status().backend_verdict is BackendVerdict.UNKNOWN
        stream = supervisor.events()
        await server.arestart()
        assert (await entering(stream, State.CONNECTED)).trigger is Trigger.ESTABLISHED
        assert supervisor.status().backend_verdict is BackendVerdict.RESUMED
        assert dict(supervisor.context) == WORK


async def test_a_backend_that_lost_the_session_gets_it_again_with_the_work(tmp_path: Path) -> None:
    async with backend(tmp_path) as server, Supervisor(server.endpoint, home=tmp_path / "home") as supervisor:
        await connected(supervisor)
        supervisor.context.update(WORK)
        stream = supervisor.events()
        await server.arestart()
        await entering(stream, State.CONNECTED)
        assert supervisor.status().backend_verdict is BackendVerdict.RESTARTED
        assert dict(supervisor.context) == WORK
        (pushed,) = [line["parameters"] for line in server.executed() if line["command"] == "update_session_state"]
        held = await supervisor.request("load_context", {"session_id": pushed["session_id"]})
        assert held["context"]["workspaces"] == WORK["workspaces"]


async def test_another_image_gets_its_own_session_and_the_first_ones_work_waits(tmp_path: Path) -> None:
    async with (
        backend(tmp_path, image_id="Pharo 12.0") as server,
        Supervisor(server.endpoint, home=tmp_path / "home") as supervisor,
    ):
        await connected(supervisor)
        supervisor.context.update(WORK)
        first_session = supervisor.status().session_id
        stream = supervisor.events()
        other = backend(tmp_path, image_id="Pharo 13.0", bind=server.endpoint)
        server.kill()
        async with other:
            switched = await next_of(stream, SessionSwitched)
            assert dict(supervisor.context) == {}
            await entering(stream, State.CONNECTED)
            assert switched.image_id == supervisor.status().image_id == "Pharo 13.0"
            assert switched.session_id == supervisor.status().session_id != first_session
            assert supervisor.status().backend_verdict is BackendVerdict.DIFFERENT_IMAGE
            supervisor.context["other"] = "work"
        await asyncio.to_thread(server.start)
        await next_of(stream, SessionSwitched)
        await entering(stream, State.CONNECTED)
        assert dict(supervisor.context) == WORK
        assert supervisor.status().session_id == first_session


async def test_what_runs_when_the_backend_dies_is_unknown_and_never_run_twice(tmp_path: Path) -> None:
    code = "(Delay forSeconds: 30) wait"
    async with backend(tmp_path) as server, Supervisor(server.endpoint, home=tmp_path / "home") as supervisor:
        await connected(supervisor)
        running = asyncio.create_task(supervisor.request("evaluate", {"code": code}))
        waiting = asyncio.create_task(supervisor.request("evaluate", {"code": "3 + 4"}))
        await until(lambda: code in server.executed_codes())
        await server.arestart()
        with pytest.raises(OutcomeUnknown):
            await running
        assert (await waiting)["result"] == "7"  # it was certainly not sent: it waits for the next link
        assert supervisor.state is State.CONNECTED
        assert server.executed_codes() == [code, "3 + 4"]


async def test_a_repeatable_request_survives_the_death_of_the_backend(tmp_path: Path) -> None:
    code = "(Delay forSeconds: 1) wait"
    async with backend(tmp_path) as server, Supervisor(server.endpoint, home=tmp_path / "home") as supervisor:
        await connected(supervisor)
        running = asyncio.create_task(supervisor.request("evaluate", {"code": code}, repeatable=True, timeout=LIMIT_S))
        await until(lambda: code in server.executed_codes())
        await server.arestart()
        assert (await running)["result_type"] == "Delay"
        assert server.executed_codes() == [code, code]


async def test_a_request_without_a_timeout_waits_a_while_for_the_backend_to_come_back(tmp_path: Path) -> None:
    async with (
        backend(tmp_path) as server,
        Supervisor(server.endpoint, home=tmp_path / "home", settings=Settings(link_wait_s=0.2)) as supervisor,
    ):
        await connected(supervisor)
        server.kill()
        await supervisor.wait_for(State.RECOVERING, timeout=LIMIT_S)
        began = time.monotonic()
        with pytest.raises(NotSent):
            await supervisor.request("evaluate", {"code": "3 + 4"})
        assert 0.2 <= time.monotonic() - began < 2
        assert supervisor.status().waiting_requests == 0
        await asyncio.to_thread(server.start)
        assert (await supervisor.request("evaluate", {"code": "4 + 4"}, timeout=LIMIT_S))["result"] == "8"
        assert server.executed_codes() == ["4 + 4"]


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="only on systems that can freeze a process")
async def test_a_backend_that_is_frozen_for_a_moment_keeps_its_link(tmp_path: Path) -> None:
    settings = Settings(ping_interval_s=0.1, answer_timeout_s=0.2)
    async with (
        backend(tmp_path) as server,
        Supervisor(server.endpoint, home=tmp_path / "home", settings=settings) as supervisor,
    ):
        await connected(supervisor)
        stream = supervisor.events()
        server.freeze()
        assert (await entering(stream, State.DEGRADED)).trigger is Trigger.HEALTH_LOST
        server.thaw()
        assert (await entering(stream, State.CONNECTED)).trigger is Trigger.HEALTH_REGAINED
