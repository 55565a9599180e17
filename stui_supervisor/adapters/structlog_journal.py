"""The structured log: one JSON object per line, one bounded file per session.

The event loop only puts events into a queue. One thread of our own turns them into lines, brings
structlog in and writes. Structlog is used through a private logger: the host program's ``logging``
and structlog's global configuration are neither read nor changed.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from stui_supervisor.adapters.journal_lines import Digest, Line, LineName
from stui_supervisor.adapters.rotated_file import RotatedFile, remove_outlived
from stui_supervisor.adapters.worker import Worker
from stui_supervisor.config import JOURNAL_CLOSE_S, JOURNAL_QUEUE_LENGTH, LOGS_CLEANED, SESSION_KEPT_DAYS, Settings
from stui_supervisor.events import Event, Notification, RequestFinished
from stui_supervisor.problems import ProblemCode
from stui_supervisor.record import StoreNotice
from stui_supervisor.redaction import redact
from stui_supervisor.secret import Secret
from stui_supervisor.states import Outcome

_NOT_IN_FILE_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]")
_NAME_MAX_LENGTH: Final = 100
_OURS: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|unsaved-[0-9]+")  # sessions, and runs without one
_ROUTINE_MAX: Final = JOURNAL_QUEUE_LENGTH // 4
_KEPT_S: Final = timedelta(days=SESSION_KEPT_DAYS).total_seconds()
_HEAD: Final = ("timestamp", "level", "event", "profile", "session", "link")


class _Opened(NamedTuple):
    """A mark in the queue: what follows belongs to this session."""

    session_id: str
    profile: str


class _Closed(NamedTuple):
    """A mark in the queue: the file is let go when all before it is written."""


class _Recorded(NamedTuple):
    event: Event
    link: int


class StructlogJournal:
    """The Journal of one supervisor, in the directory ``logs``.

    ``secrets`` gives the texts that no line may hold; it is called from the journal's own thread.
    """

    def __init__(
        self, logs: Path, settings: Settings, *, secrets: Callable[[], Iterable[Secret]] = tuple[Secret, ...]
    ) -> None:
        self._scribe = _Scribe(logs, settings, secrets)
        self._worker = Worker("stui-journal")
        self._queue: deque[_Opened | _Recorded | _Closed] = deque()
        self._dropped = 0
        self._is_told = False
        self._is_open = False
        self._is_awake = False
        self._one_drain = threading.Lock()

    def take_problem(self) -> StoreNotice | None:
        """See ports.Journal."""
        problem = None if self._is_told else self._scribe.problem
        self._is_told |= problem is not None
        return problem

    def open(self, session_id: str, profile: str) -> None:
        """Name the session of what follows; what was recorded before the first one is written now."""
        mark = _Opened(session_id, profile)
        if self._is_open:
            self._queue.append(mark)
        else:
            self._queue.appendleft(mark)
        self._is_open = True
        self._wake()

    def record(self, event: Event, *, link: int) -> None:
        """Write one event. Never blocks and never raises."""
        if isinstance(event, Notification):
            return  # no line of the log; a flood of them would crowd out those that are
        if len(self._queue) >= JOURNAL_QUEUE_LENGTH:
            self._dropped += 1
            return
        self._queue.append(_Recorded(event, link))
        if self._is_open and not self._is_awake and (not _is_routine(event) or len(self._queue) >= _ROUTINE_MAX):
            self._wake()

    def close(self) -> None:
        """Write what is left, for at most a moment, and let go of the file. A later ``open`` starts anew."""
        if not self._is_open:
            return
        self._queue.append(_Closed())
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
        disk hung at ``close`` and another thread was started by ``open``.
        """
        with self._one_drain:
            self._is_awake = False
            while self._queue:
                match self._queue.popleft():
                    case _Opened(session_id, profile):
                        self._scribe.open(session_id, profile)
                    case _Recorded(event, link):
                        self._scribe.write(event, link, dropped=self._dropped)
                    case _Closed():
                        self._scribe.close()


