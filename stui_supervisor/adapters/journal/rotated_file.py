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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from itertools import accumulate
from pathlib import Path
from typing import Final, NamedTuple

from stui_supervisor.adapters.files.links import is_link, others_may_write
from stui_supervisor.adapters.files.private_files import make_private_directory
from stui_supervisor.config import JOURNAL_SLACK

_SUFFIX: Final = ".jsonl"
_NS: Final = 1_000_000_000
_TAKEN: Final = {errno.EACCES, errno.EAGAIN, errno.EDEADLK, 0}  # 0: Wine does not say more
_LOCKED_BYTE: Final = 0x7FFF_FFFF  # Windows keeps others from reading what is locked, and no log is so long
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
    followed. While it is open the system keeps a lock on it, which shows that its process lives. Every call may
    block and may raise OSError; after that the next ``write`` tries again.
    """

    def __init__(self, directory: Path, name: str, *, max_bytes: int, files: int) -> None:
        self._directory = directory
        self._name = name
        self._max_bytes = max_bytes
        self._files = files
        self._descriptor: int | None = None
        self._lock = _Lock.UNKNOWN
        self._size = 0

    def take(self) -> bool:
        """Open it; False where another log that is open has this name already."""
        self._opened()
        if self._lock is _Lock.ELSEWHERE:
            self.close()
        return self._descriptor is not None

    def write(self, line: str, head: Callable[[], str] | None = None) -> None:
        """Append one line, in a file of its own when this one is full; a new file begins with the ``head``."""
        content = _encoded(line)
        descriptor = self._opened()
        if self._size and self._size + len(content) > self._max_bytes:
            descriptor = self._rotated()
        if not self._size and head is not None:
            content = _encoded(head()) + content
        try:
            written = os.write(descriptor, content)
        except OSError:
            self.close()
            raise
        if written == len(content):
            self._size += written
        else:
            if self._lock is _Lock.OURS:  # else somebody may have written behind it
                with suppress(OSError):
                    os.ftruncate(descriptor, self._size)
            self.close()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path(0)))

    def touch(self, at_s: int) -> None:
        """Let a file that is open say that its process lived at this whole second since 1970."""
        if self._descriptor is not None:
            os.utime(self._path(0) if sys.platform == "win32" else self._descriptor, (at_s, at_s))

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
            self._lock = _lock(self._descriptor)
            self._size = _end_on_a_whole_line(self._descriptor)
        elif self._lock is _Lock.ELSEWHERE:  # somebody looked at it just when it was made
            self._lock = _lock(self._descriptor)
        return self._descriptor

    def _rotated(self) -> int:
        before = self._let_go()  # locked until the next one is
        try:
            self._make_room()
            return self._opened()
        finally:
            if before is not None:
                os.close(before)

    def _let_go(self) -> int | None:
        if sys.platform == "win32":  # which renames none that is open
            self.close()
        descriptor, self._descriptor = self._descriptor, None
        return descriptor

    def _make_room(self) -> None:
        try:
            for age in range(self._files - 1, 0, -1):
                if self._path(age - 1).exists():
                    self._path(age - 1).replace(self._path(age))
            if self._files == 1:
                self._path(0).unlink()
        except PermissionError:
            if self._size > JOURNAL_SLACK * self._max_bytes:
                raise


class AbandonedLog:
    """A log that no living process has open, held by us meanwhile. Every call may raise OSError."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.name = path.name
        self._descriptor = descriptor

    @property
    def touched_at_s(self) -> int | None:
        """The whole second at which it was touched last; None where something else has changed it since."""
        seconds, rest = divmod(os.fstat(self._descriptor).st_mtime_ns, _NS)
        return None if rest else seconds

    def end(self, size: int) -> bytes:
        """Its last so many bytes, or all."""
        whole = os.lseek(self._descriptor, 0, os.SEEK_END)
        os.lseek(self._descriptor, max(0, whole - size), os.SEEK_SET)
        parts = []
        while part := os.read(self._descriptor, size):
            parts.append(part)
        return b"".join(parts)

    def append(self, line: str) -> None:
        """Add one line."""
        _end_on_a_whole_line(self._descriptor)
        os.write(self._descriptor, _encoded(line))


@contextmanager
def abandoned(path: Path) -> Iterator[AbandonedLog | None]:
    """The log at the path; None where a process has it open, or where nobody can tell. May raise OSError."""
    descriptor = _open_private_file(path, _FLAGS & ~os.O_CREAT)
    try:
        yield AbandonedLog(path, descriptor) if _lock(descriptor) is _Lock.OURS else None
    finally:
        os.close(descriptor)


class _Lock(Enum):
    """Whose the lock of a log is."""

    OURS = auto()
    ELSEWHERE = auto()
    UNKNOWN = auto()


def _lock(descriptor: int) -> _Lock:
    """Take the lock, which ends with the process. It keeps nobody from reading the file, or from writing to it."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415  # Windows only

            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415  # not on Windows

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # not every file system has locks
        return _Lock.ELSEWHERE if error.errno in _TAKEN else _Lock.UNKNOWN
    return _Lock.OURS


def _encoded(line: str) -> bytes:
    return (line + "\n").encode("utf-8", "backslashreplace")


def _is_removed(descriptor: int) -> bool:
    """True when nobody can find the file any more; Windows removes none that is open."""
    return sys.platform != "win32" and os.fstat(descriptor).st_nlink == 0


def remove_outlived(
    directory: Path, names: re.Pattern[str], *, before_s: float, keep: int, max_bytes: int, at_most: int
) -> None:
    """Remove the files of logs with these names that nobody has written to since that time, in seconds since 1970.

    So many of the newest are kept, and of these as many as take ``max_bytes`` together; ``at_most`` go at once, the
    oldest first. Raises OSError. A supervisor that had nothing to say for so long makes its file anew.
    """
    found = sorted(_logs_in(directory, names), reverse=True)
    sizes = accumulate(log.size for log in found)
    outlived = [
        log.path
        for number, (log, size) in enumerate(zip(found, sizes, strict=True))
        if log.written_at_s < before_s or number >= keep or size > max_bytes
    ]
    for path in outlived[::-1][:at_most]:
        with suppress(PermissionError):  # Windows removes none that is open
            path.unlink(missing_ok=True)


class _Log(NamedTuple):
    """One file of a log."""

    written_at_s: float
    size: int
    path: Path


def _logs_in(directory: Path, names: re.Pattern[str]) -> Iterator[_Log]:
    """Another program may keep files of its own in the same directory."""
    for path in directory.glob(f"*{_SUFFIX}"):
        name, _, age = path.name.removesuffix(_SUFFIX).partition(".")
        if names.fullmatch(name) is None or not (age == "" or age.isdecimal()):
            continue
        with suppress(FileNotFoundError):  # other processes remove them too
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                yield _Log(status.st_mtime, status.st_size, path)


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


def _open_private_file(path: Path, flags: int = _FLAGS) -> int:
    if is_link(os.fspath(path)):  # Windows has no O_NOFOLLOW
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    descriptor = os.open(path, flags, _MODE)
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
