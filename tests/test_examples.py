"""The examples and the README's program run as they are printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from stui_supervisor.adapters.session_files import SessionFiles
from stui_supervisor.record import SessionRecord
from tests.support.backend_process import BackendProcess
from tests.support.command import Command

ROOT = Path(__file__).parents[1]
LIMIT_S = 30


def run_python(*words: str, command: Command, stdin: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *words],
        input=stdin,
        capture_output=True,
        check=False,
        encoding="utf-8",
        env=command.environment(),
        timeout=LIMIT_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_program_in_the_readme_runs_as_printed(tmp_path: Path) -> None:
    command = Command(tmp_path)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    programs = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    with BackendProcess() as backend:
        files = SessionFiles(tmp_path / "sessions")
        session_id = files.claim("default").session_id
        files.save_record(session_id, SessionRecord(profile="default", endpoint=backend.endpoint))
        files.release(session_id)

        printed = [run_python("-c", program, command=command) for program in programs]

    assert printed == ["7\n"]


def test_the_workspace_example_keeps_its_lines_over_a_restart(tmp_path: Path) -> None:
    command = Command(tmp_path)
    script = str(ROOT / "examples" / "workspace.py")
    with BackendProcess() as backend:
        first = run_python(script, backend.endpoint, command=command, stdin="3 + 4\n3 zork\n")
        second = run_python(script, command=command, stdin="6 * 7\n")

    assert first.splitlines()[0] == "1: 7"
    assert "EvaluationError" in first.splitlines()[1]
    assert second == "3: 42\n"