class _Scribe:
    """The journal's part that may block and fail; all but ``problem`` belongs to the worker's thread.

    ``except Exception`` is right here: whatever is wrong with a disk, a library or one event, the
    thread goes on with the next one and the link never hears of it. What is lost is counted.
    """

    def __init__(self, logs: Path, settings: Settings, secrets: Callable[[], Iterable[Secret]]) -> None:
        self.problem: StoreNotice | None = None
        self._logs = logs
        self._settings = settings
        self._secrets = secrets
        self._digest = Digest()
        self._file: RotatedFile | None = None
        self._logger: Any = None
        self._dropped = 0
        self._lost = 0

    def open(self, session_id: str, profile: str) -> None:
        self.close()
        name = _NOT_IN_FILE_NAMES.sub("_", session_id)[:_NAME_MAX_LENGTH]
        settings = self._settings
        self._file = RotatedFile(self._logs, name, max_bytes=settings.journal_max_bytes, files=settings.journal_files)
        try:
            self._logger = _private_logger(self._file, self._secrets).bind(profile=profile, session=session_id)
        except Exception as error:  # noqa: BLE001  # see the class
            self._fail(error)

    def write(self, event: Event, link: int, *, dropped: int) -> None:
        """Write what the event causes; ``dropped`` is how many events never came this far, ever."""
        self._lost, self._dropped = self._lost + dropped - self._dropped, dropped
        try:
            lines = self._digest.lines(event, link)
        except Exception as error:  # noqa: BLE001  # see the class
            self._fail(error)
        else:
            self._write(lines)

    def close(self) -> None:
        if self._file is None:
            return
        self._write(self._digest.flush())
        self._file.close()
        self._file = None
        with suppress(OSError):  # those of sessions that are gone would fill the disk in the end
            remove_outlived(self._logs, _OURS, time.time() - _KEPT_S, LOGS_CLEANED)

    def _write(self, lines: Iterable[Line]) -> None:
        for line in lines:
            try:
                if self._lost:
                    lost = Line(line.at, LineName.LINES_DROPPED, line.link, {"count": self._lost}, is_warning=True)
                    self._emit(lost)
                    self._lost = 0
                self._emit(line)
            except Exception as error:  # noqa: BLE001  # see the class
                self._fail(error)

    def _emit(self, line: Line) -> None:
        log = self._logger.warning if line.is_warning else self._logger.info
        log(line.name, timestamp=_timestamp(line.at), link=line.link, **line.values)

    def _fail(self, error: Exception) -> None:
        self._lost += 1
        self.problem = self.problem or StoreNotice(
            code=ProblemCode.JOURNAL_UNWRITABLE,
            message=f"the log in {self._logs} cannot be written: {error}",
            hint="make room or mend the rights of that directory; supervision goes on without a log",
        )


class _LineSink:
    """What structlog takes for a logger: writes finished lines to the file, whatever their level."""

    def __init__(self, file: RotatedFile) -> None:
        self.info = self.warning = file.write


def _private_logger(file: RotatedFile, secrets: Callable[[], Iterable[Secret]]) -> Any:
    import structlog  # noqa: PLC0415  brings asyncio and logging; imported in the journal's thread

    def masked(_logger: object, _method: str, line: Any) -> str:
        return redact(line, secrets())

    return structlog.wrap_logger(
        _LineSink(file),
        processors=[structlog.processors.add_log_level, _head_first, structlog.processors.JSONRenderer(), masked],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        context_class=dict,
        cache_logger_on_first_use=False,
    )


def _head_first(_logger: object, _method: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
    return {name: line.pop(name) for name in _HEAD} | dict(line)


def _timestamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _is_routine(event: Event) -> bool:
    """True for what is summarised anyway: waking the thread for each would slow every request down."""
    return isinstance(event, RequestFinished) and event.outcome is Outcome.REPLIED
