from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor.adapters.journal.rotated_file import RotatedFile, abandoned, remove_outlived
from tests.support.files.intercepted import Call, Refusing, intercepted
from tests.support.files.scratch import scratch

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: modes and links")


def rotated_file(directory: Path, *, max_bytes: int = 100, files: int = 3) -> RotatedFile:
    return RotatedFile(directory, "s", max_bytes=max_bytes, files=files)


def remove(directory: Path, *, before_s: float, at_most: int = 5, keep: int = 9, max_bytes: int = 99) -> None:
    names = re.compile("[a-d]")
    remove_outlived(directory, names, before_s=before_s, keep=keep, max_bytes=max_bytes, at_most=at_most)


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().decode() for path in sorted(directory.iterdir())}


@pytest.fixture
def restored_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_lines_are_appended_with_plain_line_ends(tmp_path: Path) -> None:
    for text in ("one", "two"):
        file = rotated_file(tmp_path)
        file.write(text)
        file.close()
        file.close()
    assert contents(tmp_path) == {"s.jsonl": "one\ntwo\n"}


def test_a_full_file_becomes_an_older_one_and_the_oldest_goes(tmp_path: Path) -> None:
    file = rotated_file(tmp_path, max_bytes=10, files=3)
    for number in range(9):
        file.write(f"line{number}")
    file.close()
    assert contents(tmp_path) == {
        "s.1.jsonl": "line7\n",
        "s.2.jsonl": "line6\n",
        "s.jsonl": "line8\n",
    }


def test_a_single_file_starts_anew_when_it_is_full(tmp_path: Path) -> None:
    file = rotated_file(tmp_path, max_bytes=10, files=1)
    for text in ("one", "two", "three", "four"):
        file.write(text)
    file.close()
    assert contents(tmp_path) == {"s.jsonl": "four\n"}


def test_each_new_file_begins_with_the_head_and_no_other_line_has_one(tmp_path: Path) -> None:
    file, numbers = rotated_file(tmp_path, max_bytes=18), count()
    for number in range(5):
        file.write(f"line{number}", lambda: f"head{next(numbers)}")
    file.close()
    assert contents(tmp_path) == {
        "s.2.jsonl": "head0\nline0\nline1\n",
        "s.1.jsonl": "head1\nline2\nline3\n",
        "s.jsonl": "head2\nline4\n",
    }


def test_a_name_that_is_in_use_cannot_be_taken_until_it_is_let_go(tmp_path: Path) -> None:
    first, second = rotated_file(tmp_path, max_bytes=10), rotated_file(tmp_path, max_bytes=10)
    assert first.take()
    assert not second.take()
    for number in range(5):  # also while files are exchanged
        first.write(f"line{number}")
        assert not second.take()
    first.close()
    assert second.take()
    second.close()


def test_a_log_is_abandoned_once_nobody_has_it_open(tmp_path: Path) -> None:
    file = rotated_file(tmp_path)
    file.write("one")
    file.touch(1_000)
    with abandoned(tmp_path / "s.jsonl") as log:
        assert log is None
    file.close()
    with abandoned(tmp_path / "s.jsonl") as log:
        assert log is not None
        assert not rotated_file(tmp_path).take()
        assert (log.name, log.touched_at_s, log.end(100), log.end(3)) == ("s.jsonl", 1_000, b"one\n", b"ne\n")
        log.append("two")
    assert contents(tmp_path) == {"s.jsonl": "one\ntwo\n"}


def test_a_log_that_is_not_there_is_not_made_by_a_look_at_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), abandoned(tmp_path / "s.jsonl"):
        pass
    assert contents(tmp_path) == {}


def test_when_somebody_else_has_changed_a_log_nobody_knows_when_it_was_touched(tmp_path: Path) -> None:
    file = rotated_file(tmp_path)
    file.write("one")
    file.close()
    os.utime(tmp_path / "s.jsonl", ns=(0, 1_000_001_000))
    with abandoned(tmp_path / "s.jsonl") as log:
        assert log is not None
        assert log.touched_at_s is None


def test_a_line_longer_than_a_file_is_still_written_whole(tmp_path: Path) -> None:
    file = rotated_file(tmp_path, max_bytes=10)
    file.write("x" * 30)
    file.write("y")
    file.close()
    assert contents(tmp_path) == {"s.1.jsonl": "x" * 30 + "\n", "s.jsonl": "y\n"}


def test_so_many_of_the_files_that_nobody_wrote_to_for_long_go_and_nothing_else(tmp_path: Path) -> None:
    theirs = ("mine.txt", "mine.jsonl", "a.b.jsonl", "ab.jsonl")
    for name, written_at in (("a.jsonl", 10), ("b.1.jsonl", 20), ("c.jsonl", 30), *((name, 10) for name in theirs)):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (written_at, written_at))
    (tmp_path / "d.jsonl").mkdir()
    os.utime(tmp_path / "d.jsonl", (10, 10))
    for left, at_most in ((7, 1), (6, 5)):
        remove(tmp_path, before_s=30.0, at_most=at_most)
        assert len(list(tmp_path.iterdir())) == left
    assert {path.name for path in tmp_path.iterdir()} == {"c.jsonl", "d.jsonl", *theirs}


@pytest.mark.parametrize(("keep", "max_bytes"), [(2, 99), (9, 7)], ids=["their number", "their size"])
def test_of_too_many_files_the_newest_stay(keep: int, max_bytes: int, tmp_path: Path) -> None:
    for written_at, name in enumerate(("d.jsonl", "a.1.jsonl", "c.jsonl", "b.jsonl"), start=10):
        (tmp_path / name).write_text("xxx")
        os.utime(tmp_path / name, (written_at, written_at))
    remove(tmp_path, before_s=0.0, at_most=1, keep=keep, max_bytes=max_bytes)
    assert {path.name for path in tmp_path.iterdir()} == {"a.1.jsonl", "c.jsonl", "b.jsonl"}
    remove(tmp_path, before_s=0.0, keep=keep, max_bytes=max_bytes)
    assert {path.name for path in tmp_path.iterdir()} == {"c.jsonl", "b.jsonl"}


