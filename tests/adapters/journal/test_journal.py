from __future__ import annotations

import logging
import os
import platform
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog

from stui_supervisor import __version__
from stui_supervisor.adapters.journal.journal import StructlogJournal
from stui_supervisor.config import JOURNAL_CLOSE_S, JOURNAL_QUEUE_LENGTH, SESSION_KEPT_DAYS, Settings
from stui_supervisor.events import Beside, ContextSaved, Event, Notification, Problem, Transition
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.problems import ProblemCode
from stui_supervisor.security.secret import MASK, Secret
from tests.support.files.journals import AT, begin, close, codes, lines, moved, only_file, problem, switched, written

SETTINGS = Settings()


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
        close(journal)


Make = Callable[..., StructlogJournal]


def test_a_run_is_told_from_its_first_line_to_its_last(tmp_path: Path, make: Make) -> None:
    journal = make(Settings(journal_files=2, give_up_after_s=60.0), libzmq=lambda: "4.3.5")
    journal.begin("work", AT.astimezone(timezone(timedelta(hours=2))), 7.0)
    journal.record(
        Transition(
            at=AT.astimezone(timezone(timedelta(hours=2))),
            from_state=State.DISCONNECTED,
            to_state=State.RESTORING,
            trigger=Trigger.RESTORE,
            reason="the program starts, grün",
            endpoint="tcp://127.0.0.1:5555",
        ),
        Beside(4, "session-1", 7.25),
    )
    close(journal, AT + timedelta(seconds=2))
    first, second, last = lines(only_file(tmp_path))
    assert first == {
        "timestamp": "2026-11-22T13:30:00.123+00:00",
        "level": "info",
        "event": "run_began",
        "profile": "work",
        "session": None,
        "link": 0,
        "began_at": "2026-11-22T13:30:00.123+00:00",
        "version": __version__,
        "python": platform.python_version(),
        "libzmq": "4.3.5",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "pid": os.getpid(),
        "settings": {"give_up_after_s": 60.0, "journal_files": 2},
    }
    assert list(second.items()) == [
        ("timestamp", "2026-11-22T13:30:00.123+00:00"),
        ("level", "info"),
        ("event", "transition"),
        ("profile", "work"),
        ("session", "session-1"),
        ("link", 4),
        ("from", "disconnected"),
        ("to", "restoring"),
        ("trigger", "restore"),
        ("reason", "the program starts, grün"),
        ("endpoint", "tcp://127.0.0.1:5555"),
        ("attempt", 0),
        ("lasted_s", 0.25),
    ]
    assert last == {
        "timestamp": "2026-11-22T13:30:02.123+00:00",
        "level": "info",
        "event": "run_ended",
        "profile": "work",
        "session": "session-1",
        "link": 4,
        "began_at": "2026-11-22T13:30:00.123+00:00",
    }


def test_a_run_is_known_while_its_start_goes_on_and_the_rest_is_written_with_the_first_news(
    tmp_path: Path, make: Make
) -> None:
    journal = make()
    journal.begin("p", AT, 0.0)
    journal.record(moved(), Beside(0))
    journal.record(problem(1), Beside(0))
    written(journal)
    assert [line["event"] for line in lines(only_file(tmp_path))] == ["run_began"]
    journal.record(moved(State.CONNECTING, Trigger.RESTORED), Beside(1))
    written(journal)
    told = [line["event"] for line in lines(only_file(tmp_path))]
    assert told == ["run_began", "transition", "problem", "transition"]


def test_each_profile_and_each_supervisor_of_it_has_a_file_of_its_own(tmp_path: Path, make: Make) -> None:
    journals = {make(): "one", make(): "one", make(): "t.w o"}
    for number, (journal, profile) in enumerate(journals.items()):
        begin(journal, profile)
        journal.record(problem(number), Beside(1))
        written(journal)
    found = {path.name: codes(path) for path in sorted((tmp_path / "logs").iterdir())}
    process = rf"[0-9]{{8}}T[0-9]{{9}}Z-{os.getpid()}"
    names = (rf"one-{process}-2\.jsonl", rf"one-{process}\.jsonl", rf"t_w_o-{process}\.jsonl")
    assert all(re.fullmatch(name, made) for name, made in zip(names, found, strict=True)), list(found)
    assert list(found.values()) == [["code1"], ["code0"], ["code2"]]


