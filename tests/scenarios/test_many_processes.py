"""Several programs start at the same moment on one home."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from stui_supervisor.adapters.session_files import SessionFiles
from stui_supervisor.context import Section
from stui_supervisor.record import SessionRecord

PROCESSES = 6
SAVES = 20
CLAIMER = f"""
import sys
from stui_supervisor.adapters.session_files import SessionFiles
from stui_supervisor.context import Section

print("ready", flush=True)
sys.stdin.readline()
files = SessionFiles(sys.argv[1])
claimed = files.claim("default")
had_work = "old" in claimed.sections
for number in range(1, {SAVES} + 1):
    files.save_context(claimed.session_id, {{"x": Section(b"%d" % number, number, sys.argv[2])}})
print(claimed.session_id, had_work, claimed.record.endpoint, flush=True)
sys.stdin.readline()
"""


def test_each_gets_a_session_of_its_own_and_one_gets_the_work(tmp_path: Path) -> None:
    files = SessionFiles(tmp_path)
    session_id = files.claim("default").session_id
    files.save_record(session_id, SessionRecord(profile="default", endpoint="tcp://127.0.0.1:5555"))
    files.save_context(session_id, {"old": Section(b"1", 1, "me")})
    files.release(session_id)

    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", CLAIMER, str(tmp_path), f"writer {number}"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for number in range(PROCESSES)
        ]
        for process in processes:
            stack.callback(process.kill)
        pipes = [(process.stdin, process.stdout) for process in processes if process.stdin and process.stdout]
        assert [answers.readline() for _, answers in pipes] == ["ready\n"] * PROCESSES
        for orders, _ in pipes:
            orders.write("go\n")
            orders.flush()
        claims = [answers.readline().split() for _, answers in pipes]
        live = {session.session_id for session in files.read_newest("default") if session.live}

    owners = {claim[0]: f"writer {number}" for number, claim in enumerate(claims)}
    assert set(owners) == live
    assert len(owners) == PROCESSES
    assert [claim[0] for claim in claims if claim[1] == "True"] == [session_id]
    assert {claim[2] for claim in claims} == {"tcp://127.0.0.1:5555"}
    stored = [files.claim("default") for _ in processes]
    assert {claimed.session_id: claimed.sections["x"] for claimed in stored} == {
        owned: Section(b"%d" % SAVES, SAVES, writer) for owned, writer in owners.items()
    }
