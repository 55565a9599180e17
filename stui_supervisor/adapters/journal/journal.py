"""The structured log: one JSON object per line, one bounded file per process and profile.

The event loop only puts events into a queue. One thread of our own turns them into lines, brings
structlog in and writes. Structlog is used through a private logger: the host program's ``logging``
and structlog's global configuration are neither read nor changed.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from stui_supervisor.adapters.files.notices import unwritable_log_notice
from stui_supervisor.adapters.host.worker import Worker
from stui_supervisor.adapters.journal.lines import Line, LineDigest, LineName, stamp
from stui_supervisor.adapters.journal.rotated_file import RotatedFile, abandoned, remove_outlived
from stui_supervisor.adapters.journal.runs import first_values, is_over, last_run, without_end
from stui_supervisor.config import (
    JOURNAL_CLOSE_S,
    JOURNAL_QUEUE_LENGTH,
    LOG_END_BYTES,
    LOG_READ_MAX_BYTES,
    LOGS_CLEANED,
    LOGS_KEPT,
    LOGS_MAX_BYTES,
    LOGS_TOLD,
    SESSION_KEPT_DAYS,
    Settings,
)
from stui_supervisor.events import Beside, Event, Notification, RequestFinished, Transition
from stui_supervisor.machine.states import Outcome, State
from stui_supervisor.security.redaction import redact
from stui_supervisor.security.secret import Secret
from stui_supervisor.session.records import Notice

_NOT_IN_FILE_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]")
_NAME_MAX_LENGTH: Final = 100
_PROCESS: Final = r"[0-9]{8}T[0-9]{9}Z-[0-9]+"
# Of earlier versions those of sessions, and of runs without one.
_OURS: Final = re.compile(
    rf"[A-Za-z0-9_-]+-{_PROCESS}(-[0-9]+)?|[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}|unsaved-[0-9]+"
)
_ROUTINE_MAX: Final = JOURNAL_QUEUE_LENGTH // 4
_KEPT_S: Final = timedelta(days=SESSION_KEPT_DAYS).total_seconds()
# What tells of a run at its beginning does not wait for structlog: who is killed then is known all the same.
_WITHOUT_STRUCTLOG: Final = {LineName.RUN_BEGAN, LineName.RUN_WITHOUT_END}
_HEAD: Final = ("timestamp", "level", "event", "profile", "session", "link")


class _BeginMark(NamedTuple):
    """A mark in the queue: a run begins."""

    profile: str
    process: str
    at: datetime
    elapsed_s: float


class _CloseMark(NamedTuple):
    """A mark in the queue: the run ends, and the file is let go when all before it is written."""

    at: datetime


class _QueuedEvent(NamedTuple):
    event: Event
    beside: Beside


class StructlogJournal:
    """The Journal of one supervisor, in the directory ``logs``.

    ``secrets`` gives the texts that no line may hold, ``libzmq`` its version or None where it is not used; both are
    called from the journal's own thread.
    """

    def __init__(
        self,
        logs: Path,
        settings: Settings,
        *,
        secrets: Callable[[], Iterable[Secret]] = tuple[Secret, ...],
        libzmq: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._scribe = _JournalWriter(logs, settings, secrets, libzmq)
        self._worker = Worker("stui-journal")
        self._queue: deque[_BeginMark | _QueuedEvent | _CloseMark] = deque()
        self._dropped = 0
        self._is_told = False
        self._is_open = False
        self._is_awake = False
        self._has_news = False
        self._alive_at: datetime | None = None
        self._one_drain = threading.Lock()

    def take_problem(self) -> Notice | None:
        """See ports.Journal."""
        problem = None if self._is_told else self._scribe.problem
        self._is_told |= problem is not None
        return problem

    def begin(self, profile: str, at: datetime, elapsed_s: float) -> None:
        """A run begins, which is written at once; what follows with its first news, as structlog is slow to import."""
        self._queue.append(_BeginMark(profile, _process(os.getpid()), at, elapsed_s))
        self._is_open, self._has_news, self._alive_at = True, False, at
        self._wake()

    def record(self, event: Event, beside: Beside) -> None:
        """Write one event. Never blocks and never raises."""
        if isinstance(event, Notification):
            return  # no line of the log; a flood of them would crowd out those that are
        if len(self._queue) >= JOURNAL_QUEUE_LENGTH:
            self._dropped += 1
            return
        self._queue.append(_QueuedEvent(event, beside))
        is_much = len(self._queue) >= _ROUTINE_MAX
        self._has_news |= is_much or (isinstance(event, Transition) and event.to_state is not State.RESTORING)
        is_due = self._has_news and (is_much or not _is_routine(event))
        if self._is_open and not self._is_awake and is_due:
            self._wake()

    def lives(self, at: datetime) -> None:
        """The run lives at this moment, which the file shows."""
        self._alive_at = at
        if self._is_open and not self._is_awake:
            self._wake()

    def close(self, at: datetime) -> None:
        """Write what is left, for at most a moment, and let go of the file. A later ``begin`` starts anew."""
        if not self._is_open:
            return
        self._queue.append(_CloseMark(at))
        self._is_open = False
        self._wake()
        self._worker.close(JOURNAL_CLOSE_S)

    def _wake(self) -> None:
        self._is_awake = True
        try:
            self._worker.post(self._drain)
        except RuntimeError:  # no thread to be had: what waits is written when there is one
            self._is_awake = False

    def _drain(self) -> None:
        """Empty the queue, in the worker's thread.

        The flag falls first, so what comes meanwhile wakes the thread again. The lock matters when a
        disk hung at ``close`` and another thread was started by what came then.
        """
        with self._one_drain:
            self._is_awake = False
            while self._queue and (self._has_news or not self._is_open or isinstance(self._queue[0], _BeginMark)):
                match self._queue.popleft():
                    case _BeginMark() as begun:
                        self._scribe.begin(begun)
                    case _QueuedEvent(event, beside):
                        self._scribe.write(event, beside, dropped=self._dropped)
                    case _CloseMark(at):
                        self._scribe.close(at)
            if self._is_open and self._alive_at is not None:
                self._scribe.lives(self._alive_at)


class _JournalWriter:
    """Writes the file, which may block and fail; everything but ``problem`` is for the worker's thread alone.

    ``except Exception`` is right here: whatever is wrong with a disk, a library or one event, the
    thread goes on with the next one and the link never hears of it. What is lost is counted.
    """

    def __init__(
        self,
        logs: Path,
        settings: Settings,
        secrets: Callable[[], Iterable[Secret]],
        libzmq: Callable[[], str | None],
    ) -> None:
        self.problem: Notice | None = None
        self._logs = logs
        self._settings = settings
        self._secrets = secrets
        self._libzmq = libzmq
        self._logger: Any = None
        self._run: _Run | None = None
        self._file: RotatedFile | None = None
        self._dropped = 0
        self._lost = 0
        self._written_at = 0.0

    def begin(self, begun: _BeginMark) -> None:
        """The file is made, and earlier runs are told of; where that fails, it is tried again with each line."""
        self._run = _Run(begun)
        try:
            self._opened(self._run)
        except Exception as error:  # noqa: BLE001  # see the class
            self._note_problem(error)

    def write(self, event: Event, beside: Beside, *, dropped: int) -> None:
        """Write what the event causes; ``dropped`` is how many events never came this far, ever."""
        self._lost, self._dropped = self._lost + dropped - self._dropped, dropped
        if self._run is None:
            return
        try:
            lines = self._run.digest.lines(event, beside)
        except Exception as error:  # noqa: BLE001  # see the class
            self._fail(error)
        else:
            self._write(self._run, lines)

    def lives(self, at: datetime) -> None:
        """Set the time of the file, unless a line of the same moment shows already that the run lives."""
        if self._file is not None and at.timestamp() > self._written_at:
            self._written_at = at.timestamp()
            with suppress(OSError):
                self._file.touch(int(self._written_at))

    def close(self, at: datetime) -> None:
        run, self._run = self._run, None
        if run is None:
            return
        self._write(run, run.digest.end(at, {"began_at": stamp(run.at)}))
        if self._file is not None:
            self._file.close()
            self._file = None
        with suppress(OSError):  # those of processes that are gone would fill the disk in the end
            remove_outlived(
                self._logs,
                _OURS,
                before_s=time.time() - _KEPT_S,
                keep=LOGS_KEPT,
                max_bytes=LOGS_MAX_BYTES,
                at_most=LOGS_CLEANED,
            )

    def _write(self, run: _Run, lines: Iterable[Line]) -> None:
        for line in lines:
            try:
                file = self._opened(run)
                if self._lost:
                    lost = Line(line.at, LineName.LINES_DROPPED, line.link, {"count": self._lost}, is_warning=True)
                    self._put(run, file, lost)
                    self._lost = 0
                self._put(run, file, line)
            except Exception as error:  # noqa: BLE001  # see the class
                self._fail(error)

    def _put(self, run: _Run, file: RotatedFile, line: Line) -> None:
        file.write(self._text(run, line), lambda: self._text(run, self._head(run, line.at)))
        self._written_at = line.at.timestamp()
        run.state = line.values["to"] if line.name is LineName.TRANSITION else run.state

    def _head(self, run: _Run, at: datetime) -> Line:
        """The first line of each further file, so that every file tells whose it is."""
        return run.digest.head(at, {**first_values(run.at, self._settings, self._libzmq()), "state": run.state})

    def _opened(self, run: _Run) -> RotatedFile:
        """The file, in which the run has said that it began, and which runs before it have not ended."""
        if self._file is None:
            first = Line(run.at, LineName.RUN_BEGAN, 0, first_values(run.at, self._settings, self._libzmq()))
            text, file = self._text(run, first), self._claimed(run)
            try:
                file.write(text)
            except OSError:
                file.close()
                raise
            self._file, self._written_at = file, run.at.timestamp()
            with suppress(OSError):
                for line in self._unended(run):
                    self._put(run, file, line)
        return self._file

    def _claimed(self, run: _Run) -> RotatedFile:
        """A file that no other supervisor of this process and profile writes to meanwhile."""
        limits = {"max_bytes": self._settings.journal_max_bytes, "files": self._settings.journal_files}
        file = RotatedFile(self._logs, run.name, **limits)
        number = 1
        while not file.take():
            number += 1
            file = RotatedFile(self._logs, f"{run.name}-{number}", **limits)
        return file

    def _unended(self, run: _Run) -> Iterator[Line]:
        """What is to be said of earlier runs of the profile that have not told their end, once of each."""
        names = re.compile(rf"{re.escape(run.profile_in_names)}-({_PROCESS})(-[0-9]+)?\.jsonl")
        told = 0
        for path in sorted(self._logs.iterdir(), reverse=True):
            match = names.fullmatch(path.name)
            if match is None or match[1] == run.process or told == LOGS_TOLD:
                continue
            with suppress(OSError), abandoned(path) as log:
                if log is None or is_over(log.name, log.end(LOG_END_BYTES)):
                    continue
                last = last_run(log.end(LOG_READ_MAX_BYTES), log.touched_at_s)
                if last is None or last.profile != run.profile:
                    continue
                line = Line(run.at, LineName.RUN_WITHOUT_END, 0, without_end(log.name, last), is_warning=True)
                log.append(self._text(run, line))
                told += 1
                yield line

    def _text(self, run: _Run, line: Line) -> str:
        head = {"timestamp": stamp(line.at), "profile": run.profile, "session": line.session, "link": line.link}
        if line.name in _WITHOUT_STRUCTLOG:
            level = "warning" if line.is_warning else "info"
            whole = _head_first(None, "", {**head, "level": level, "event": line.name, **line.values})
            return redact(json.dumps(whole), self._secrets())
        self._logger = self._logger or _private_logger(self._secrets)
        log = self._logger.warning if line.is_warning else self._logger.info
        text: str = log(line.name, **head, **line.values)
        return text

    def _fail(self, error: Exception) -> None:
        self._lost += 1
        self._note_problem(error)

    def _note_problem(self, error: Exception) -> None:
        self.problem = self.problem or unwritable_log_notice(self._logs, error)


class _Run:
    """One run, as the thread that writes it knows it."""

    def __init__(self, begun: _BeginMark) -> None:
        self.profile = begun.profile
        self.process = begun.process
        self.at = begun.at
        self.digest = LineDigest(begun.elapsed_s)
        self.state: str = State.DISCONNECTED  # as the lines written so far say

    @property
    def profile_in_names(self) -> str:
        """The profile, as far as a file may be named so."""
        return _NOT_IN_FILE_NAMES.sub("_", self.profile)[:_NAME_MAX_LENGTH]

    @property
    def name(self) -> str:
        """The name of its file; later runs of this process and profile go on with that file."""
        return f"{self.profile_in_names}-{self.process}"


@cache
def _process(pid: int) -> str:
    """This process in the names of files: when it first had something to log, and its number, which others get too."""
    began = datetime.now(UTC)
    return f"{began:%Y%m%dT%H%M%S}{began.microsecond // 1000:03d}Z-{pid}"


class _LineSink:
    """What structlog takes for a logger: gives the finished line back, whatever its level."""

    def info(self, line: str) -> str:
        return line

    warning = info


def _private_logger(secrets: Callable[[], Iterable[Secret]]) -> Any:
    import structlog  # noqa: PLC0415  brings asyncio and logging; imported in the journal's thread

    def masked(_logger: object, _method: str, line: Any) -> str:
        return redact(line, secrets())

    return structlog.wrap_logger(
        _LineSink(),
        processors=[structlog.processors.add_log_level, _head_first, structlog.processors.JSONRenderer(), masked],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        context_class=dict,
        cache_logger_on_first_use=False,
    )


def _head_first(_logger: object, _method: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
    return {name: line.pop(name) for name in _HEAD} | dict(line)


def _is_routine(event: Event) -> bool:
    """True for what is summarised anyway: waking the thread for each would slow every request down."""
    return isinstance(event, RequestFinished) and event.outcome is Outcome.REPLIED