def test_one_process_goes_on_with_the_file_of_its_profile(tmp_path: Path, make: Make) -> None:
    for number in range(3):
        journal = make()
        begin(journal)
        journal.record(problem(number), Beside(1))
        close(journal)
    events = [line["event"] for line in lines(only_file(tmp_path))]
    assert events == ["run_began", "transition", "transition", "problem", "run_ended"] * 3


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: fork")
def test_a_forked_child_has_a_file_of_its_own(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys, datetime\n"
        "from stui_supervisor.adapters.journal.journal import StructlogJournal\n"
        "from stui_supervisor.config import Settings\n"
        "def live():\n"
        "    journal = StructlogJournal(pathlib.Path(sys.argv[1]), Settings())\n"
        "    journal.begin('p', datetime.datetime.now(datetime.UTC), 0.0)\n"
        "    journal.close(datetime.datetime.now(datetime.UTC))\n"
        "live()\n"
        "child = os.fork()\n"
        "live()\n"
        "child and os.waitpid(child, 0)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "logs")], timeout=30, check=True)
    runs = {path.name: [line["pid"] for line in lines(path) if "pid" in line] for path in (tmp_path / "logs").iterdir()}
    assert sorted(map(len, runs.values())) == [1, 2]
    assert all(name.endswith(f"Z-{pids[0]}.jsonl") for name, pids in runs.items())


def test_a_journal_that_was_closed_may_be_opened_again(tmp_path: Path, make: Make) -> None:
    journal = make()
    for number in range(3):
        begin(journal)
        journal.record(problem(number), Beside(1))
        close(journal)
        close(journal)
    assert codes(only_file(tmp_path)) == ["code0", "code1", "code2"]


def test_closing_writes_what_was_only_counted(tmp_path: Path, make: Make) -> None:
    journal = make()
    begin(journal)
    for _ in range(100):
        journal.record(ContextSaved(at=AT, bytes=1), Beside(1))
    close(journal)
    saved = [line for line in lines(only_file(tmp_path)) if line["event"] == "saved"]
    assert sum(line.get("count", 1) for line in saved) == 100


def test_nothing_is_left_running_after_closing(make: Make) -> None:
    journal = make()
    begin(journal)
    journal.record(problem(), Beside(1))
    running = threads()
    assert running
    journal.close(AT)
    assert not [thread for thread in running if thread.is_alive()]


def test_the_files_of_a_process_stay_within_their_bounds_and_each_tells_whose_it_is(tmp_path: Path, make: Make) -> None:
    journal = make(Settings(journal_max_bytes=5_000, journal_files=3))
    begin(journal)
    for number in range(100):
        journal.record(switched(number), Beside(1, "s1"))
    close(journal)
    current, *older = sorted((tmp_path / "logs").iterdir(), key=lambda path: (len(path.name), path.name))
    name = current.name.removesuffix(".jsonl")
    assert [path.name for path in older] == [f"{name}.1.jsonl", f"{name}.2.jsonl"]
    assert max(path.stat().st_size for path in (current, *older)) <= 5_000
    assert lines(current)[-2]["reason"] == "reason99"
    for path in (current, *older):
        head = lines(path)[0]
        assert (head["event"], head["state"], head["session"], head["pid"]) == (
            *("run_continued", "connecting", "s1"),
            os.getpid(),
        )
        assert head["settings"] == {"journal_max_bytes": 5_000}


def test_a_file_too_small_for_anything_has_its_head_and_one_line(tmp_path: Path, make: Make) -> None:
    journal = make(Settings(journal_max_bytes=1, journal_files=1))
    begin(journal)
    for number in range(3):
        journal.record(problem(number), Beside(1))
    close(journal)
    assert [line["event"] for line in lines(only_file(tmp_path))] == ["run_continued", "run_ended"]


@pytest.mark.odd_logs
def test_the_log_that_nobody_used_for_long_goes_at_the_end_also_one_of_an_earlier_version(
    tmp_path: Path, make: Make
) -> None:
    (tmp_path / "logs").mkdir(mode=0o700)
    old, recent = SESSION_KEPT_DAYS + 1, SESSION_KEPT_DAYS - 1
    gone = {f"{uuid4()}.1.jsonl": old, "unsaved-7.jsonl": old, "p-20250102T030405678Z-12.1.jsonl": old}
    kept = {f"{uuid4()}.jsonl": recent, "q-20250102T030405678Z-12-2.jsonl": recent, "theirs.jsonl": old}
    for name, age in (gone | kept).items():
        (tmp_path / "logs" / name).write_text("x\n")
        os.utime(tmp_path / "logs" / name, (time.time() - age * 86_400,) * 2)
    journal = make()
    begin(journal)
    close(journal)
    found = {file.name for file in (tmp_path / "logs").iterdir()}
    assert found & (gone | kept).keys() == kept.keys()
    assert len(found - kept.keys()) == 1


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
    begin(journal)
    assert gate.reached.wait(10)
    for number in range(JOURNAL_QUEUE_LENGTH + 50):
        journal.record(switched(number), Beside(1))
    began = time.monotonic()
    journal.close(AT)
    assert JOURNAL_CLOSE_S <= time.monotonic() - began < JOURNAL_CLOSE_S + 0.5
    gate.open()
    gate.thread.join(20)
    found = lines(only_file(tmp_path))
    told = [line["event"] for line in found]
    assert told[:5] == ["run_began", "lines_dropped", "transition", "transition", "session_switched"]
    assert found[1] | {"count": 52, "level": "warning"} == found[1]  # two places are taken by the transitions
    assert (told.count("session_switched"), told[-1]) == (JOURNAL_QUEUE_LENGTH - 2, "run_ended")


def test_a_flood_of_notifications_crowds_no_line_out(tmp_path: Path, make: Make) -> None:
    journal = make()
    begin(journal)
    for number in range(JOURNAL_QUEUE_LENGTH + 50):
        journal.record(Notification(at=AT, topic="errors", body=number), Beside(1))
    journal.record(problem(1), Beside(1))
    close(journal)
    assert codes(only_file(tmp_path)) == ["code1"]


def test_a_directory_that_cannot_be_made_is_one_problem_and_no_error(tmp_path: Path, make: Make) -> None:
    (tmp_path / "logs").write_text("a file is in the way")
    journal = make()
    begin(journal)
    for number in range(3):
        journal.record(problem(number), Beside(1))
    close(journal)
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
    begin(journal)
    journal.record(problem(1), Beside(1))
    close(journal)
    (tmp_path / "logs").unlink()
    begin(journal)
    journal.record(problem(2), Beside(1))
    close(journal)
    assert refused.is_set()
    assert [(line["event"], line.get("count")) for line in lines(only_file(tmp_path))] == [
        ("run_began", None),
        ("lines_dropped", 4),  # with the last line of that run
        *[("transition", None)] * 2,
        ("problem", None),
        ("run_ended", None),
    ]


def test_an_event_that_cannot_be_shown_costs_its_own_line_only(tmp_path: Path, make: Make) -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    broken: Any = Broken()
    journal = make()
    begin(journal)
    journal.record(Problem(at=AT, code=ProblemCode.STORE_FAILED, message=broken, hint=""), Beside(1))
    journal.record(problem(2), Beside(1))
    close(journal)
    assert codes(only_file(tmp_path)) == ["lines_dropped", "code2"]
    assert journal.take_problem() is not None


def test_secrets_do_not_reach_the_disk(tmp_path: Path, make: Make) -> None:
    journal = make(secrets=lambda: (Secret("known-canary"),))
    begin(journal)
    journal.record(problem(1, 'refused {"auth_token": "keyed-canary"} of known-canary'), Beside(1))
    close(journal)
    (line,) = [line for line in lines(only_file(tmp_path)) if line["event"] == "problem"]
    assert line["message"] == f'refused {{"auth_token": "{MASK}"}} of {MASK}'


def test_a_line_that_cannot_be_redacted_is_not_written(tmp_path: Path, make: Make) -> None:
    def secrets() -> tuple[Secret, ...]:
        raise LookupError("no secrets today")

    journal = make(secrets=secrets)
    begin(journal)
    journal.record(problem(), Beside(1))
    close(journal)
    assert list(tmp_path.rglob("*.jsonl")) == []


def test_control_characters_are_escaped_in_the_file(tmp_path: Path, make: Make) -> None:
    journal = make()
    begin(journal)
    journal.record(problem(1, "\x1b[31m\x9b\u202e\nred"), Beside(1))
    close(journal)
    for line in only_file(tmp_path).read_text("utf-8").removesuffix("\n").split("\n"):
        assert line.isprintable()
        assert line.isascii()


def test_the_logging_of_the_host_program_and_structlog_itself_stay_as_they_were(make: Make) -> None:
    before = (dict(structlog.get_config()), structlog.is_configured(), list(logging.root.handlers))
    loggers, handlers = set(logging.root.manager.loggerDict), list(getattr(logging, "_handlerList"))  # noqa: B009  # private to logging, which types it not
    journal = make()
    begin(journal)
    journal.record(problem(), Beside(1))
    close(journal)
    assert (dict(structlog.get_config()), structlog.is_configured(), list(logging.root.handlers)) == before
    assert set(logging.root.manager.loggerDict) == loggers
    assert list(getattr(logging, "_handlerList")) == handlers  # noqa: B009  # private to logging, which types it not


def test_a_configuration_of_structlog_by_the_host_program_changes_nothing(tmp_path: Path, make: Make) -> None:
    def refuse(*_: Any) -> Any:
        raise structlog.DropEvent

    structlog.configure(processors=[refuse], wrapper_class=structlog.BoundLogger, cache_logger_on_first_use=True)
    try:
        journal = make()
        begin(journal)
        journal.record(problem(), Beside(1))
        close(journal)
    finally:
        structlog.reset_defaults()
    assert codes(only_file(tmp_path)) == ["code0"]


def test_structlog_is_not_imported_before_there_is_something_to_write(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from stui_supervisor.adapters.journal.journal import StructlogJournal\n"
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
    begin(journal)
    event: Event = ContextSaved(at=AT, bytes=1)
    costs = []
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(50):
            journal.record(event, Beside(1))
        costs.append((time.perf_counter() - began) / 50)
    assert min(costs) < 20e-6


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: descriptors are counted in /dev/fd")
def test_opening_and_closing_often_leaks_no_descriptor(make: Make) -> None:
    journal = make()
    for _ in range(2):
        begin(journal)
        close(journal)
    before = len(list(Path("/dev/fd").iterdir()))
    for number in range(50):
        begin(journal, f"p{number % 3}")
        journal.record(problem(number), Beside(1))
        close(journal)
    assert len(list(Path("/dev/fd").iterdir())) == before
