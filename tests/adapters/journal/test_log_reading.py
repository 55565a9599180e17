"""What reads the logs after each test finds every line that is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor.adapters.journal.journal import StructlogJournal
from stui_supervisor.adapters.journal.lines import LineName
from stui_supervisor.config import Settings
from stui_supervisor.events import AttemptScheduled, Beside, ContextSaved, MachineWoke, RequestFinished, Transition
from stui_supervisor.machine.states import Outcome, State, Trigger
from tests.support.files.canary import CANARY
from tests.support.files.journals import AT, begin, close, problem
from tests.support.files.log_reading import REQUIRED, faults_in

pytestmark = pytest.mark.odd_logs

Lines = list[dict[str, Any]]

WALK = (
    (Trigger.ESTABLISHED, State.CONNECTING, State.CONNECTED),
    (Trigger.LINK_LOST, State.CONNECTED, State.RECOVERING),
    (Trigger.ESTABLISHED, State.RECOVERING, State.CONNECTED),
    (Trigger.STOP, State.CONNECTED, State.DISCONNECTED),
)


def live(logs: Path, settings: Settings | None = None) -> None:
    """A run with a line of most kinds, a second between any two transitions."""
    journal = StructlogJournal(logs, settings or Settings())
    begin(journal)
    at = AT
    for number, (trigger, before, after) in enumerate(WALK, start=1):
        beside = Beside(1, "s1", float(number), "image", "boot")
        for _ in range(7):
            journal.record(ContextSaved(at=at, bytes=1), beside)
        journal.record(AttemptScheduled(at=at, attempt=2, delay_s=0.5, failure="refused"), beside)
        done = RequestFinished(at=at, command="ping", outcome=Outcome.REPLIED, duration_ms=1.0, request_id=f"r{number}")
        journal.record(done, beside)
        journal.record(MachineWoke(at=at, slept_s=1.0), beside)
        journal.record(problem(), beside)
        at = AT + timedelta(seconds=number)
        moved = Transition(at=at, from_state=before, to_state=after, trigger=trigger, reason="", endpoint=None)
        journal.record(moved, beside)
    close(journal, at)


def read(logs: Path) -> tuple[Path, Lines]:
    (path,) = logs.iterdir()
    return path, [json.loads(line) for line in path.read_text().splitlines()]


def write(path: Path, lines: Lines) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def first(lines: Lines, event: str) -> dict[str, Any]:
    return next(line for line in lines if line["event"] == event)


def again(end: dict[str, Any]) -> dict[str, Any]:
    """What another run would say of its beginning."""
    return {"timestamp": end["timestamp"], "began_at": end["timestamp"]}


def established(lines: Lines) -> dict[str, Any]:
    return next(line for line in lines if line.get("trigger") == "established")


def test_logs_that_are_as_they_should_be_have_no_faults(tmp_path: Path) -> None:
    live(tmp_path / "one")
    live(tmp_path / "two", Settings(journal_max_bytes=2_000, journal_files=20))
    assert len(list((tmp_path / "two").iterdir())) > 3
    live(tmp_path / "three", Settings(journal_max_bytes=2_000, journal_files=2))
    assert faults_in(tmp_path) == []


def test_every_event_of_the_log_is_known_to_what_reads_it_and_to_the_readme() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    explained = set(re.findall(r"`([a-z_]+)`", readme.partition("### What the log says")[2].partition("\n## ")[0]))
    names = {name.value for name in LineName}
    assert (names - explained, names ^ REQUIRED.keys()) == (set(), set())


Damage = Callable[[Lines], Any]
DAMAGES: dict[str, Damage] = {
    "its event is not known": lambda lines: lines[3].update(event="odd"),
    "does not begin with": lambda lines: lines[3].pop("session"),
    "its level is none": lambda lines: lines[3].update(level="error"),
    "its timestamp is none": lambda lines: lines[3].update(timestamp="2026-11-22T13:30:00+00:00"),
    "its link is none": lambda lines: lines[3].update(link=None),
    "its session is none": lambda lines: lines[3].update(session=7),
    "its profile is none": lambda lines: lines[3].update(profile=None),
    "does not begin with the head of a run": lambda lines: lines.pop(0),
    "the run is another process": lambda lines: lines[0].update(pid=1),
    "the profile is another": lambda lines: lines[3].update(profile="q"),
    "its settings is none": lambda lines: lines[0].update(settings={"token": "x"}),
    "did not begin when it was written": lambda lines: lines[0].update(began_at="2026-11-22T13:29:00.000+00:00"),
    "has other fields": lambda lines: first(lines, "request").update(code="3 + 4"),
    "has other fields than": lambda lines: first(lines, "request").pop("request_id"),
    "its outcome is none": lambda lines: first(lines, "request").update(outcome="fine"),
    "its duration_ms is none": lambda lines: first(lines, "request").update(duration_ms=-1),
    "its reason is none": lambda lines: first(lines, "transition").update(reason="x" * 1_001),
    "its lasted_s is none": lambda lines: established(lines).update(lasted_s=-1.0),
    "the state before lasted 1.0 s": lambda lines: established(lines).update(lasted_s=2.0),
    "has other fields than [": lambda lines: established(lines).pop("boot_id"),
    "its image_id is none": lambda lines: established(lines).update(image_id=7),
    "the state was connecting": lambda lines: established(lines).update({"from": "recovering"}),
    "the table knows no such transition": lambda lines: established(lines).update(to="degraded"),
    "the state was": lambda lines: lines.remove(established(lines)),
    "is earlier than the line before": lambda lines: lines.insert(1, lines.pop(-1)),
    "counts nothing": lambda lines: next(line for line in lines if "count" in line).update(count=0),
    "its until is none": lambda lines: next(line for line in lines if "count" in line).update(until=1),
    "belongs to no run": lambda lines: lines.append(first(lines, "problem")),
    "the run before has not ended": lambda lines: lines.append(lines[0] | again(lines.pop(-1))),
    "another run has begun": lambda lines: lines[-1].update(began_at=lines[-1]["timestamp"]),
    "holds the secret of the tests": lambda lines: first(lines, "problem").update(hint=CANARY),
    "its kind is none": lambda lines: established(lines).update(kind="none"),
}


@pytest.mark.parametrize("fault", DAMAGES)
def test_a_line_that_is_wrong_is_found(fault: str, tmp_path: Path) -> None:
    live(tmp_path / "logs")
    path, lines = read(tmp_path / "logs")
    DAMAGES[fault](lines)
    write(path, lines)
    found = faults_in(tmp_path)
    path.unlink()  # the secret of the tests may stand in it
    assert any(fault in one for one in found), found


@pytest.mark.parametrize(("content", "fault"), [(b"{\n", "no JSON"), (b"[]\n", "no object"), (b"{}", "no end")])
def test_what_is_no_line_is_found(content: bytes, fault: str, tmp_path: Path) -> None:
    live(tmp_path / "logs")
    path, _ = read(tmp_path / "logs")
    with path.open("ab") as file:
        file.write(content)
    assert any(re.search(rf"{fault}", found) for found in faults_in(tmp_path))


def test_a_file_that_goes_on_with_another_state_or_run_is_found(tmp_path: Path) -> None:
    for number, change in enumerate(({"state": "degraded"}, {"began_at": "2026-11-22T13:29:00.000+00:00"})):
        logs = tmp_path / str(number)
        live(logs, Settings(journal_max_bytes=4_000, journal_files=20))
        current = min(logs.iterdir(), key=lambda path: len(path.name))
        head, *lines = [json.loads(line) for line in current.read_text().splitlines()]
        write(current, [head | change, *lines])
        assert faults_in(logs) != []
