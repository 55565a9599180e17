"""Each file system call of the store is refused in turn: only StoreErrors, nothing lost, and the next save works."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stui_supervisor.adapters.sessions.history import SessionHistory
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.config import QUARANTINE_MAX_FILES
from stui_supervisor.context.context import Section
from stui_supervisor.errors import StoreError
from stui_supervisor.session.records import ClaimedSession, SessionRecord
from tests.support.files.intercepted import Refusing, intercepted
from tests.support.files.scratch import scratch
from tests.support.files.stored_files import EPOCH, NEW, OLD, RECORD, posix, stored

pytestmark = posix

ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EMFILE, errno.EINTR)
HAVE_EFFECT = ("replace", "unlink", "mkdir", "rmdir", "write", "fsync")
START_LIMIT_S = 2.0
STEP = 11  # no divisor of the number of faults that a call has, so that each error comes to each call in time
FIRST, SECOND, LATER = ({"x": Section(b"%d" % number, number, "me")} for number in (11, 12, 13))
NOW = EPOCH + timedelta(days=100)


class Fault(NamedTuple):
    """The nth call is refused, once or for good, or has its effect and then says that it was refused."""

    nth: int
    number: int
    for_good: bool = False
    when_done: bool = False


@dataclass
class Run:
    """What a program did with the store; ``possible`` is what the session it owns may hold by what it was told."""

    files: FileSessionStore
    session_id: str = ""
    possible: list[Mapping[str, Section]] = field(default_factory=list)

    def start_and_save(self) -> None:
        """As a supervisor does, which goes on whatever fails."""
        with suppress(StoreError):
            self.owns(self.files.claim("default"))
        if not self.session_id:
            return
        for sections in (FIRST, SECOND):
            with suppress(StoreError):
                self.files.save_record(self.session_id, RECORD)
            self.save(sections)
        with suppress(StoreError):
            self.files.save_snapshot(self.session_id, OLD)

    def owns(self, claimed: ClaimedSession) -> None:
        self.session_id = claimed.session_id
        self.possible = [claimed.sections, NEW]  # the newest may not have been readable just then

    def save(self, sections: dict[str, Section]) -> None:
        self.possible.append(sections)
        with suppress(StoreError):
            self.files.save_context(self.session_id, sections)
            self.possible = [sections]

    def look_and_command(self) -> None:
        """As the commands of a person do."""
        sessions: Iterable[Any] = ()
        with suppress(StoreError):
            sessions = list(self.files.read_newest())
            self.files.known_profiles()
            self.files.left_out()
        for session in sessions:
            with suppress(StoreError):
                archive = SessionHistory(self.files._root, session.session_id)
                archive.content()
                archive.copies()
        with suppress(StoreError):
            self.files.prune(None, 30)
        with suppress(StoreError):
            record, stored_context = SessionRecord(profile="other"), SessionHistory(self.files._root, USED).content()[1]
            self.files.begin_with(record, stored_context)
        with suppress(StoreError):
            self.owns(self.files.claim_this(USED))
            self.save(FIRST)


USED = "11111111-1111-1111-1111-111111111111"
OUTLIVED = "22222222-2222-2222-2222-222222222222"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root where a start finds everything that it ever has to deal with."""
    root = tmp_path_factory.mktemp("template") / "sessions"
    for session_id, clock in ((OUTLIVED, lambda: EPOCH), (USED, Hours())):
        stored(root, OLD).rename(root / session_id)
        files = FileSessionStore(root, clock)
        files.claim_this(session_id)
        for number in range(8):
            files.save_context(session_id, NEW if number == 7 else OLD)
        files.save_record(session_id, RECORD)
        files.save_snapshot(session_id, OLD)
        files.release(session_id)
    (root / USED / ".context.2.json.0badf00d.tmp").write_bytes(b"half")
    (root / USED / "context.99.json").write_bytes(b"damaged")
    (root / "quarantine").mkdir()
    for number in range(QUARANTINE_MAX_FILES):
        (root / "quarantine" / f"{number:02d}").touch()
    return root


class Hours:
    """A wall clock that is an hour later at each look."""

    def __init__(self) -> None:
        self.now = NOW - timedelta(days=2)

    def __call__(self) -> Any:
        self.now += timedelta(hours=1)
        return self.now


PROGRAMS: dict[str, Callable[[Run], None]] = {
    "a start": Run.start_and_save,
    "a first start": Run.start_and_save,
    "commands": Run.look_and_command,
}


@contextmanager
def home(template: Path, name: str) -> Iterator[Path]:
    """A home of its own."""
    with scratch() as place:
        root = place / "sessions"
        if name != "a first start":
            shutil.copytree(template, root)
        yield root


def calls_of(template: Path, name: str) -> list[str]:
    """The calls that the program makes when nothing is refused."""
    noting = Refusing()
    with home(template, name) as root:
        run = Run(FileSessionStore(root, lambda: NOW))
        with intercepted(noting):
            PROGRAMS[name](run)
        run.files.release(run.session_id)
    return noting.seen


def check(template: Path, name: str, fault: Fault) -> None:
    with home(template, name) as root:
        run = Run(FileSessionStore(root, lambda: NOW))
        before = open_descriptors()
        began = time.monotonic()
        with intercepted(Refusing(*fault)):
            PROGRAMS[name](run)
        assert time.monotonic() - began < START_LIMIT_S
        if run.session_id:
            assert held(root, run.session_id) in run.possible
            run.save(LATER)
            assert run.possible == [LATER]
            run.files.release(run.session_id)
        assert open_descriptors() == before
        check_next_start(root, run.session_id)


def check_next_start(root: Path, used_before: str) -> None:
    files = FileSessionStore(root, lambda: NOW)
    claimed = files.claim("default")
    files.save_context(claimed.session_id, LATER)
    files.save_record(claimed.session_id, RECORD)
    files.release(claimed.session_id)
    if used_before:
        assert held(root, used_before) == LATER
    if (root / USED).exists():
        assert held(root, USED) in (NEW, LATER)
    assert len([path for path in root.iterdir() if path.is_dir() and path.name != "quarantine"]) <= 4
    assert not list((root / claimed.session_id).glob("*.tmp"))
    assert len(list((root / "quarantine").glob("*"))) <= QUARANTINE_MAX_FILES + 1


def held(root: Path, session_id: str) -> Mapping[str, Section]:
    return SessionHistory(str(root), session_id).content()[1].sections


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def faults_of(calls: list[str]) -> list[Fault]:
    return [
        Fault(nth, number, for_good, when_done)
        for nth, call in enumerate(calls, start=1)
        for number in ERRORS
        for for_good in (False, True)
        for when_done in ((False, True) if call in HAVE_EFFECT and not for_good else (False,))
    ]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", PROGRAMS)
def test_each_call_may_be_refused(template: Path, name: str) -> None:
    faults = faults_of(calls_of(template, name))
    for fault in faults[::STEP]:  # each call several times, with every error in turn
        check(template, name, fault)


@pytest.mark.soak
@pytest.mark.parametrize("name", PROGRAMS)
def test_each_call_may_be_refused_with_each_error_once_or_for_good(template: Path, name: str) -> None:
    for fault in faults_of(calls_of(template, name)):
        check(template, name, fault)
