"""The examples and the README's program run as they are printed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.command import Command

ROOT = Path(__file__).parents[1]
WORKSPACE = str(ROOT / "examples" / "workspace.py")
LIMIT_S = 30
STOP_LIMIT_S = 2.0  # a second for the client to stop, and the end of the interpreter
PRINTED_ADDRESS = '"tcp://127.0.0.1:5555"'


def ended(*words: str, command: Command, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        input=stdin,
        capture_output=True,
        check=False,
        encoding="utf-8",
        env=command.environment(),
        timeout=LIMIT_S,
    )


def run_python(*words: str, command: Command, stdin: str = "") -> str:
    done = ended(*words, command=command, stdin=stdin)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    return done.stdout


def test_the_program_in_the_readme_runs_as_printed_and_next_time_without_the_address(tmp_path: Path) -> None:
    command = Command(tmp_path)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert program.count(PRINTED_ADDRESS) == 1
    with BackendProcess() as backend:  # on a free port: somebody may be using the printed one
        first = run_python("-c", program.replace(PRINTED_ADDRESS, f'"{backend.endpoint}"'), command=command)
        second = run_python("-c", program.replace(PRINTED_ADDRESS, ""), command=command)

    assert (first, second) == ("7\n", "7\n")


def test_the_workspace_example_keeps_its_lines_over_a_restart(tmp_path: Path) -> None:
    command = Command(tmp_path)
    with BackendProcess() as backend:
        first = run_python(WORKSPACE, backend.endpoint, command=command, stdin="3 + 4\n3 zork\n")
        second = run_python(WORKSPACE, command=command, stdin="6 * 7\n")

    assert first.splitlines()[0] == "1: 7"
    assert "EvaluationError" in first.splitlines()[1]
    assert second == "3: 42\n"


def test_the_workspace_example_says_that_it_ends_when_it_knows_no_address(tmp_path: Path) -> None:
    done = ended(WORKSPACE, command=Command(tmp_path))

    *states, last = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert [line.split()[0] for line in states] == ["[restoring]", "[disconnected]"]
    assert last.startswith("No link is wanted, so this ends: no endpoint is known")


def test_the_workspace_example_says_why_it_waits_for_a_backend_that_is_away(tmp_path: Path) -> None:
    with BackendProcess() as backend:
        backend.kill()
        with subprocess.Popen(
            [sys.executable, WORKSPACE, backend.endpoint],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=Command(tmp_path).environment(),
        ) as process:
            assert process.stderr is not None
            told = [next(process.stderr) for _ in range(3)]
            backend.restart()
            told += process.stderr
            code = process.wait(LIMIT_S)

    assert [line.split()[0] for line in told[:4]] == ["[restoring]", "[connecting]", "[recovering]", "[connected]"]
    assert (code, "nothing listens there" in told[2]) == (0, True)


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: Windows ends a process without a signal")
def test_ctrl_c_ends_the_workspace_example_while_it_waits_for_a_line(tmp_path: Path) -> None:
    pipe = subprocess.PIPE
    with (
        BackendProcess() as backend,
        subprocess.Popen(
            [sys.executable, "-u", WORKSPACE, backend.endpoint],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            encoding="utf-8",
            env=Command(tmp_path).environment(),
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write("3 + 4\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        code, err = process.wait(LIMIT_S), process.stderr.read()
        took_s = time.monotonic() - sent

    assert (answer, code, "Traceback" in err) == ("1: 7\n", 130, False)
    assert took_s < STOP_LIMIT_S
