"""The client goes, by whatever way, and comes back to its place."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from stui_supervisor import BackendVerdict, State
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.backend import BackendSettings
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.client_process import ClientProcess

WORK = [{"name": "Main", "text": "3 + 4", "cursor": [1, 6]}]


def backend(tmp_path: Path) -> BackendProcess:
    return BackendProcess(BackendSettings(bind="tcp://127.0.0.1:*", executed_log=tmp_path / "executed"))


def sessions_asked_for(server: BackendProcess) -> list[tuple[str, str | None]]:
    return [
        (line["command"], line["parameters"].get("session_id"))
        for line in server.executed()
        if line["command"] in {"create_session", "restore_session"}
    ]


def test_a_client_that_was_killed_is_back_in_its_session_within_a_second(tmp_path: Path) -> None:
    with backend(tmp_path) as server:
        with ClientProcess(tmp_path / "home", server.endpoint) as client:
            first = client.enters(State.CONNECTED)
            client.tell("set", "workspaces", WORK)
            client.hears("saved")
            client.kill()
        durations = []
        for _ in range(3):
            began = time.monotonic()
            with ClientProcess(tmp_path / "home") as client:
                again = client.enters(State.CONNECTED)
                durations.append(time.monotonic() - began)
                client.kill()
            assert again["context"] == {"workspaces": WORK}
            assert (again["endpoint"], again["session"]) == (server.endpoint, first["session"])
            assert again["verdict"] == BackendVerdict.RESUMED
        asked = sessions_asked_for(server)
        (backend_session,) = {session for command, session in asked if command == "restore_session"}
        assert asked == [("create_session", None), *[("restore_session", backend_session)] * 3]
    assert backend_session
    assert median(durations) <= 1.0, durations


def test_a_client_that_stopped_connects_again(tmp_path: Path) -> None:
    with backend(tmp_path) as server:
        with ClientProcess(tmp_path / "home", server.endpoint) as client:
            client.enters(State.CONNECTED)
            client.tell("set", "workspaces", WORK)
            client.hears("saved")
            assert client.stop() == 0
        with ClientProcess(tmp_path / "home") as client:
            again = client.enters(State.CONNECTED)
    assert (again["context"], again["verdict"]) == ({"workspaces": WORK}, BackendVerdict.RESUMED)


def test_after_a_persons_disconnect_the_next_start_stays_so_with_the_work_there(tmp_path: Path) -> None:
    with backend(tmp_path) as server:
        with ClientProcess(tmp_path / "home", server.endpoint) as client:
            client.enters(State.CONNECTED)
            client.tell("set", "workspaces", WORK)
            client.tell("disconnect")
            assert client.hears("disconnected")["disconnected"] is True
            assert client.stop() == 0
        with ClientProcess(tmp_path / "home") as client:
            left = client.enters(State.DISCONNECTED)
            assert client.stop() == 0
        assert left["context"] == {"workspaces": WORK}
        assert left["reason"] == "the user had disconnected; connect or reconnect to link again"
        with ClientProcess(tmp_path / "home", server.endpoint) as client:  # naming one is the wish to connect
            assert client.enters(State.CONNECTED)["context"] == {"workspaces": WORK}


def test_a_wish_survives_a_kill_right_after_the_disconnect_that_returned(tmp_path: Path) -> None:
    with backend(tmp_path) as server:
        with ClientProcess(tmp_path / "home", server.endpoint) as client:
            client.enters(State.CONNECTED)
            client.tell("disconnect")
            client.hears("disconnected")
            client.kill()
        (stored,) = FileSessionStore(tmp_path / "home" / "sessions").read_newest()
        assert stored.record.wanted is False
        with ClientProcess(tmp_path / "home") as client:
            left = client.enters(State.DISCONNECTED)
        assert left["reason"] == "the user had disconnected; connect or reconnect to link again"


def test_two_clients_on_one_home_have_sessions_of_their_own(tmp_path: Path) -> None:
    with backend(tmp_path) as server, ClientProcess(tmp_path / "home", server.endpoint) as one:
        first = one.enters(State.CONNECTED)
        one.tell("set", "workspaces", WORK)
        one.hears("saved")
        with ClientProcess(tmp_path / "home") as two:  # seeded with the same endpoint
            second = two.enters(State.CONNECTED)
            assert (second["endpoint"], second["context"]) == (server.endpoint, {})
            assert second["session"] != first["session"]
            two.tell("set", "workspaces", "another's")
            two.hears("saved")
            two.tell("eval", "1 + 1")
            one.tell("eval", "3 + 4")
            assert two.hears("answer")["answer"]["result"] == "2"
            assert one.hears("answer")["answer"]["result"] == "7"
        one.kill()
        assert [command for command, _ in sessions_asked_for(server)] == ["create_session", "create_session"]
        with ClientProcess(tmp_path / "home") as third, ClientProcess(tmp_path / "home") as fourth:
            contexts = [client.enters(State.CONNECTED)["context"]["workspaces"] for client in (third, fourth)]
    assert sorted(map(str, contexts)) == sorted([str(WORK), "another's"])
