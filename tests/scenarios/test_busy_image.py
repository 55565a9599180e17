"""The image computes and answers nobody: it is waited for, never left."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from stui_supervisor import DegradedReason, OutcomeUnknown, Settings, State, Supervisor, Transition, Trigger
from stui_supervisor.backend import BackendSettings
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.plain_client import PlainClient
from tests.support.programs.watching import LIMIT_S, entering, queued, until

IMPATIENT = Settings(ping_interval_s=0.2, answer_timeout_s=0.2, handshake_notice_s=0.2)
BUSY = "the image does not answer; it may be computing"
WORKING = "(Delay forMilliseconds: 800) wait"


def backend(tmp_path: Path) -> BackendProcess:
    return BackendProcess(BackendSettings(bind="tcp://127.0.0.1:*", executed_log=tmp_path / "executed"))


async def test_a_long_evaluation_degrades_the_link_and_its_answer_regains_it(tmp_path: Path) -> None:
    async with (
        backend(tmp_path) as server,
        Supervisor(server.endpoint, home=tmp_path / "home", settings=IMPATIENT) as supervisor,
    ):
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        stream = supervisor.events()
        work = asyncio.create_task(supervisor.request("evaluate", {"code": WORKING}))
        degraded = await entering(stream, State.DEGRADED)
        assert (degraded.trigger, degraded.reason) == (Trigger.HEALTH_LOST, f"busy: {BUSY}")
        status = supervisor.status()
        assert (status.degraded_reason, status.last_error) == (DegradedReason.BUSY, BUSY)
        assert (await work)["result_type"] == "Delay"
        assert (await entering(stream, State.CONNECTED)).trigger is Trigger.HEALTH_REGAINED
        status = supervisor.status()
        assert (status.degraded_reason, status.last_error) == (None, None)
        assert server.executed_codes() == [WORKING]


async def test_an_image_kept_busy_by_another_client_is_seen_to_be_busy(tmp_path: Path) -> None:
    async with (
        backend(tmp_path) as server,
        Supervisor(server.endpoint, home=tmp_path / "home", settings=IMPATIENT) as supervisor,
    ):
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        stream = supervisor.events()
        with PlainClient(server.endpoint) as other:
            other.send("evaluate", code=WORKING)
            await entering(stream, State.DEGRADED)
            await entering(stream, State.CONNECTED)


async def test_a_request_that_ran_out_of_time_keeps_its_place_until_its_reply_comes(tmp_path: Path) -> None:
    async with (
        backend(tmp_path) as server,
        Supervisor(server.endpoint, home=tmp_path / "home") as supervisor,
    ):
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        late = asyncio.create_task(supervisor.request("evaluate", {"code": WORKING}, timeout=0.2))
        await asyncio.sleep(0)
        following = asyncio.create_task(supervisor.request("evaluate", {"code": "3 + 4"}))
        with pytest.raises(OutcomeUnknown, match="look at the image before repeating it"):
            await late
        assert server.executed_codes() == [WORKING]
        assert (await following)["result"] == "7"  # its own reply, not the late one
        assert server.executed_codes() == [WORKING, "3 + 4"]


async def test_an_image_that_is_busy_during_the_handshake_is_waited_for_on_the_same_link(tmp_path: Path) -> None:
    async with backend(tmp_path) as server:
        with PlainClient(server.endpoint) as other:
            other.send("evaluate", code=WORKING)
            await until(lambda: WORKING in server.executed_codes())
            supervisor = Supervisor(server.endpoint, home=tmp_path / "home", settings=IMPATIENT)
            stream = supervisor.events()
            async with supervisor:
                await until(lambda: supervisor.status().last_error == BUSY)
                assert supervisor.state is State.CONNECTING
                waiting = asyncio.create_task(supervisor.request("evaluate", {"code": "3 + 4"}))
                assert (await waiting)["result"] == "7"
                moves = [event.trigger for event in queued(stream) if isinstance(event, Transition)]
                assert moves == [Trigger.RESTORE, Trigger.RESTORED, Trigger.ESTABLISHED]
                assert supervisor.status().last_error is None
