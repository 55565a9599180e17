"""Several programs start at the same moment on one home."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.context.context import Section
from stui_supervisor.session.records import SessionRecord

CLAIMER = """
import sys
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.context.context import Section

print("ready", flush=True)
sys.stdin.readline()
files = FileSessionStore(sys.argv[1])
claimed = files.claim("default")
had_work = "old" in claimed.sections
for number in range(1, int(sys.argv[3]) + 1):
    files.save_context(claimed.session_id, {"x": Section(b"%d" % number, number, sys.argv[2])})
print(claimed.session_id, had_work, claimed.record.endpoint, flush=True)
sys.stdin.readline()
"""


MANY = pytest.mark.parametrize(("processes", "updates"), [(6, 25), pytest.param(16, 100, marks=pytest.mark.soak)])


@MANY
def test_each_gets_a_session_of_its_own_and_one_gets_the_work(tmp_path: Path, processes: int, updates: int) -> None:
    files = FileSessionStore(tmp_path)
    session_id = files.claim("default").session_id
    files.save_record(session_id, SessionRecord(profile="default", endpoint="tcp://127.0.0.1:5555"))
    files.save_context(session_id, {"old": Section(b"1", 1, "me")})
    files.release(session_id)

    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", CLAIMER, str(tmp_path), f"writer {number}", str(updates)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for number in range(processes)
        ]
        for process in running:
            stack.callback(process.kill)
        pipes = [(process.stdin, process.stdout) for process in running if process.stdin and process.stdout]
        assert [answers.readline() for _, answers in pipes] == ["ready\n"] * processes
        for orders, _ in pipes:
            orders.write("go\n")
            orders.flush()
        claims = [answers.readline().split() for _, answers in pipes]
        live = {session.session_id for session in files.read_newest("default") if session.live}

    owners = {claim[0]: f"writer {number}" for number, claim in enumerate(claims)}
    assert set(owners) == live
    assert len(owners) == processes
    assert [claim[0] for claim in claims if claim[1] == "True"] == [session_id]
    assert {claim[2] for claim in claims} == {"tcp://127.0.0.1:5555"}
    stored = [files.claim("default") for _ in running]
    assert {claimed.session_id: claimed.sections["x"] for claimed in stored} == {
        owned: Section(b"%d" % updates, updates, writer) for owned, writer in owners.items()
    }


HANDING_ON = """
import sys
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.context.context import Section

files = FileSessionStore(sys.argv[1])
for _ in range(int(sys.argv[3])):
    claimed = files.claim("default")
    sections = dict(claimed.sections)
    old = sections.get(sys.argv[2], Section(b"0", 0, sys.argv[2]))
    sections[sys.argv[2]] = Section(b"%d" % (int(old.value) + 1), old.counter + 1, sys.argv[2])
    files.save_context(claimed.session_id, sections)
    files.release(claimed.session_id)
"""


@pytest.mark.timeout(300)
@MANY
def test_sessions_that_go_from_hand_to_hand_keep_every_update(tmp_path: Path, processes: int, updates: int) -> None:
    """Each process counts under its own name, in whatever session it gets each time."""
    names = [f"writer {number}" for number in range(processes)]
    with ExitStack() as stack:
        running = [
            stack.enter_context(subprocess.Popen([sys.executable, "-c", HANDING_ON, str(tmp_path), name, str(updates)]))
            for name in names
        ]
        assert [process.wait(timeout=240) for process in running] == [0] * processes
    files = FileSessionStore(tmp_path)
    stored = [files.claim("default") for _ in list(files.read_newest())]
    counted = {
        name: sum(int(claimed.sections[name].value or b"0") for claimed in stored if name in claimed.sections)
        for name in names
    }
    assert counted == dict.fromkeys(names, updates)
    assert [claimed.notices for claimed in stored] == [()] * len(stored)
    assert len(stored) <= processes
