"""``run``: the link in the foreground, until a signal or until only a person can go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from stui_supervisor import State, Supervisor
from stui_supervisor.backend import BackendSettings
from stui_supervisor.config import OUTPUT_CLOSE_S
from tests.support.files.canary import CANARY
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.command import Command

STOP_LIMIT_S = 1.0
SETTINGS_WITH_TOKEN = BackendSettings(bind="tcp://127.0.0.1:*", token=CANARY)
posix = pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: Windows ends a process without a signal")


@pytest.fixture
def backend() -> Iterator[BackendProcess]:
    with BackendProcess() as process:
        yield process


def read_until(process: subprocess.Popen[str], state: str) -> list[dict[str, Any]]:
    """The objects that the process prints, up to the transition to ``state``."""
    assert process.stdout is not None
    seen: list[dict[str, Any]] = []
    for line in process.stdout:
        seen.append(json.loads(line))
        if seen[-1]["event"] == "transition" and seen[-1]["to"] == state:
            return seen
    raise AssertionError(f"it ended before it was {state}: {seen}")


def steps(events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(event["from"], event["trigger"], event["to"]) for event in events if event["event"] == "transition"]


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_it_in_good_order_within_a_second(
    number: signal.Signals, command: Command, backend: BackendProcess
) -> None:
    with command.running("run", backend.endpoint, "--json") as process:
        before = read_until(process, "connected")
        process.send_signal(number)
        sent = time.monotonic()
        out, err = process.communicate(timeout=20)
        took_s = time.monotonic() - sent

    after = [json.loads(line) for line in out.splitlines()]
    assert (process.returncode, err) == (0, "")
    assert took_s < STOP_LIMIT_S
    assert steps([*before, *after]) == [
        ("disconnected", "restore", "restoring"),
        ("restoring", "restored", "connecting"),
        ("connecting", "established", "connected"),
        ("connected", "stop", "disconnected"),
    ]


@posix
def test_a_signal_ends_it_within_a_second_while_it_recovers(command: Command, backend: BackendProcess) -> None:
    with command.running("run", backend.endpoint, "--json") as process:
        read_until(process, "connected")
        backend.kill()
        read_until(process, "recovering")
        process.send_signal(signal.SIGTERM)
        sent = time.monotonic()
        process.communicate(timeout=20)
        took_s = time.monotonic() - sent

    assert process.returncode == 0
    assert took_s < STOP_LIMIT_S


@posix
def test_the_next_run_needs_no_endpoint(command: Command, backend: BackendProcess) -> None:
    for words in (["run", backend.endpoint, "--json"], ["run", "--json"]):
        with command.running(*words) as process:
            events = read_until(process, "connected")
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)

    assert events[-1]["endpoint"] == backend.endpoint


@posix
def test_while_it_runs_status_in_another_process_tells_the_link(command: Command, backend: BackendProcess) -> None:
    with command.running("run", backend.endpoint, "--json") as process:
        read_until(process, "connected")
        during = command("status", "--json")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    after = command("status", "--json")

    assert (during.code, during.answer["state"], during.answer["pid"]) == (0, "connected", process.pid)
    assert during.answer["endpoint"] == backend.endpoint
    assert (after.code, after.answer["state"], after.answer["last_error"]) == (3, "disconnected", None)


def test_with_nothing_stored_and_no_endpoint_it_says_what_to_do_and_ends_with_2(command: Command) -> None:
    ended = command("run")

    assert ended.code == 2
    assert "stui-supervisor run tcp://127.0.0.1:5555" in ended.err


async def test_after_a_disconnect_by_hand_it_says_so_and_ends_with_3(command: Command, backend: BackendProcess) -> None:
    async with Supervisor(backend.endpoint, home=command.home) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=10)
        await supervisor.disconnect()
        await supervisor.wait_for(State.DISCONNECTED, timeout=10)

    ended = command("run")

    assert ended.code == 3
    assert "disconnected by hand" in ended.err
    assert "stui-supervisor run tcp://" in ended.err


def test_a_backend_that_refuses_the_credential_ends_it_with_4(command: Command) -> None:
    with BackendProcess(SETTINGS_WITH_TOKEN) as backend:
        ended = command("run", backend.endpoint, "--json")

    assert ended.code == 4
    assert ended.answers[-1]["error"]["type"] == "AuthenticationFailed"


@posix
def test_a_reader_that_leaves_ends_it_without_a_word(command: Command, backend: BackendProcess) -> None:
    with command.running("run", backend.endpoint, "--json") as process:
        read_until(process, "connected")
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        backend.kill()
        err = process.stderr.read()
        process.wait(timeout=20)

    assert (process.returncode, err) == (1, "")


@posix
@pytest.mark.parametrize("words", [["run"], ["run", "--json"]], ids=" ".join)
def test_output_that_nobody_reads_delays_neither_the_link_nor_its_end(
    words: list[str], command: Command, backend: BackendProcess
) -> None:
    read_end, write_end = os.pipe()
    fill(write_end)
    try:
        with command.running(*words, backend.endpoint, stdout=write_end) as process:
            deadline = time.monotonic() + 20
            while command("status").code != 0:
                assert time.monotonic() < deadline
            process.send_signal(signal.SIGTERM)
            sent = time.monotonic()
            _, err = process.communicate(timeout=20)
            took_s = time.monotonic() - sent
    finally:
        os.close(read_end)
        os.close(write_end)

    assert (process.returncode, err) == (0, "")
    assert took_s < STOP_LIMIT_S + OUTPUT_CLOSE_S


def fill(pipe: int) -> None:
    """Write into the pipe until it takes no more, not even a byte."""
    os.set_blocking(pipe, False)
    for chunk in (b"x" * 1_000, b"x"):
        with suppress(BlockingIOError):
            while os.write(pipe, chunk):
                pass
    os.set_blocking(pipe, True)


@posix
def test_a_terminal_shows_how_long_the_state_lasts(command: Command, backend: BackendProcess) -> None:
    ours, theirs = os.openpty()
    with command.running("run", backend.endpoint, stdout=theirs, environment={"TERM": "xterm"}) as process:
        os.close(theirs)
        shown = ""
        while "connected\x1b[0m for 0 s" not in shown:
            shown += os.read(ours, 4_096).decode()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
    os.close(ours)

    assert process.returncode == 0


@posix
def test_a_run_that_was_killed_is_told_by_the_status_and_once_by_the_next_run(
    command: Command, backend: BackendProcess
) -> None:
    with command.running("run", backend.endpoint, "--json") as process:
        read_until(process, "connected")
        process.kill()
        process.wait()
    status = command("status", "--json")
    told = [problems_of(command, backend) for _ in range(2)]

    words = f"the last run (process {process.pid}) ended without stopping while "
    assert (status.code, status.answer["state"]) == (3, "disconnected")
    assert status.answer["last_error"].startswith(words)
    assert [[problem["code"] for problem in problems] for problems in told] == [["ended_without_stopping"], []]
    assert told[0][0]["message"] == status.answer["last_error"]


def problems_of(command: Command, backend: BackendProcess) -> list[dict[str, Any]]:
    """Those of a run until it is linked and ended as it should be."""
    with command.running("run", backend.endpoint, "--json") as process:
        events = read_until(process, "connected")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    return [event for event in events if event["event"] == "problem"]
