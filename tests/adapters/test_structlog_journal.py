from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog

from stui_supervisor.adapters.structlog_journal import StructlogJournal
from stui_supervisor.config import JOURNAL_CLOSE_S, JOURNAL_QUEUE_LENGTH, SESSION_KEPT_DAYS, Settings
from stui_supervisor.events import ContextSaved, Event, Notification, Problem, Transition
from stui_supervisor.ports import Journal
from stui_supervisor.problems import ProblemCode
from stui_supervisor.secret import MASK, Secret
from stui_supervisor.states import State, Trigger

AT = datetime(2026, 11, 22, 13, 30, 0, 123456, tzinfo=UTC)
SETTINGS = Settings()


def problem(number: int = 0, message: str = "m") -> Problem:
    return Problem(at=AT, code=ProblemCode.STORE_FAILED, message=message, hint=f"code{number}")


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def codes(file: Path) -> list[str]:
    return [line.get("hint", line["event"]) for line in lines(file)]


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "stui-journal"]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., StructlogJournal]]:
    made = []

    def make(settings: Settings = SETTINGS, **options: Any) -> StructlogJournal:
        made.append(StructlogJournal(tmp_path / "logs", settings, **options))
        return made[-1]

    yield make
    for journal in made:
        journal.close()


Make = Callable[..., StructlogJournal]


def test_a_transition_is_one_json_line_with_the_promised_names(tmp_path: Path, make: Make) -> None:
    journal: Journal = make()
    journal.open("session-1", "work")
    journal.record(
        Transition(
            at=AT.astimezone(timezone(timedelta(hours=2))),
            from_state=State.CONNECTING,
            to_state=State.CONNECTED,
            trigger=Trigger.ESTABLISHED,
            reason="the handshake is complete, grün",
            endpoint="tcp://127.0.0.1:5555",
        ),
        link=4,
    )
    journal.close()
    text = (tmp_path / "logs" / "session-1.jsonl").read_bytes()
    expected = {
        "timestamp": "2026-11-22T13:30:00.123+00:00",
        "level": "info",
        "event": "transition",
        "profile": "work",
        "session": "session-1",
        "link": 4,
        "from": "connecting",
        "to": "connected",
        "trigger": "established",
        "reason": "the handshake is complete, grün",
        "endpoint": "tcp://127.0.0.1:5555",
        "attempt": 0,
    }
    assert text == (json.dumps(expected) + "\n").encode()


def test_what_was_recorded_before_the_session_had_a_name_is_written_then(tmp_path: Path, make: Make) -> None:
    journal = make()
    journal.record(problem(1), link=0)
    journal.record(problem(2), link=0)
    journal.open("s", "p")
    journal.record(problem(3), link=1)
    journal.close()
    assert codes(tmp_path / "logs" / "s.jsonl") == ["code1", "code2", "code3"]


def test_another_session_gets_a_file_of_its_own(tmp_path: Path, make: Make) -> None:
    journal = make()
    journal.open("one", "p")
    journal.record(problem(1), link=1)
    journal.open("two", "p")
    journal.record(problem(2), link=1)
    journal.close()
    assert {path.name: codes(path) for path in (tmp_path / "logs").iterdir()} == {
        "one.jsonl": ["code1"],
        "two.jsonl": ["code2"],
    }


def test_a_journal_that_was_closed_may_be_opened_again(tmp_path: Path, make: Make) -> None:
    journal = make()
    for number in range(3):
        journal.open("s", "p")
        journal.record(problem(number), link=1)
        journal.close()
        journal.close()
    assert codes(tmp_path / "logs" / "s.jsonl") == ["code0", "code1", "code2"]


def test_closing_writes_what_was_only_counted(tmp_path: Path, make: Make) -> None:
    journal = make()
    journal.open("s", "p")
    for _ in range(100):
        journal.record(ContextSaved(at=AT, bytes=1), link=1)
    journal.close()
    assert sum(line.get("count", 1) for line in lines(tmp_path / "logs" / "s.jsonl")) == 100


def test_nothing_is_left_running_after_closing(make: Make) -> None:
    journal = make()
    journal.open("s", "p")
    journal.record(problem(), link=1)
    running = threads()
    assert running
    journal.close()
    assert not [thread for thread in running if thread.is_alive()]


