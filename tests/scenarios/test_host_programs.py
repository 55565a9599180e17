"""Programs that embed a supervisor, run as strictly as they can be: a whole life, and not one complaint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.backend_process import BackendProcess

PROGRAM = Path(__file__).parents[1] / "support" / "host_program.py"
STRICT = ("-X", "dev", "-W", "error")  # with asyncio's debug mode
LIMIT_S = 30.0


@pytest.mark.parametrize("kind", ["plain", "blockbuster", "anyio", "thread"])
def test_a_whole_life_of_a_strict_host_is_without_a_complaint(tmp_path: Path, kind: str) -> None:
    with (
        BackendProcess() as server,
        subprocess.Popen(
            [sys.executable, *STRICT, str(PROGRAM), kind, str(tmp_path), server.endpoint],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
        ) as program,
    ):
        assert program.stdout is not None
        first = program.stdout.readline()
        if first == "linked\n":
            server.restart()
        said, complaints = program.communicate(timeout=LIMIT_S)
    assert (first + said, complaints, program.returncode) == ("linked\nback\ndone\n", "", 0)