@pytest.mark.parametrize("denied", ["a.jsonl", "b.jsonl"])
def test_a_file_that_cannot_be_removed_keeps_no_other_from_going(denied: str, tmp_path: Path) -> None:
    def is_open(name: str, arguments: tuple[Any, ...], call: Call) -> Any:
        if name == "unlink" and Path(arguments[0]).name == denied:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return call()

    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (10, 10))
    with intercepted(is_open):
        remove(tmp_path, before_s=30.0)
    assert [path.name for path in tmp_path.iterdir()] == [denied]


@posix_only
def test_a_file_that_somebody_removed_meanwhile_is_made_anew(tmp_path: Path) -> None:
    file = rotated_file(tmp_path)
    file.write("one")
    (tmp_path / "s.jsonl").unlink()
    file.write("two")
    file.close()
    assert contents(tmp_path) == {"s.jsonl": "two\n"}


def test_a_line_cut_off_by_a_crash_is_ended_before_the_next(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_bytes(b'whole\n{"cut o')
    file = rotated_file(tmp_path)
    file.write("next")
    file.close()
    assert contents(tmp_path) == {"s.jsonl": 'whole\n{"cut o\nnext\n'}


def test_a_directory_removed_meanwhile_is_made_again_when_the_file_rotates(tmp_path: Path) -> None:
    file = rotated_file(tmp_path / "logs", max_bytes=10)
    file.write("before")
    file.close()
    (tmp_path / "logs" / "s.jsonl").unlink()
    (tmp_path / "logs").rmdir()
    file.write("after")
    file.close()
    assert contents(tmp_path / "logs") == {"s.jsonl": "after\n"}


@posix_only
@pytest.mark.usefixtures("restored_umask")
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o377])
def test_only_the_owner_reads_the_files_under_any_umask(tmp_path: Path, mask: int) -> None:
    directory = tmp_path / "home" / "logs"
    if mask == 0o377:
        directory.mkdir(parents=True)
    os.umask(mask)
    file = rotated_file(directory, max_bytes=5)
    file.write("first")
    file.write("second")
    file.close()
    os.umask(0)
    modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in (directory, *directory.iterdir())}
    assert modes == {"logs": "0o700", "s.jsonl": "0o600", "s.1.jsonl": "0o600"}
    if mask != 0o377:
        assert stat.S_IMODE(directory.parent.stat().st_mode) == stat.S_IRWXU


@posix_only
def test_a_link_under_the_name_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "s.jsonl").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match=r"s\.jsonl"):
        rotated_file(logs).write("line")
    assert (tmp_path / "victim").read_text() == "precious"


@posix_only
def test_a_link_in_place_of_the_directory_is_followed_where_nobody_else_can_write(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (tmp_path / "logs").symlink_to(tmp_path / "elsewhere")
    rotated_file(tmp_path / "logs").write("line")
    assert [path.read_text() for path in (tmp_path / "elsewhere").iterdir()] == ["line\n"]


@posix_only
def test_a_link_into_a_directory_that_others_may_change_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere").chmod(0o777)
    (tmp_path / "logs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="a link into a directory that others may change"):
        rotated_file(tmp_path / "logs").write("line")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@posix_only
def test_a_pipe_under_the_name_of_the_file_neither_blocks_nor_is_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "s.jsonl")
    with pytest.raises(OSError, match="a link or an odd kind of file"):
        rotated_file(tmp_path).write("line")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_raises_and_the_file_is_let_go(tmp_path: Path) -> None:
    file = rotated_file(tmp_path)
    file.write("fits")
    assert file._descriptor is not None
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, file._descriptor)
    os.close(full)
    with pytest.raises(OSError, match="No space left"):
        file.write("does not")
    assert file._descriptor is None
    file.write("fits again")
    file.close()
    assert contents(tmp_path) == {"s.jsonl": "fits\nfits again\n"}


@posix_only
def test_a_line_cut_off_by_the_limit_of_the_system_is_taken_back(tmp_path: Path) -> None:
    import resource  # noqa: PLC0415  POSIX only
    import signal  # noqa: PLC0415  as above

    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    file = rotated_file(tmp_path, max_bytes=1_000)
    file.write("123456")
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match=r"s\.jsonl"):
            file.write("abcdef")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    file.write("whole")
    file.close()
    assert contents(tmp_path) == {"s.jsonl": "123456\nwhole\n"}


@posix_only
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EMFILE, errno.EINTR])
@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
def test_each_call_may_be_refused_and_the_next_line_is_written(number: int, for_good: bool) -> None:
    nth, is_past_the_end = 1, False
    while not is_past_the_end:
        refusing = Refusing(nth, number, for_good=for_good)
        with scratch() as place:
            file = RotatedFile(place / "logs", "log", max_bytes=60, files=3)
            before = set(Path("/dev/fd").iterdir())
            with intercepted(refusing):
                for line in range(16):
                    with suppress(OSError):
                        file.write(f"line {line}")
            file.write("the last one")
            file.close()
            assert (place / "logs" / "log.jsonl").read_text().endswith("the last one\n")
            assert len(list((place / "logs").iterdir())) <= 3
            assert set(Path("/dev/fd").iterdir()) == before
        is_past_the_end, nth = len(refusing.seen) < nth, nth + 1
    assert nth > 30
