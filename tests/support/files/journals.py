"""Journals to write to, and what they wrote."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from stui_supervisor.adapters.journal.journal import StructlogJournal
from stui_supervisor.events import Beside, Problem, SessionSwitched, Transition
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.problems import ProblemCode

AT: Final = datetime(2026, 11, 22, 13, 30, 0, 123456, tzinfo=UTC)
_OF_THE_RUN: Final = {"run_began", "run_continued", "run_ended", "transition"}


def problem(number: int = 0, message: str | None = None) -> Problem:
    return Problem(at=AT, code=ProblemCode.STORE_FAILED, message=message or f"m{number}", hint=f"code{number}")


def switched(number: int) -> SessionSwitched:
    """What is a line of its own each time."""
    return SessionSwitched(at=AT, session_id="s", image_id=None, reason=f"reason{number}")


def moved(to_state: State = State.RESTORING, trigger: Trigger = Trigger.RESTORE) -> Transition:
    from_state = State.DISCONNECTED if to_state is State.RESTORING else State.RESTORING
    return Transition(at=AT, from_state=from_state, to_state=to_state, trigger=trigger, reason="", endpoint=None)


def begin(journal: StructlogJournal, profile: str = "p") -> None:
    """A run begins, and has left the state in which nothing is written yet."""
    journal.begin(profile, AT, 0.0)
    journal.record(moved(), Beside(0))
    journal.record(moved(State.CONNECTING, Trigger.RESTORED), Beside(1))


def close(journal: StructlogJournal, at: datetime = AT) -> None:
    """The run has ended, and all of it is written."""
    journal.close(at)
    finish_writing()


def finish_writing() -> None:
    """What is to be written by runs that have ended is in their files, however long a busy machine takes for that."""
    for thread in threading.enumerate():
        if thread.name == "stui-journal":
            thread.join(10)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def only_file(home: Path) -> Path:
    (file,) = (home / "logs").iterdir()
    return file


def codes(file: Path) -> list[str]:
    """Of the problems, and the names of other lines but those of the run itself."""
    told = [line.get("hint", line["event"]) for line in lines(file)]
    return [name for name in told if name not in _OF_THE_RUN]


def written(journal: StructlogJournal) -> None:
    """What was recorded so far, and has news, is in the file."""
    done = threading.Event()
    journal._worker.post(done.set)
    assert done.wait(10)
