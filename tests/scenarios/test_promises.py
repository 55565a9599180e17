"""A backend that promises to run nothing late and nothing twice, as the reference backend does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stui_supervisor import State, Supervisor
from stui_supervisor.backend import BackendSettings
from stui_supervisor.wire.dialects import timestamp
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.plain_client import PlainClient
from tests.support.programs.watching import LIMIT_S

PAST = timestamp(datetime(2020, 1, 1, tzinfo=UTC))


def backend(tmp_path: Path) -> BackendProcess:
    return BackendProcess(
        BackendSettings(
            bind="tcp://127.0.0.1:*", executed_log=tmp_path / "executed", state_file=tmp_path / "state.json"
        )
    )


def ask(server: BackendProcess, **parameters: Any) -> str:
    """One evaluation by a client of its own: its result, or the error's type."""
    with PlainClient(server.endpoint) as client:
        reply = client.ask("evaluate", **parameters)
        return str(reply["result"]["result"] if reply["status"] == "success" else reply["error_type"])


async def test_each_request_carries_a_key_of_its_own_and_its_deadline(tmp_path: Path) -> None:
    async with (
        backend(tmp_path) as server,
        Supervisor(server.endpoint, home=tmp_path / "home") as supervisor,
    ):
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        for _ in range(2):
            assert (await supervisor.request("evaluate", {"code": "3 + 4"}, timeout=LIMIT_S))["result"] == "7"
        ran = [line["parameters"] for line in server.executed() if line["command"] == "evaluate"]
        assert [set(parameters) for parameters in ran] == [{"code", "deadline", "idempotency_key"}] * 2
        assert len({parameters["idempotency_key"] for parameters in ran}) == 2


def test_the_backend_runs_a_key_once_also_over_a_crash_and_nothing_late(tmp_path: Path) -> None:
    with backend(tmp_path) as server:
        said = [ask(server, code="1", idempotency_key="k1"), ask(server, code="1", idempotency_key="k1")]
        server.restart()
        said += [ask(server, code="1", idempotency_key="k1"), ask(server, code="2", deadline=PAST)]
        assert said == ["1", "RepeatedRequest", "RepeatedRequest", "DeadlineExceeded"]
        assert server.executed_codes() == ["1"]
        assert json.loads((tmp_path / "state.json").read_text())["keys"] == ["k1"]