def test_the_files_of_a_session_stay_within_their_bounds(tmp_path: Path, make: Make) -> None:
    journal = make(Settings(journal_max_bytes=5_000, journal_files=3))
    journal.open("s", "p")
    for number in range(100):
        journal.record(problem(number), link=1)
    journal.close()
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "logs").iterdir()}
    assert sizes.keys() == {"s.jsonl", "s.1.jsonl", "s.2.jsonl"}
    assert max(sizes.values()) <= 5_000
    assert codes(tmp_path / "logs" / "s.jsonl")[-1] == "code99"


def test_the_log_of_a_session_that_nobody_used_for_long_goes_at_the_end(tmp_path: Path, make: Make) -> None:
    (tmp_path / "logs").mkdir(mode=0o700)
    old, recent = SESSION_KEPT_DAYS + 1, SESSION_KEPT_DAYS - 1
    kept = {f"{uuid4()}.jsonl": recent, "theirs.jsonl": old}
    for name, age in {f"{uuid4()}.1.jsonl": old, "unsaved-7.jsonl": old, **kept}.items():
        (tmp_path / "logs" / name).write_text("x\n")
        os.utime(tmp_path / "logs" / name, (time.time() - age * 86_400,) * 2)
    journal = make()
    journal.open("s", "p")
    journal.record(problem(), link=1)
    journal.close()
    assert {file.name for file in (tmp_path / "logs").iterdir()} == {"s.jsonl", *kept}


def test_a_session_id_never_leaves_the_directory(tmp_path: Path, make: Make) -> None:
    journal = make()
    journal.open("../../etc/x\n" + "y" * 500, "p")
    journal.record(problem(), link=1)
    journal.close()
    (file,) = (tmp_path / "logs").iterdir()
    assert file.name == ("______etc_x_" + "y" * 500)[:100] + ".jsonl"


