"""A log file of bounded size that only its owner can read.

The standard library's rotating handler is not used: each one joins the list that the host
program's ``logging`` configuration closes and flushes.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

from stui_supervisor.adapters.links import is_link, others_may_write
from stui_supervisor.adapters.private_files import make_private_directory
from stui_supervisor.config import JOURNAL_SLACK

_SUFFIX: Final = ".jsonl"
_MODE: Final = stat.S_IRUSR | stat.S_IWUSR
_FLAGS: Final = (
    os.O_RDWR
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe planted under the name must not block
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


class RotatedFile:
    """``<name>.jsonl`` and the older ``<name>.1.jsonl``, ``<name>.2.jsonl`` …, ``files`` in all.

    The directory is made with mode 0700 and each file with 0600, whatever the umask; links are not
    followed. Every call may block and may raise OSError; after that the next ``write`` tries again.
    """

    def __init__(self, directory: Path, name: str, *, max_bytes: int, files: int) -> None:
        self._directory = directory
        self._name = name
        self._max_bytes = max_bytes
        self._files = files
        self._descriptor: int | None = None
        self._size = 0

    def write(self, line: str) -> None:
        """Append one line, in a file of its own when this one is full."""
        content = (line + "\n").encode("utf-8", "backslashreplace")
        descriptor = self._opened()
        if self._size and self._size + len(content) > self._max_bytes:
            descriptor = self._rotated()
        try:
            written = os.write(descriptor, content)
        except OSError:
            self.close()
            raise
        self._size += written
        if written < len(content):
            self.close()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path(0)))

    def close(self) -> None:
        """Let go of the file. Twice is once."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _path(self, age: int) -> Path:
        return self._directory / (f"{self._name}.{age}{_SUFFIX}" if age else f"{self._name}{_SUFFIX}")

    def _opened(self) -> int:
        if self._descriptor is not None and _is_removed(self._descriptor):
            self.close()
        if self._descriptor is None:
            _make_own_directory(self._directory)
            self._descriptor = _open_private_file(self._path(0))
            self._size = _end_on_a_whole_line(self._descriptor)
        return self._descriptor

    def _rotated(self) -> int:
        self.close()
        try:
            for age in range(self._files - 1, 0, -1):
                if self._path(age - 1).exists():
                    self._path(age - 1).replace(self._path(age))
            if self._files == 1:
                self._path(0).unlink()
        except PermissionError:
            if self._size > JOURNAL_SLACK * self._max_bytes:
                raise
        return self._opened()


def _is_removed(descriptor: int) -> bool:
    """True when nobody can find the file any more; Windows removes none that is open."""
    return sys.platform != "win32" and os.fstat(descriptor).st_nlink == 0


def remove_outlived(directory: Path, names: re.Pattern[str], before_s: float, at_most: int) -> None:
    """Remove the files of logs with these names that nobody has written to since that time, in seconds since 1970.

    Raises OSError. A supervisor that had nothing to say for so long makes its file anew.
    """
    outlived = (path for path in directory.glob(f"*{_SUFFIX}") if _is_of(names, path) and _is_older(path, before_s))
    for path in list(islice(outlived, at_most)):
        with suppress(PermissionError):  # Windows removes none that is open
            path.unlink(missing_ok=True)


def _is_of(names: re.Pattern[str], path: Path) -> bool:
    """Another program may keep files of its own in the same directory."""
    name, _, age = path.name.removesuffix(_SUFFIX).partition(".")
    return names.fullmatch(name) is not None and (age == "" or age.isdecimal())


def _is_older(path: Path, before_s: float) -> bool:
    with suppress(FileNotFoundError):  # other processes remove them too
        status = path.lstat()
        return stat.S_ISREG(status.st_mode) and status.st_mtime < before_s
    return False


def _make_own_directory(directory: Path) -> None:
    make_private_directory(os.fspath(directory))
    status = directory.stat()
    _check(status, directory, is_right_kind=stat.S_ISDIR)
    if is_link(os.fspath(directory)):
        if others_may_write(status):
            raise PermissionError(errno.EPERM, "it is a link into a directory that others may change", str(directory))
        return
    if sys.platform != "win32" and stat.S_IMODE(status.st_mode) != stat.S_IRWXU:
        with suppress(OSError):  # file systems without modes refuse
            directory.chmod(stat.S_IRWXU)


def _open_private_file(path: Path) -> int:
    if is_link(os.fspath(path)):  # Windows has no O_NOFOLLOW
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    descriptor = os.open(path, _FLAGS, _MODE)
    try:
        _check(os.fstat(descriptor), path, is_right_kind=stat.S_ISREG)
        if sys.platform != "win32":
            with suppress(OSError):  # file systems without modes refuse
                os.fchmod(descriptor, _MODE)  # an odd umask takes our own access away, an old file may be too open
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check(status: os.stat_result, path: Path, *, is_right_kind: Callable[[int], bool]) -> None:
    if not is_right_kind(status.st_mode):
        raise OSError(errno.EINVAL, "it is a link or an odd kind of file", str(path))
    if sys.platform != "win32" and os.geteuid() not in {status.st_uid, 0}:
        raise PermissionError(errno.EPERM, "it belongs to somebody else", str(path))


def _end_on_a_whole_line(descriptor: int) -> int:
    """Close a line that a crash or a full disk cut off; returns the size of the file."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    if size:
        os.lseek(descriptor, -1, os.SEEK_END)
        if os.read(descriptor, 1) != b"\n":
            size += os.write(descriptor, b"\n")
    return size
