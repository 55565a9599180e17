from __future__ import annotations

import errno
import os
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from stui_supervisor.adapters.files.file_format import MAJOR
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.config import COPIES_MAX_BYTES, SNAPSHOTS_KEPT
from stui_supervisor.context.context import Section
from stui_supervisor.errors import StoreError
from tests.support.files.intercepted import Refusing, intercepted
from tests.support.files.stored_files import EPOCH, NEW, NOTHING, OLD, Ticking, posix, stored, with_header

QUARTER = timedelta(minutes=15)


class Quarters:
    """A wall clock that is a quarter of an hour later at each save."""

    def __init__(self) -> None:
        self.now = EPOCH - QUARTER

    def __call__(self) -> datetime:
        self.now += QUARTER
        return self.now


def seqs(directory: Path, kind: str) -> list[int]:
    return sorted(int(path.name.split(".")[1]) for path in directory.glob(f"{kind}.*.json"))


def saved(root: Path, count: int, *, processes: int = 1) -> Path:
    """A session whose saves are a quarter of an hour apart."""
    clock, directory = Quarters(), root / "none"
    for _ in range(processes):
        files = FileSessionStore(root, clock)
        directory = root / files.claim("default").session_id
        clock.now = clock.now.replace(minute=45) - timedelta(hours=1)  # whatever a claim looked at
        for _ in range(count // processes):
            files.save_context(directory.name, NEW)
        files.release(directory.name)
        clock.now += timedelta(hours=1)
    return directory


def test_of_the_older_contexts_the_last_of_each_hour_stays(tmp_path: Path) -> None:
    assert seqs(saved(tmp_path, 16), "context") == [4, 8, 12, 13, 14, 15, 16]


def test_a_process_that_did_not_write_them_thins_them_alike(tmp_path: Path) -> None:
    directory = saved(tmp_path, 16, processes=4)
    assert len(seqs(directory, "context")) == 3 + 4
    assert seqs(directory, "context")[-3:] == [14, 15, 16]


def test_contexts_without_work_are_no_copies(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, *[NOTHING] * 9)
    assert seqs(directory, "context") == [1, 8, 9, 10]


def test_older_copies_stay_within_their_limit(tmp_path: Path) -> None:
    big = {"x": Section(b'"%s"' % (b"x" * 3_000_000), 1, "me")}
    files = FileSessionStore(tmp_path, Hours())
    directory = tmp_path / files.claim("default").session_id
    for _ in range(9):
        files.save_context(directory.name, big)
    sizes = [(directory / f"context.{seq}.json").stat().st_size for seq in seqs(directory, "context")[:-3]]
    assert len(sizes) == 3
    assert sum(sizes) <= COPIES_MAX_BYTES


class Hours(Quarters):
    def __call__(self) -> datetime:
        self.now += timedelta(hours=1)
        return self.now


class Minutes(Quarters):
    """The same, but three minutes later."""

    def __call__(self) -> datetime:
        self.now += QUARTER / 5
        return self.now


def test_snapshots_are_thinned_beyond_the_newest(tmp_path: Path) -> None:
    directory = stored(tmp_path, NEW)
    files = FileSessionStore(tmp_path, Minutes())
    files.claim_this(directory.name)
    for _ in range(SNAPSHOTS_KEPT + 40):
        files.save_snapshot(directory.name, OLD)
    kept = seqs(directory, "snapshot")
    assert kept[-SNAPSHOTS_KEPT:] == list(range(41, SNAPSHOTS_KEPT + 41))
    assert len(kept) == SNAPSHOTS_KEPT + 2


def test_an_older_file_that_cannot_be_judged_is_never_removed(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, OLD, OLD)
    later = directory / "context.1.json"
    later.write_bytes(with_header(later.read_bytes(), major=MAJOR + 1))
    files = FileSessionStore(tmp_path)
    files.claim("default")
    for _ in range(8):
        files.save_context(directory.name, NEW)
    assert seqs(directory, "context")[0] == 1


@posix
def test_damaged_older_files_go_in_their_time(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, OLD, OLD)
    (directory / "context.1.json").write_bytes(b"damaged")
    (directory / "context.2.json").unlink()
    os.mkfifo(directory / "context.2.json")
    files = FileSessionStore(tmp_path, Ticking())
    files.claim("default")
    for _ in range(4):
        files.save_context(directory.name, NEW)
    assert seqs(directory, "context") == [3, 4, 5, 6, 7]


def test_what_cannot_be_removed_keeps_nothing_else_in_place(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, OLD, OLD, OLD)
    (directory / "context.1.json").unlink(missing_ok=True)
    (directory / "context.1.json" / "in the way").mkdir(parents=True)
    for number in range(20):
        (directory / f".context.2.json.{number}.tmp").touch()
    files = FileSessionStore(tmp_path)
    files.claim("default")
    files.save_context(directory.name, NEW)
    assert list(directory.glob("*.tmp")) == []
    assert (directory / "context.1.json" / "in the way").exists()


def test_a_process_that_ends_within_a_moment_gets_on_with_what_has_piled_up(tmp_path: Path) -> None:
    directory = stored(tmp_path, NEW)
    content = (directory / "context.1.json").read_bytes()
    for seq in range(2, 400):
        (directory / f"context.{seq}.json").write_bytes(with_header(content, seq=seq))
    files = FileSessionStore(tmp_path)
    files.claim("default")
    with intercepted(Refusing(150, errno.EMFILE, for_good=True)), suppress(StoreError):
        files.save_context(directory.name, NEW)
    left = len(seqs(directory, "context"))
    assert left < 390
    files.save_context(directory.name, NEW)
    assert len(seqs(directory, "context")) <= 3 + 2