class Gate:
    """Holds the journal's thread where it asks for the secrets, until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()
        self.thread = threading.current_thread()

    def __call__(self) -> tuple[Secret, ...]:
        self.thread = threading.current_thread()
        self.reached.set()
        assert self._open.wait(30)
        return ()

    def open(self) -> None:
        self._open.set()


def test_a_disk_that_hangs_drops_with_a_count_and_holds_up_nobody(tmp_path: Path, make: Make) -> None:
    gate = Gate()
    journal = make(secrets=gate)
    journal.open("s", "p")
    journal.record(problem(-1), link=1)
    assert gate.reached.wait(10)
    for number in range(JOURNAL_QUEUE_LENGTH + 50):
        journal.record(problem(number), link=1)
    began = time.monotonic()
    journal.close()
    assert JOURNAL_CLOSE_S <= time.monotonic() - began < JOURNAL_CLOSE_S + 0.5
    gate.open()
    gate.thread.join(20)
    written = lines(tmp_path / "logs" / "s.jsonl")
    assert [line["event"] for line in written[:3]] == ["problem", "lines_dropped", "problem"]
    assert written[1] | {"count": 50, "level": "warning"} == written[1]
    assert len(written) == 2 + JOURNAL_QUEUE_LENGTH


def test_a_flood_of_notifications_crowds_no_line_out(tmp_path: Path, make: Make) -> None:
    journal = make()
    for number in range(JOURNAL_QUEUE_LENGTH + 50):
        journal.record(Notification(at=AT, topic="errors", body=number), link=1)
    journal.record(problem(1), link=1)
    journal.open("s", "p")
    journal.close()
    assert codes(tmp_path / "logs" / "s.jsonl") == ["code1"]


def test_a_directory_that_cannot_be_made_is_one_problem_and_no_error(tmp_path: Path, make: Make) -> None:
    (tmp_path / "logs").write_text("a file is in the way")
    journal = make()
    journal.open("s", "p")
    for number in range(3):
        journal.record(problem(number), link=1)
    journal.close()
    notice = journal.take_problem()
    assert notice is not None
    assert journal.take_problem() is None
    assert (notice.code, notice.hint) == (
        "journal_unwritable",
        "make room or mend the rights of that directory; supervision goes on without a log",
    )
    assert str(tmp_path / "logs") in notice.message


def test_lines_that_a_disk_refused_are_counted_once_it_takes_them_again(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file is in the way")
    refused = threading.Event()

    def secrets() -> tuple[Secret, ...]:
        refused.set()
        return ()

    journal = StructlogJournal(tmp_path / "logs", SETTINGS, secrets=secrets)
    journal.open("s", "p")
    journal.record(problem(1), link=1)
    journal.close()
    (tmp_path / "logs").unlink()
    journal.open("s", "p")
    journal.record(problem(2), link=1)
    journal.close()
    assert refused.is_set()
    assert [(line["event"], line.get("count")) for line in lines(tmp_path / "logs" / "s.jsonl")] == [
        ("lines_dropped", 1),
        ("problem", None),
    ]


def test_an_event_that_cannot_be_shown_costs_its_own_line_only(tmp_path: Path, make: Make) -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    broken: Any = Broken()
    journal = make()
    journal.open("s", "p")
    journal.record(Problem(at=AT, code=ProblemCode.STORE_FAILED, message=broken, hint=""), link=1)
    journal.record(problem(2), link=1)
    journal.close()
    assert codes(tmp_path / "logs" / "s.jsonl") == ["lines_dropped", "code2"]
    assert journal.take_problem() is not None


def test_secrets_do_not_reach_the_disk(tmp_path: Path, make: Make) -> None:
    journal = make(secrets=lambda: (Secret("known-canary"),))
    journal.open("s", "p")
    journal.record(problem(1, 'refused {"auth_token": "keyed-canary"} of known-canary'), link=1)
    journal.close()
    (line,) = lines(tmp_path / "logs" / "s.jsonl")
    assert line["message"] == f'refused {{"auth_token": "{MASK}"}} of {MASK}'


def test_a_line_that_cannot_be_redacted_is_not_written(tmp_path: Path, make: Make) -> None:
    def secrets() -> tuple[Secret, ...]:
        raise LookupError("no secrets today")

    journal = make(secrets=secrets)
    journal.open("s", "p")
    journal.record(problem(), link=1)
    journal.close()
    assert list(tmp_path.rglob("*.jsonl")) == []


def test_control_characters_are_escaped_in_the_file(tmp_path: Path, make: Make) -> None:
    journal = make()
    journal.open("s", "p")
    journal.record(problem(1, "\x1b[31m\x9b\u202e\nred"), link=1)
    journal.close()
    text = (tmp_path / "logs" / "s.jsonl").read_text("utf-8").removesuffix("\n")
    assert text.isprintable()
    assert text.isascii()


def test_the_logging_of_the_host_program_and_structlog_itself_stay_as_they_were(make: Make) -> None:
    before = (dict(structlog.get_config()), structlog.is_configured(), list(logging.root.handlers))
    loggers, handlers = set(logging.root.manager.loggerDict), list(getattr(logging, "_handlerList"))  # noqa: B009  # private to logging, which types it not
    journal = make()
    journal.open("s", "p")
    journal.record(problem(), link=1)
    journal.close()
    assert (dict(structlog.get_config()), structlog.is_configured(), list(logging.root.handlers)) == before
    assert set(logging.root.manager.loggerDict) == loggers
    assert list(getattr(logging, "_handlerList")) == handlers  # noqa: B009  # private to logging, which types it not


def test_a_configuration_of_structlog_by_the_host_program_changes_nothing(tmp_path: Path, make: Make) -> None:
    def refuse(*_: Any) -> Any:
        raise structlog.DropEvent

    structlog.configure(processors=[refuse], wrapper_class=structlog.BoundLogger, cache_logger_on_first_use=True)
    try:
        journal = make()
        journal.open("s", "p")
        journal.record(problem(), link=1)
        journal.close()
    finally:
        structlog.reset_defaults()
    assert codes(tmp_path / "logs" / "s.jsonl") == ["code0"]


def test_structlog_is_not_imported_before_there_is_something_to_write(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from stui_supervisor.adapters.structlog_journal import StructlogJournal\n"
        "from stui_supervisor.config import Settings\n"
        "journal = StructlogJournal(pathlib.Path(sys.argv[1]), Settings())\n"
        "print('structlog' in sys.modules)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=30, check=True
    )
    assert found.stdout.split() == ["False"]


def test_recording_costs_the_loop_microseconds(make: Make) -> None:
    journal = make()
    journal.open("s", "p")
    event: Event = ContextSaved(at=AT, bytes=1)
    costs = []
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(50):
            journal.record(event, link=1)
        costs.append((time.perf_counter() - began) / 50)
    assert min(costs) < 20e-6


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: descriptors are counted in /dev/fd")
def test_opening_and_closing_often_leaks_no_descriptor(make: Make) -> None:
    journal = make()
    for _ in range(2):
        journal.open("s", "p")
        journal.close()
    before = len(list(Path("/dev/fd").iterdir()))
    for number in range(50):
        journal.open(f"s{number % 3}", "p")
        journal.record(problem(number), link=1)
        journal.close()
    assert len(list(Path("/dev/fd").iterdir())) == before
