"""Programs that embed a supervisor, run as strictly as they can be: a whole life, and not one complaint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes.backend_process import BackendProcess

PROGRAM = Path(__file__).parents[1] / "support" / "programs" / "host_program.py"
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


FORKING = """
import asyncio, os, sys
from stui_supervisor import State, Supervisor

async def main(endpoint, home):
    async with Supervisor(endpoint, home=home) as supervisor:
        await supervisor.wait_for(State.CONNECTED, timeout=20)
        for _ in range(10):
            waiting = supervisor.request("evaluate", {"code": "(Delay forMilliseconds: 300) wait"})
            asking = asyncio.ensure_future(waiting)
            await asyncio.sleep(0)
            child = os.fork()
            if child == 0:  # it has the loop, and whatever is due there, which it runs to cancel its tasks
                raise SystemExit
            os.waitpid(child, 0)
            await asking
            print((await supervisor.request("evaluate", {"code": "3 + 4"}))["result"], supervisor.state)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX is there a fork")
def test_a_forked_child_that_ends_by_itself_does_end_and_leaves_the_link_alone(tmp_path: Path) -> None:
    with BackendProcess() as server:
        words = [sys.executable, "-c", FORKING, server.endpoint, str(tmp_path)]
        ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=LIMIT_S)
    assert ended.stdout == "7 connected\n" * 10
    assert ended.returncode == 0
