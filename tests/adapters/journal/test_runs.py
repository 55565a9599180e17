from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor.adapters.journal.journal import StructlogJournal
from stui_supervisor.config import LOGS_TOLD, Settings
from tests.support.files.journals import begin, close, lines, only_file

PROGRAM = """
import os, pathlib, sys
from datetime import timedelta
from stui_supervisor.adapters.journal.journal import StructlogJournal
from stui_supervisor.config import Settings
from tests.support.files.journals import AT, begin, close, written
journal = StructlogJournal(pathlib.Path(sys.argv[1]), Settings())
begin(journal)
written(journal)
"""
KILL = "os._exit(9)"  # nothing of the program comes to its end, as after a kill


@contextmanager
def living(logs: Path, then: str) -> Iterator[subprocess.Popen[str]]:
    """A process that logs a run of the profile p, and then does this."""
    words = [sys.executable, "-c", PROGRAM + then, str(logs)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def killed(logs: Path, then: str = KILL) -> int:
    """The number of such a process, which has ended without stopping."""
    with living(logs, then) as process:
        process.communicate(timeout=30)
    return process.pid


def live(logs: Path, profile: str = "p") -> None:
    """A run of this very process, from its beginning to its end."""
    journal = StructlogJournal(logs, Settings())
    begin(journal, profile)
    close(journal)


def without_end(file: Path) -> list[dict[str, Any]]:
    return [line for line in lines(file) if line["event"] == "run_without_end"]


def test_the_next_run_of_the_profile_says_once_that_one_has_not_told_its_end(tmp_path: Path) -> None:
    pid = killed(tmp_path / "logs")
    before = only_file(tmp_path)
    live(tmp_path / "logs", "q")
    for _ in range(2):
        live(tmp_path / "logs")
    (own,) = set((tmp_path / "logs").glob("p-*")) - {before}
    (said,) = without_end(own)
    assert said == {
        "timestamp": lines(own)[0]["timestamp"],
        "level": "warning",
        "event": "run_without_end",
        "profile": "p",
        "session": None,
        "link": 0,
        "log": before.name,
        "pid": pid,
        "began_at": lines(before)[0]["began_at"],
        "alive_at": lines(before)[-2]["timestamp"],
        "state": "connecting",
        "last_session": None,
    }
    assert lines(before)[-1] == said
    assert [line["event"] for line in lines(own)[:2]] == ["run_began", "run_without_end"]
    assert [without_end(path) for path in (tmp_path / "logs").glob("q-*")] == [[]]


def test_the_last_moment_of_life_is_the_one_that_the_file_shows_without_a_line(tmp_path: Path) -> None:
    killed(tmp_path / "logs", f"journal.lives(AT + timedelta(seconds=61.5)); written(journal); {KILL}")
    before = only_file(tmp_path)
    live(tmp_path / "logs")
    assert without_end(before)[0]["alive_at"] == "2026-11-22T13:31:01.000+00:00"


def test_a_copy_of_a_log_is_not_taken_for_a_sign_of_life(tmp_path: Path) -> None:
    killed(tmp_path / "logs")
    before = only_file(tmp_path)
    os.utime(before, ns=(0, 1_900_000_000_000_001_000))
    live(tmp_path / "logs")
    assert without_end(before)[0]["alive_at"] == "2026-11-22T13:30:00.123+00:00"


@pytest.mark.odd_logs
def test_a_line_that_was_cut_off_and_a_file_without_a_beginning_are_no_obstacle(tmp_path: Path) -> None:
    killed(tmp_path / "logs")
    before = only_file(tmp_path)
    with before.open("ab") as file:
        file.write(b'{"event": "transi')
    odd = {
        "p-20250102T030405678Z-1.jsonl": b"",
        "p-20250102T030405678Z-2.jsonl": b"[1]\nnull\n{}\n" + b"[" * 100_000,
        "p-20250102T030405678Z-3.jsonl": b'{"event": "saved", "timestamp": "2026"}\n',
        "p-20250102T030405678Z-4.jsonl": b'{"event": "run_began", "timestamp": 5, "profile": "p"}\n',
        "p-20250102T030405678Z-5.jsonl": b'{"event": "run_began", "timestamp": "x", "profile": ["p"], "pid": "y"}\n',
    }
    for name, content in odd.items():
        (tmp_path / "logs" / name).write_bytes(content)
    live(tmp_path / "logs")
    (own,) = {path for path in (tmp_path / "logs").iterdir() if str(os.getpid()) in path.name}
    assert [line["log"] for line in without_end(own)] == [before.name]
    assert {name: (tmp_path / "logs" / name).read_bytes() for name in odd} == odd
    assert json.loads(before.read_text().splitlines()[-1])["event"] == "run_without_end"


def test_a_run_that_goes_on_is_not_taken_for_one_without_an_end(tmp_path: Path) -> None:
    words = "print('there', flush=True); sys.stdin.read(); journal.close(AT)"
    with living(tmp_path / "logs", words) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        first = only_file(tmp_path)
        live(tmp_path / "logs")
        process.communicate(timeout=30)
    assert [without_end(path) for path in (tmp_path / "logs").iterdir()] == [[], []]
    assert lines(first)[-1]["event"] == "run_ended"


@pytest.mark.odd_logs
def test_a_bounded_number_of_runs_is_told_of_at_once_the_latest_first(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir(mode=0o700)
    began = {"event": "run_began", "timestamp": "2026-11-22T13:00:00.000+00:00", "profile": "p", "pid": 7}
    for number in range(LOGS_TOLD + 5):
        (tmp_path / "logs" / f"p-20250102T0304{number:05d}Z-7.jsonl").write_text(json.dumps(began) + "\n")
    for _ in range(2):
        live(tmp_path / "logs")
    (own,) = {path for path in (tmp_path / "logs").iterdir() if f"-{os.getpid()}." in path.name}
    told = [line["log"] for line in without_end(own)]
    assert told == [f"p-20250102T0304{number:05d}Z-7.jsonl" for number in reversed(range(LOGS_TOLD + 5))]
