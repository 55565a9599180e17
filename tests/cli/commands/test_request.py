"""``request`` and ``eval``: one request over a link of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.backend import BackendSettings
from stui_supervisor.session.records import SessionRecord
from tests.support.files.canary import CANARY
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.command import COMMAND, Command

LONG = "(Delay forSeconds: 60) wait"


@pytest.fixture
def backend() -> Iterator[BackendProcess]:
    with BackendProcess() as process:
        yield process


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def remember(home: Path, endpoint: str) -> None:
    files = FileSessionStore(home / "sessions")
    session_id = files.claim("default").session_id
    files.save_record(session_id, SessionRecord(profile="default", endpoint=endpoint))
    files.release(session_id)


def stored(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*.json")}


def test_eval_prints_the_result_and_nothing_else(command: Command, backend: BackendProcess) -> None:
    remember(command.home, backend.endpoint)

    ended = command("eval", "3 + 4")

    assert (ended.code, ended.out, ended.err) == (0, "7\n", "")


def test_eval_with_json_prints_the_whole_result(command: Command, backend: BackendProcess) -> None:
    remember(command.home, backend.endpoint)

    ended = command("eval", "3 + 4", "--json")

    assert (ended.code, ended.err) == (0, "")
    assert (ended.answer["result"], ended.answer["has_error"]) == ("7", False)


def test_an_evaluation_that_fails_ends_with_1_and_says_why(command: Command, backend: BackendProcess) -> None:
    remember(command.home, backend.endpoint)

    plain, as_json = command("eval", "3 zork"), command("eval", "3 zork", "--json")

    assert (plain.code, plain.out) == (1, "")
    assert "EvaluationError" in plain.err
    assert "Traceback" not in plain.err
    assert as_json.code == 1
    assert as_json.answer["error"]["type"] == "BackendError"
    assert "EvaluationError" in as_json.answer["error"]["message"]


def test_a_result_is_shown_on_a_console_that_lacks_its_characters(command: Command, backend: BackendProcess) -> None:
    remember(command.home, backend.endpoint)

    ended = command("eval", "'größer → 道'", environment={"PYTHONIOENCODING": "ascii"})

    assert ended.code == 0
    assert "\\u2192" in ended.out


def test_a_result_cannot_drive_the_terminal(command: Command, backend: BackendProcess) -> None:
    remember(command.home, backend.endpoint)

    ended = command("eval", "'\x1b[2Jgone\x07'")

    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert "\x07" not in ended.out


def test_request_prints_the_result_as_an_object(command: Command, backend: BackendProcess) -> None:
    remember(command.home, backend.endpoint)

    ended = command("request", "ping", '{"message": "hello"}')

    assert (ended.code, ended.err) == (0, "")
    assert ended.answer["message"] == "hello"


def test_the_parameters_may_come_from_stdin(command: Command, backend: BackendProcess) -> None:
    remember(command.home, backend.endpoint)

    ended = command("request", "evaluate", "-", "--json", stdin='{"code": "6 * 7"}')

    assert (ended.code, ended.answer["result"]) == (0, "42")


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: a shell that closes or misdirects a stream")
@pytest.mark.parametrize(
    ("redirection", "reason"),
    [("<&-", "stdin is closed"), ("0>/dev/null", "Bad file descriptor")],
    ids=["closed", "write only"],
)
def test_parameters_from_a_stdin_that_cannot_be_read_are_wrong_usage(
    redirection: str, reason: str, command: Command
) -> None:
    script = f'exec "$0" -m stui_supervisor request ping - --json {redirection}'
    done = subprocess.run(
        ["/bin/sh", "-c", script, sys.executable],
        capture_output=True,
        check=False,
        text=True,
        env=command.environment(),
        timeout=20,
    )

    assert (done.returncode, done.stderr) == (2, "")
    error = json.loads(done.stdout)["error"]
    assert (error["type"], error["message"]) == ("ConfigurationError", f"the parameters cannot be read: {reason}")


def test_an_endpoint_that_was_never_linked_is_named_as_the_way_to_go_on(command: Command) -> None:
    tried = "tcp://127.0.0.1:5556"
    files = FileSessionStore(command.home / "sessions")
    session_id = files.claim("default").session_id
    status = {"state": "recovering", "endpoint": tried}
    files.save_record(session_id, SessionRecord(profile="default", status=status))
    files.release(session_id)

    errors = [command(*words, "--json").answer["error"] for words in (["eval", "3 + 4"], ["request", "ping"])]
    errors.append(command("run", "--json").answers[-1]["error"])

    message, hint = f"no link to {tried} was ever established", f"connect once with: stui-supervisor run {tried}"
    assert errors == [{"type": "ConfigurationError", "message": message, "hint": hint}] * 3


def test_without_a_profile_an_endpoint_that_it_may_have_is_not_waited_for(command: Command) -> None:
    command.home.mkdir()
    (command.home / "profiles.json").write_bytes(b"damaged")
    ended = command("eval", "3 + 4", "--without-profile", "--json")
    assert (ended.code, ended.answer["error"]["message"]) == (2, "no endpoint is known for the profile default")


def test_a_stored_endpoint_that_cannot_be_one_is_not_offered(command: Command) -> None:
    files = FileSessionStore(command.home / "sessions")
    session_id = files.claim("default").session_id
    files.save_record(session_id, SessionRecord(profile="default", status={"endpoint": "tcp://\x1b[2J"}))
    files.release(session_id)

    ended = command("eval", "3 + 4", "--json")

    assert (ended.code, ended.answer["error"]["hint"]) == (
        2,
        "connect once with: stui-supervisor run tcp://127.0.0.1:5555",
    )


def test_an_error_of_the_backend_ends_with_1(command: Command, backend: BackendProcess) -> None:
    remember(command.home, backend.endpoint)

    ended = command("request", "get_session_info", '{"session_id": "none"}', "--json")

    assert (ended.code, ended.answer["error"]["type"]) == (1, "BackendError")
    assert ended.answer["error"]["message"].startswith("SessionNotFound: ")


def test_a_request_claims_and_stores_nothing(command: Command, backend: BackendProcess) -> None:
    remember(command.home, backend.endpoint)
    before = stored(command.home)

    command("eval", "3 + 4")

    assert stored(command.home) == before
    assert command("request", "get_session_statistics").answer["total_sessions"] == 0


def test_a_backend_that_refuses_the_credential_ends_with_4(command: Command) -> None:
    settings = BackendSettings(bind="tcp://127.0.0.1:*", token=CANARY)
    with BackendProcess(settings) as backend:
        remember(command.home, backend.endpoint)
        ended = command("eval", "3 + 4", "--json")

    assert (ended.code, ended.answer["error"]["type"]) == (4, "AuthenticationFailed")


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: Windows ends a process without a signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_a_long_evaluation_and_it_is_said_that_it_may_have_run(
    number: signal.Signals, command: Command, tmp_path: Path
) -> None:
    log = tmp_path / "executed"
    with BackendProcess(BackendSettings(bind="tcp://127.0.0.1:*", executed_log=log)) as backend:
        remember(command.home, backend.endpoint)
        with command.running("eval", "(Delay forSeconds: 60) wait", "--json") as process:
            wait_until(lambda: "evaluate" in log.read_text() if log.exists() else False)
            process.send_signal(number)
            out, err = process.communicate(timeout=20)

    error = json.loads(out)["error"]
    assert (process.returncode, error["type"], err) == (-number, "OutcomeUnknown", "")
    assert error["message"] == "interrupted before the reply came"
    assert error["hint"] == "look at the image before repeating it"


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only on Linux, and needs root, to be the first process"
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("words", [("eval", LONG), ("request", "evaluate", json.dumps({"code": LONG}))])
def test_the_first_process_of_a_container_is_ended_by_a_signal(
    words: tuple[str, ...], number: signal.Signals, command: Command, tmp_path: Path
) -> None:
    log = tmp_path / "executed"
    with BackendProcess(BackendSettings(bind="tcp://127.0.0.1:*", executed_log=log)) as backend:
        remember(command.home, backend.endpoint)
        inside = ["unshare", "--pid", "--fork", "--kill-child", *COMMAND, *words]
        with subprocess.Popen(inside, env=command.environment(), stdout=subprocess.PIPE, text=True) as process:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            wait_until(lambda: "python" in program_of(children.read_text().strip()))
            wait_until(lambda: "evaluate" in log.read_text() if log.exists() else False)
            os.kill(int(children.read_text()), number)
            assert process.wait(timeout=5) == 128 + number


def program_of(pid: str) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0] if pid else ""


def test_without_a_backend_the_command_ends_with_3_and_says_that_nothing_was_sent(command: Command) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    remember(command.home, endpoint)

    ended = command("eval", "3 + 4", "--json")

    assert (ended.code, ended.answer["error"]["type"]) == (3, "NotSent")
    assert ended.answer["error"]["hint"] == "start the image's STUI server, or check the port"
    assert endpoint in ended.answer["error"]["message"]
