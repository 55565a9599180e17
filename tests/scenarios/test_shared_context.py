"""The image's copy of the work: brought to it, fought over with another window, and kept at each endpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from stui_supervisor import BackendVerdict, Problem, SessionSwitched, Settings, State, Supervisor, Transition
from stui_supervisor.backend import BackendSettings
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.plain_client import PlainClient
from tests.support.programs.watching import LIMIT_S, entering, next_of, queued, until

SETTINGS = Settings(share_delay_s=0.05)


def backend(tmp_path: Path, name: str = "one") -> BackendProcess:
    return BackendProcess(BackendSettings(bind="tcp://127.0.0.1:*", executed_log=tmp_path / f"executed by {name}"))


def asked(server: BackendProcess, command: str) -> list[dict[str, Any]]:
    """The parameters of every request of this command."""
    return [line["parameters"] for line in server.executed() if line["command"] == command]


def work_in(parameters: dict[str, Any]) -> dict[str, Any]:
    """The sections of a push."""
    return {name: value for name, value in parameters["state_data"].items() if name != "stui_supervisor"}


async def test_another_client_of_the_image_sees_the_work_a_moment_after_the_user_has_paused(tmp_path: Path) -> None:
    async with (
        backend(tmp_path) as server,
        Supervisor(server.endpoint, home=tmp_path / "home", settings=SETTINGS) as supervisor,
    ):
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        for number in range(20):
            supervisor.context["workspaces"] = number
        await until(lambda: asked(server, "update_session_state"))
        (push,) = asked(server, "update_session_state")
        assert work_in(push) == {"workspaces": 19}
        await supervisor.request("ping")  # the push has landed
        with PlainClient(server.endpoint) as other:
            state = other.result("restore_session", session_id=push["session_id"])["session_state"]
        assert state["workspaces"] == 19


async def test_another_client_of_the_image_sees_what_was_changed_just_before_the_program_ended(tmp_path: Path) -> None:
    async with backend(tmp_path) as server:
        async with Supervisor(server.endpoint, home=tmp_path / "home") as supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
            supervisor.context["workspaces"] = "the last words"
        (push,) = asked(server, "update_session_state")
        with PlainClient(server.endpoint) as other:
            state = other.result("restore_session", session_id=push["session_id"])["session_state"]
        assert state["workspaces"] == "the last words"


async def test_a_session_that_the_image_lost_is_made_again_without_the_user_noticing(tmp_path: Path) -> None:
    async with (
        backend(tmp_path) as server,
        Supervisor(server.endpoint, home=tmp_path / "home", settings=SETTINGS) as supervisor,
    ):
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        stream = supervisor.events()
        supervisor.context["workspaces"] = "before"
        await until(lambda: asked(server, "update_session_state"))
        lost = asked(server, "update_session_state")[0]["session_id"]
        with PlainClient(server.endpoint) as other:
            other.result("close_session", session_id=lost)
        supervisor.context["workspaces"] = "after"
        await until(lambda: len(asked(server, "update_session_state")) == 3)
        await supervisor.request("ping")  # the last push has landed
        refused, taken = asked(server, "update_session_state")[1:]
        assert (refused["session_id"], work_in(refused)) == (lost, {"workspaces": "after"})
        assert (taken["session_id"] != lost, work_in(taken)) == (True, {"workspaces": "after"})
        assert len(asked(server, "create_session")) == 2
        assert [event for event in queued(stream) if isinstance(event, Transition | Problem | SessionSwitched)] == []
        assert supervisor.state is State.CONNECTED


async def test_an_old_server_is_never_sent_the_work(tmp_path: Path) -> None:
    server = backend(tmp_path)
    server.settings = replace(server.settings, with_sessions=False)
    async with server, Supervisor(server.endpoint, home=tmp_path / "home", settings=SETTINGS) as supervisor:
        stream = supervisor.events()
        assert (await next_of(stream, Problem)).code == "no_backend_session"
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        supervisor.context["workspaces"] = 1
        await supervisor.save()  # 250 ms, five times the pause
        assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"
        assert [line["command"] for line in server.executed() if "session" in line["command"]] == ["create_session"]


async def test_each_endpoint_keeps_its_own_session_when_the_user_goes_to_and_fro(tmp_path: Path) -> None:
    async with (
        backend(tmp_path, "one") as one,
        backend(tmp_path, "two") as two,
        Supervisor(one.endpoint, home=tmp_path / "home", settings=SETTINGS) as supervisor,
    ):
        verdicts = []
        stream = supervisor.events()
        for server in (one, two, one, two, one):
            await supervisor.connect(server.endpoint)
            await entering(stream, State.CONNECTED)
            verdicts.append(supervisor.status().backend_verdict)
        assert verdicts == [BackendVerdict.UNKNOWN, BackendVerdict.UNKNOWN, *[BackendVerdict.RESUMED] * 3]
        assert [len(asked(server, "create_session")) for server in (one, two)] == [1, 1]
        restored = [{asked["session_id"] for asked in asked(server, "restore_session")} for server in (one, two)]
        assert len(restored[0]) == 1
        assert restored[0] <= restored[1]  # two was asked for the session of one first, and then for its own
        assert len(restored[1]) == 2


async def test_the_work_of_one_endpoint_reaches_the_other(tmp_path: Path) -> None:
    async with (
        backend(tmp_path, "one") as one,
        backend(tmp_path, "two") as two,
        Supervisor(one.endpoint, home=tmp_path / "home", settings=SETTINGS) as supervisor,
    ):
        stream = supervisor.events()
        await entering(stream, State.CONNECTED)
        supervisor.context["workspaces"] = "made at one"
        await supervisor.connect(two.endpoint)
        await entering(stream, State.CONNECTED)
        supervisor.context["workspaces"] = "made at two"
        await supervisor.connect(one.endpoint)
        await entering(stream, State.CONNECTED)
        assert work_in(asked(two, "update_session_state")[0]) == {"workspaces": "made at one"}
        assert work_in(asked(one, "update_session_state")[-1]) == {"workspaces": "made at two"}
        assert dict(supervisor.context) == {"workspaces": "made at two"}
        assert [event.code for event in queued(stream) if isinstance(event, Problem)] == []


async def test_a_copy_that_gives_way_to_the_images_is_kept_in_a_snapshot_file(tmp_path: Path) -> None:
    async with (
        backend(tmp_path) as server,
        Supervisor(server.endpoint, home=tmp_path / "home", settings=SETTINGS) as supervisor,
    ):
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        stream = supervisor.events()
        supervisor.context["workspaces"] = "ours"
        await until(lambda: asked(server, "update_session_state"))
        (push,) = asked(server, "update_session_state")
        push["state_data"]["workspaces"] = "theirs"
        push["state_data"]["stui_supervisor"]["sections"]["workspaces"]["counter"] = 9
        await supervisor.request("update_session_state", push)
        await supervisor.reconnect()
        assert (await next_of(stream, Problem)).code == "context_differed"
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        assert dict(supervisor.context) == {"workspaces": "theirs"}
    (snapshot,) = (tmp_path / "home").rglob("snapshot.*.json")
    assert b'"ours"' in snapshot.read_bytes()


async def test_a_user_alone_is_never_told_of_another_copy_of_their_work(tmp_path: Path) -> None:
    problems: list[str] = []
    async with backend(tmp_path) as server:
        for run in range(3):
            async with Supervisor(server.endpoint, home=tmp_path / "home", settings=SETTINGS) as supervisor:
                everything, stream = supervisor.events(), supervisor.events()
                await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
                assert supervisor.context.get("workspaces") == (f"{run - 1}: typed before the end" if run else None)
                supervisor.context["workspaces"] = f"{run}: pushed"
                await until(lambda: "pushed" in str(asked(server, "update_session_state")[-1:]))  # not what was typed
                supervisor.context["workspaces"] = f"{run}: typed since"
                await supervisor.reconnect()
                await entering(stream, State.CONNECTED)
                supervisor.context["workspaces"] = f"{run}: typed before the end"
                problems += [event.code for event in queued(everything) if isinstance(event, Problem)]
    assert (problems, list((tmp_path / "home").rglob("snapshot.*.json"))) == ([], [])
