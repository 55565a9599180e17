"""What a support person reads in the log of a user. That each of its lines is right is looked at after every test."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor import NotSent, RequestFinished, Settings, State, Supervisor
from stui_supervisor.backend import BackendSettings
from stui_supervisor.testing import FakePeer, Reach
from tests.support.files.journals import finish_writing
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.client_process import ClientProcess
from tests.support.processes.embedded_image import EmbeddedImage
from tests.support.programs.scenes import ENDPOINT, scene
from tests.support.programs.watching import LIMIT_S, entering, next_of, until_now

Line = dict[str, Any]


def files(home: Path) -> list[Path]:
    finish_writing()
    return sorted((home / "logs").iterdir())


def read(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def story(home: Path) -> list[Line]:
    """The only file's lines."""
    (path,) = files(home)
    return read(path)


def told(lines: list[Line], event: str) -> list[Line]:
    return [line for line in lines if line["event"] == event]


def moves(lines: list[Line]) -> list[str]:
    return [line["trigger"] for line in told(lines, "transition")]


async def test_a_program_that_starts_its_supervisor_again_and_again_tells_one_story(tmp_path: Path) -> None:
    supervisor = Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage()))
    for _ in range(2):
        async with supervisor:
            await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
    async with Supervisor(ENDPOINT, home=tmp_path, link=FakePeer(EmbeddedImage())) as another:
        await another.wait_for(State.CONNECTED, timeout=LIMIT_S)
    lines = story(tmp_path)
    assert [line["event"] for line in lines if line["event"].startswith("run_")] == ["run_began", "run_ended"] * 3
    assert moves(lines) == ["restore", "restored", "established", "stop"] * 3


async def test_the_session_is_a_field_of_its_line_before_it_is_known_and_after_it_has_changed(tmp_path: Path) -> None:
    one, two = (EmbeddedImage(BackendSettings(image_id=name)) for name in ("one", "two"))
    peer = FakePeer(one)
    async with Supervisor(ENDPOINT, home=tmp_path, link=peer) as supervisor:
        stream = supervisor.events()
        supervisor.context["work"] = [1]
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        first = supervisor.status().session_id
        peer.answer = two
        await supervisor.reconnect()
        await entering(stream, State.RECOVERING)
        await entering(stream, State.CONNECTED)
        second = supervisor.status().session_id
    lines = story(tmp_path)
    assert first != second
    assert [line["session"] for line in told(lines, "transition")] == [None, first, first, first, second, second]
    (switched,) = told(lines, "session_switched")
    assert (switched["session"], switched["session_id"], switched["image_id"]) == (second, second, "two")
    linked = [line for line in lines if line.get("trigger") == "established"]
    assert [line["image_id"] for line in linked] == ["one", "two"]
    assert linked[0]["boot_id"] != linked[1]["boot_id"]


async def test_a_setting_switches_the_log_off(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path, Settings(journal=False)):
        pass
    assert not (tmp_path / "logs").exists()


async def test_the_head_names_the_settings_that_were_changed_and_nothing_else_of_them(tmp_path: Path) -> None:
    async with scene(State.CONNECTED, tmp_path, Settings(queue_length=7, give_up_after_s=90.0)):
        pass
    assert story(tmp_path)[0]["settings"] == {"queue_length": 7, "give_up_after_s": 90.0}


async def test_a_request_is_found_by_the_name_that_its_error_has(tmp_path: Path) -> None:
    peer = FakePeer(EmbeddedImage(), reach=Reach.REFUSES)
    async with Supervisor(ENDPOINT, home=tmp_path, link=peer) as supervisor:
        stream = supervisor.events()
        with pytest.raises(NotSent) as caught:
            await supervisor.request("evaluate", {"code": "'secret code'"}, timeout=0.05)
        await next_of(stream, RequestFinished)
    (line,) = told(story(tmp_path), "request")
    assert (line["request_id"], line["outcome"], line["level"]) == (caught.value.request_id, "not_sent", "warning")
    assert "secret code" not in files(tmp_path)[0].read_text("utf-8")


async def test_a_run_whose_files_were_exchanged_many_times_is_still_one_story(tmp_path: Path) -> None:
    settings = Settings(journal_max_bytes=2_000, journal_files=4)
    async with scene(State.CONNECTED, tmp_path, settings) as there:
        stream = there.supervisor.events()
        for _ in range(20):
            await there.supervisor.reconnect()
            await entering(stream, State.CONNECTED)
    assert len(files(tmp_path)) == 4
    heads = [read(path)[0] for path in files(tmp_path)]
    assert {(head["event"], head["began_at"]) for head in heads} == {("run_continued", heads[0]["began_at"])}


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: nothing else tells a kill from an end there")
def test_what_was_killed_is_said_once_by_the_next_run_with_its_last_sign_of_life(tmp_path: Path) -> None:
    with BackendProcess() as server:
        began = datetime.now(UTC)
        with ClientProcess(tmp_path, server.endpoint) as client:
            session = client.enters(State.CONNECTED)["session"]
            client.tell("set", "work", [1])
            client.hears("saved")
            until_now(lambda: '"to": "connected"' in files(tmp_path)[0].read_text("utf-8"))
            client.kill()
        died = datetime.now(UTC)
        (killed,) = files(tmp_path)
        for _ in range(2):
            with ClientProcess(tmp_path) as client:
                client.enters(State.CONNECTED)
                client.stop()
    first, *others = files(tmp_path)
    assert first == killed
    said = [line for path in others for line in told(read(path), "run_without_end")]
    (line,) = said
    assert line["timestamp"] == read(others[0])[0]["timestamp"]
    assert (line["log"], line["state"], line["last_session"]) == (killed.name, "connected", session)
    assert began - timedelta(seconds=1) <= datetime.fromisoformat(line["alive_at"]) <= died
    assert read(killed)[-1] == line
