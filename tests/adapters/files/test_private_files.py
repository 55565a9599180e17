from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stui_supervisor.adapters.files.file_format import DamagedFile
from stui_supervisor.adapters.files.links import UnsafeLink
from stui_supervisor.adapters.files.private_files import (
    is_out_of_means,
    make_private_directory,
    read_regular,
    read_start,
    refuse_file_above,
    store_errors,
    until_not_denied,
    write_whole,
)
from stui_supervisor.config import DENIED_RETRY_S
from stui_supervisor.errors import StoreError

windows = pytest.mark.skipif(os.name != "nt", reason="only on Windows does a reader keep a file from being replaced")
posix = pytest.mark.skipif(os.name == "nt", reason="only on POSIX: modes and special files")


@contextmanager
def umask(mask: int) -> Iterator[None]:
    old = os.umask(mask)
    try:
        yield
    finally:
        os.umask(old)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_written_whole_and_read_back(tmp_path: Path) -> None:
    parts = (b"head\n", os.urandom(200_000), b"")
    write_whole(str(tmp_path), "file", parts)
    assert read_regular(str(tmp_path / "file"), 1_000_000) == b"".join(parts)
    assert read_start(str(tmp_path / "file"), 4) == b"head"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@posix
@pytest.mark.parametrize("mask", [0, 0o022, 0o277, 0o777])
def test_only_the_owner_may_read_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    with umask(mask):
        make_private_directory(str(tmp_path / "new" / "inner"))
        write_whole(str(tmp_path / "new" / "inner"), "file", (b"x",))
    found = [mode(tmp_path / "new"), mode(tmp_path / "new" / "inner"), mode(tmp_path / "new" / "inner" / "file")]
    assert found == [0o700, 0o700, 0o600]


@posix
def test_a_directory_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private_directory(str(tmp_path))
    assert mode(tmp_path) == 0o755


def test_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    (tmp_path / "name").mkdir()
    (tmp_path / "name" / "content").touch()
    with pytest.raises(OSError, match="name"):
        write_whole(str(tmp_path), "name", (b"x",))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["content", "name"]


def test_a_file_in_the_place_of_a_directory_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "inner"):
        with pytest.raises(OSError, match="file"):
            make_private_directory(str(path))


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a file system that takes no directories")
@pytest.mark.parametrize("path", ["/proc/nope", "/proc/nope/inner/most"])
def test_a_directory_that_cannot_be_made_below_one_that_exists_is_reported_at_once(path: str) -> None:
    with pytest.raises(StoreError, match="see that directories can be made there"), store_errors("claim", path):
        make_private_directory(path)


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    with pytest.raises(DamagedFile, match="5 bytes, and 4 are allowed"):
        read_regular(str(tmp_path / "file"), 4)


def plant_directory(path: Path) -> None:
    path.mkdir()


def plant_link(path: Path) -> None:
    (path.parent / "real").write_bytes(b"secret")
    path.symlink_to(path.parent / "real")


def plant_device_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def plant_fifo(path: Path) -> None:
    os.mkfifo(path)  # type: ignore[attr-defined, unused-ignore]


@posix
def test_a_link_to_a_file_of_ours_is_read(tmp_path: Path) -> None:
    plant_link(tmp_path / "file")
    assert read_regular(str(tmp_path / "file"), 100) == b"secret"


@posix
def test_a_link_to_anything_else_is_refused_in_words(tmp_path: Path) -> None:
    plant_device_link(tmp_path / "file")
    for read in (read_regular, read_start):
        with pytest.raises(UnsafeLink, match="it is a link, and does not lead to a file"):
            read(str(tmp_path / "file"), 100)


@posix
@pytest.mark.parametrize("plant", [plant_directory, plant_fifo])
def test_only_regular_files_are_read_and_nothing_blocks(tmp_path: Path, plant: object) -> None:
    assert callable(plant)
    plant(tmp_path / "file")
    for read in (read_regular, read_start):
        with pytest.raises(DamagedFile, match="not a regular file"):
            read(str(tmp_path / "file"), 100)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a file away")
@posix
def test_a_file_of_another_user_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"planted")
    (tmp_path / "file").chmod(0o644)
    os.chown(tmp_path / "file", 12345, 12345)
    tmp_path.chmod(0o755)
    code = (
        "import os\n"
        "from stui_supervisor.adapters.files.private_files import read_regular\n"
        f"os.chdir({str(tmp_path)!r})\n"
        "os.setuid(54321)\n"
        "try: read_regular('file', 100)\n"
        "except OSError as error: print(error.strerror)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "it belongs to another user\n"


def test_a_missing_file_is_missing_and_not_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_regular(str(tmp_path / "file"), 100)


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EACCES, "write access"),
        (errno.EPERM, "write access"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "check it"),
        (errno.EMFILE, "too many files"),
        (errno.ENFILE, "too many files"),
        (errno.ENOTDIR, "a file is where"),
        (errno.ENAMETOOLONG, "too long"),
        (errno.EFBIG, "ulimit -f"),
        (errno.ETIMEDOUT, "see that the directory can be written"),
    ],
)
def test_each_refusal_of_the_system_says_what_to_do(number: int, hint: str) -> None:
    cause = OSError(number, os.strerror(number))
    with pytest.raises(StoreError, match="cannot save it in /there") as caught, store_errors("save it", "/there"):
        raise cause
    assert hint in caught.value.hint
    assert caught.value.__cause__ is cause


def test_want_of_descriptors_says_nothing_about_a_file() -> None:
    numbers = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EACCES)
    assert [is_out_of_means(OSError(number, "")) for number in numbers] == [True, True, True, False, False]


def test_a_file_held_by_a_scanner_is_tried_again_until_it_lets_go() -> None:
    refusals = [PermissionError("held"), PermissionError("held")]

    def replace() -> str:
        if refusals:
            raise refusals.pop()
        return "done"

    assert until_not_denied(replace) == "done"


def test_a_file_that_is_held_for_good_is_given_up() -> None:
    refusal = PermissionError("held")

    def replace() -> None:
        raise refusal

    with pytest.raises(PermissionError) as caught:
        until_not_denied(replace)
    assert caught.value is refusal


@pytest.mark.parametrize("path", ["file/inner", "file/inner/most"])
def test_a_file_above_is_told_from_a_directory_that_is_missing(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        refuse_file_above(str(tmp_path / path))
    refuse_file_above(str(tmp_path / "missing" / path))
    refuse_file_above(str(tmp_path / "file"))


@windows
def test_a_file_that_another_program_reads_is_replaced_when_it_is_let_go(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    letting_go = threading.Timer(DENIED_RETRY_S / 4, (tmp_path / "file").open("rb").close)
    letting_go.start()
    write_whole(str(tmp_path), "file", (b"new",))
    letting_go.join()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"new")]


@windows
def test_a_file_that_another_program_keeps_open_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with (tmp_path / "file").open("rb"), pytest.raises(PermissionError):
        write_whole(str(tmp_path), "file", (b"new",))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]
