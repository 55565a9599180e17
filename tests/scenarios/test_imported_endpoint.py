"""A session from a file brings an endpoint with it: no secret goes there before the user has named it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stui_supervisor import AuthenticationFailed, Problem, State, Supervisor
from stui_supervisor.backend import BackendSettings
from tests.support.files.canary import CANARY
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.command import Command
from tests.support.programs.watching import LIMIT_S

TOKEN = CANARY


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path / "home")


def brought(command: Command, endpoint: str, file: Path) -> None:
    section = {"counter": 1, "writer": "them", "value": [1]}
    fields = {"magic": "stui-supervisor session", "major": 1, "minor": 0, "profile": "default", "endpoint": endpoint}
    file.write_text(json.dumps({**fields, "context": {"sections": {"work": section}}}))
    assert command("sessions", "import", str(file)).code == 0


async def test_it_is_followed_without_the_token_and_with_it_once_it_was_named(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUI_TOKEN", TOKEN)
    with BackendProcess(BackendSettings(bind="tcp://127.0.0.1:*", token=TOKEN)) as backend:
        brought(command, backend.endpoint, tmp_path / "file.json")
        asked = command("eval", "3 + 4", "--json", environment={"STUI_TOKEN": TOKEN})
        assert (asked.code, asked.answer["error"]["type"]) == (2, "ConfigurationError")
        assert "came with an imported session, and nobody has named it" in asked.answer["error"]["message"]

        supervisor = Supervisor(home=command.home)
        events = supervisor.events()
        async with supervisor:
            with pytest.raises(AuthenticationFailed):
                await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            await supervisor.reconnect()  # which names nothing
            with pytest.raises(AuthenticationFailed):
                await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert supervisor.context["work"] == [1]
            await supervisor.connect(backend.endpoint)
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        told = [event.code async for event in events if isinstance(event, Problem)]
        assert told == ["endpoint_from_file", "endpoint_from_file"]

        async with Supervisor(home=command.home) as next_one:
            await next_one.wait_for(State.CONNECTED, timeout=LIMIT_S)
            assert next_one.context["work"] == [1]
        assert command("eval", "3 + 4", environment={"STUI_TOKEN": TOKEN}).out == "7\n"
