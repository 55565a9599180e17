"""A process is killed while it saves: what it had acknowledged is there, whole, for the next one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stui_supervisor.adapters.session_files import SessionFiles
from stui_supervisor.context import Section

ROUNDS = 30
SECTION_COUNT = 20
SAVER = f"""
import sys
from stui_supervisor.adapters.session_files import SessionFiles
from stui_supervisor.context import Section
from stui_supervisor.record import SessionRecord

files = SessionFiles(sys.argv[1])
claimed = files.claim("default")
number = max([section.counter for section in claimed.sections.values()], default=0)
print("owned", claimed.session_id, flush=True)
while True:
    number += 1
    value = b'"%d %s"' % (number, b"x" * 5_000)
    files.save_context(claimed.session_id, {{f"s{{i}}": Section(value, number, "me") for i in range({SECTION_COUNT})}})
    print("context", number, flush=True)
    files.save_record(claimed.session_id, SessionRecord(profile="default", endpoint=f"tcp://127.0.0.1:{{number}}"))
    print("record", number, flush=True)
"""


@contextmanager
def saver(root: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", SAVER, str(root)], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)
        assert process.stdout is not None
        process.stdout.close()


def killed_after(process: subprocess.Popen[str], lines: int) -> dict[str, str]:
    """The last acknowledgement of each kind, of a process killed once it had given so many."""
    assert process.stdout is not None
    acknowledged = [process.stdout.readline() for _ in range(lines)]
    assert all(acknowledged), "it ended by itself"
    process.kill()
    acknowledged += process.stdout.readlines()  # given before it died
    return dict(line.split() for line in acknowledged if line.endswith("\n"))


@pytest.mark.timeout(120)
def test_thirty_kills_leave_every_acknowledged_save_whole(tmp_path: Path) -> None:
    sessions = set()
    for round_number in range(ROUNDS):
        with saver(tmp_path) as process:
            acknowledged = killed_after(process, 2 + round_number % 5)
        files = SessionFiles(tmp_path)
        claimed = files.claim("default")
        files.release(claimed.session_id)
        sessions.add(claimed.session_id)
        assert claimed.notices == ()
        assert claimed.session_id == acknowledged["owned"]

        (number,) = {section.counter for section in claimed.sections.values()}
        assert number in {int(acknowledged["context"]), int(acknowledged["context"]) + 1}
        whole = Section(b'"%d %s"' % (number, b"x" * 5_000), number, "me")
        assert claimed.sections == {f"s{index}": whole for index in range(SECTION_COUNT)}
        if "record" in acknowledged:
            port = int(acknowledged["record"])
            endpoints = {f"tcp://127.0.0.1:{port}", f"tcp://127.0.0.1:{port + 1}"}
            assert claimed.record.endpoint in endpoints
    assert len(sessions) == 1


def test_the_session_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    files = SessionFiles(tmp_path)
    with saver(tmp_path) as process:
        assert process.stdout is not None
        owned = process.stdout.readline().split()[1]
        process.stdout.readline()
        (seen,) = files.read_newest("default")
        assert (seen.session_id, seen.live) == (owned, True)
        own = files.claim("default")
        assert own.session_id != owned
        assert own.fresh
    (seen,) = (session for session in files.read_newest("default") if session.session_id == owned)
    assert not seen.live
    assert files.claim("default").session_id == owned


def test_a_session_that_is_being_saved_is_always_in_the_listing(tmp_path: Path) -> None:
    files = SessionFiles(tmp_path)
    with saver(tmp_path) as process:
        assert process.stdout is not None
        owned = process.stdout.readline().split()[1]
        listings = [[(seen.session_id, seen.live) for seen in files.read_newest("default")] for _ in range(200)]
    assert listings == [[(owned, True)]] * 200
