from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stui_supervisor.adapters.zmq import context as zmq_context
from stui_supervisor.config import ZMQ_DESCRIPTORS, ZMQ_SOCKETS_MAX
from tests.support.processes.backend_process import BackendProcess
from tests.support.programs.watching import LIMIT_S, open_descriptors

# A limit of descriptors belongs to a process, so each of these runs in one of its own.
_SHORT_OF_DESCRIPTORS = """
import asyncio, os, resource, sys
from stui_supervisor import State, Supervisor
from stui_supervisor.adapters.sessions import store as session_files
from stui_supervisor.adapters.journal import journal as structlog_journal
from stui_supervisor.adapters.zmq import link as zmq_link
from stui_supervisor.runtime import driver  # no import is short of a descriptor
from stui_supervisor.runtime import assembly as outside  # no import is short of a descriptor

async def main(endpoint, home, spare):
    supervisor = Supervisor(endpoint, home=home)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + spare, before[1]))
    async with supervisor:
        print(await supervisor.wait_for(State.RECOVERING, timeout=15))
        print(supervisor.status().last_error)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        print(await supervisor.wait_for(State.CONNECTED, timeout=15))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def test_all_links_share_one_context_and_the_last_one_ends_it() -> None:
    one, two = zmq_context.acquire(), zmq_context.acquire()
    assert one is two
    assert one.max_sockets == ZMQ_SOCKETS_MAX
    zmq_context.release()
    assert not one.closed
    zmq_context.release()
    assert one.closed


def test_a_context_is_made_again_after_the_last_one_ended() -> None:
    first = zmq_context.acquire()
    zmq_context.release()
    second = zmq_context.acquire()
    assert (first.closed, second.closed) == (True, False)
    zmq_context.release()


def test_the_look_for_descriptors_keeps_none() -> None:
    before = open_descriptors()
    zmq_context._need_descriptors()
    assert open_descriptors() == before


@pytest.mark.skipif(os.name == "nt", reason="only on systems with a limit of descriptors")
@pytest.mark.parametrize(
    ("spare", "trouble"),
    [
        (0, "the profile cannot be read"),
        (1, "the profile cannot be read"),
        (ZMQ_DESCRIPTORS // 2, "no connection could be made"),
    ],
)
def test_too_few_descriptors_are_a_failed_attempt_and_not_the_end_of_the_program(
    spare: int, trouble: str, tmp_path: Path
) -> None:
    with BackendProcess() as server:
        done = subprocess.run(
            [sys.executable, "-c", _SHORT_OF_DESCRIPTORS, server.endpoint, str(tmp_path), str(spare)],
            capture_output=True,
            text=True,
            timeout=3 * LIMIT_S,
            check=False,
        )
    said = done.stdout.splitlines()
    assert (done.returncode, [said[0], said[-1]]) == (0, ["recovering", "connected"]), done.stderr
    assert said[1].startswith(trouble)
