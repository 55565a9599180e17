"""``demo``: the whole story, for real, once."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.support.processes.command import Command

STORY = [
    ("disconnected", "restore", "restoring"),
    ("restoring", "restored", "connecting"),
    ("connecting", "established", "connected"),
    ("connected", "health_lost", "degraded"),
    ("degraded", "health_regained", "connected"),
    ("connected", "link_lost", "recovering"),
    ("recovering", "established", "connected"),
    ("connected", "stop", "disconnected"),
    ("disconnected", "restore", "restoring"),
    ("restoring", "restored", "connecting"),
    ("connecting", "established", "connected"),
    ("connected", "disconnect", "disconnected"),
]


def left_in(directory: Path) -> list[str]:
    return [entry.name for entry in directory.iterdir()]


def test_the_demo_goes_through_all_six_states_and_leaves_nothing_behind(command: Command, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    ended = command("demo", "--json", environment={"TMPDIR": str(temporary), "TEMP": str(temporary)})

    assert (ended.code, ended.err) == (0, "")
    assert [(step["from"], step["trigger"], step["to"]) for step in ended.answers] == STORY
    assert all(list(step) == ["from", "to", "trigger", "reason"] and step["reason"] for step in ended.answers)
    assert left_in(temporary) == []
    assert not command.home.exists()


def test_a_demo_that_cannot_start_its_backend_fails_and_says_why(command: Command, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "zmq.py").write_text("raise ImportError('broken on purpose')\n")

    found = os.pathsep.join(filter(None, (str(broken), os.environ.get("PYTHONPATH"))))
    ended = command("demo", "--json", environment={"PYTHONPATH": found})

    assert (ended.code, ended.err) == (1, "")
    assert ended.answer == {
        "error": {
            "type": "SupervisorError",
            "message": "the embedded backend did not start: ImportError: broken on purpose",
            "hint": "try: stui-supervisor backend",
        }
    }


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: Windows ends a process without a signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_interrupting_the_demo_ends_its_backend_and_removes_its_home(
    number: signal.Signals, command: Command, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with command.running("demo", environment={"TMPDIR": str(temporary)}) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "tcp://" in line)
        process.send_signal(number)
        _, err = process.communicate(timeout=20)

    port = int(line.partition("tcp://127.0.0.1:")[2].partition(" ")[0].rstrip("."))
    assert (process.returncode, err) == (130, "")
    assert left_in(temporary) == []
    assert not listens(port)


def test_the_backend_of_a_demo_that_is_killed_ends_with_it(command: Command, tmp_path: Path) -> None:
    with command.running("demo", environment={"TMPDIR": str(tmp_path), "TEMP": str(tmp_path)}) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "tcp://" in line)
        port = int(line.partition("tcp://127.0.0.1:")[2].partition(" ")[0].rstrip("."))
        assert listens(port)
        process.kill()
        process.wait(timeout=20)

    deadline = time.monotonic() + 10
    while listens(port):
        assert time.monotonic() < deadline, "the backend runs on"


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: Windows has no pseudo-terminal in Python")
def test_interrupting_the_demo_on_a_terminal_leaves_no_half_line(command: Command) -> None:
    ours, theirs = os.openpty()
    with command.running("demo", stdout=theirs, environment={"TERM": "xterm"}) as process:
        os.close(theirs)
        shown = ""
        while "connected" not in shown:
            shown += os.read(ours, 4_096).decode()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        shown += os.read(ours, 65_536).decode()
    os.close(ours)

    assert process.returncode == 130
    assert shown.rpartition("\n")[2].endswith("\r\x1b[2K")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
