from __future__ import annotations

import os
from pathlib import Path

import pytest

from stui_supervisor.backend import BackendSettings
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.plain_client import PlainClient


def test_a_killed_backend_comes_back_on_the_same_port_with_its_log(tmp_path: Path) -> None:
    settings = BackendSettings(bind="tcp://127.0.0.1:*", executed_log=tmp_path / "executed.jsonl")
    with BackendProcess(settings) as backend:
        endpoint, pid = backend.endpoint, backend.pid
        with PlainClient(endpoint) as client:
            client.result("evaluate", code="1")
        backend.kill()
        assert not backend.running
        backend.restart()
        assert (backend.endpoint, backend.pid == pid, backend.running) == (endpoint, False, True)
        with PlainClient(endpoint) as client:
            client.result("evaluate", code="2")
        assert backend.executed_codes() == ["1", "2"]
    assert not backend.running


@pytest.mark.skipif(os.name == "nt", reason="only on POSIX: SIGSTOP")
def test_a_frozen_backend_answers_when_it_is_thawed() -> None:
    with BackendProcess() as backend, PlainClient(backend.endpoint) as client:
        client.result("ping")
        backend.freeze()
        client.send("ping")
        assert client.socket.poll(50) == 0
        backend.thaw()
        assert client.receive()["status"] == "success"


async def test_it_is_used_from_async_tests_too() -> None:
    async with BackendProcess() as backend:
        await backend.arestart()
        with PlainClient(backend.endpoint) as client:
            assert client.result("ping")["pid"] == backend.pid
