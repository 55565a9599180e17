"""A lock on a session that the system takes back when its process dies."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from stui_supervisor.adapters.files.links import is_there
from stui_supervisor.config import LOCK_POLL_S

if TYPE_CHECKING:
    from filelock import BaseFileLock

_IS_WINDOWS: Final = os.name == "nt"


class LockReplaced(OSError):
    """A directory, a link or another thing that is no file is where the lock should be."""


class SessionLock:
    """Held by one process at a time; all calls raise OSError when the disk does not do its part."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock: BaseFileLock | None = None
        self._file: tuple[int, int] | None = None

    def take(self, *, wait_s: float = 0) -> bool:
        """True when it is ours now; False when somebody else has it, after ``wait_s`` seconds at most."""
        from filelock import FileLock, Timeout  # noqa: PLC0415 - slow to import, and only a claim needs it

        self._refuse_what_is_no_file()
        files: list[tuple[int, int]] = []

        def note(descriptor: int) -> None:  # knows nothing of us, so that a lock that is dropped is freed at once
            files.append(_identity(os.fstat(descriptor)))

        # The mere file that is the fallback would outlive its process.
        lock = FileLock(self._path, mode=0o600, thread_local=False, fallback_to_soft=False, on_acquired=note)
        try:
            lock.acquire(timeout=wait_s, poll_interval=LOCK_POLL_S)
        except Timeout:
            if _IS_WINDOWS and not is_there(self._path):  # there a refusal looks like somebody's lock
                raise PermissionError(errno.EACCES, "its lock cannot be made") from None
            return False
        self._lock, self._file = lock, files[-1]
        return True

    @contextmanager
    def held(self, *, wait_s: float = 0) -> Iterator[bool]:
        """Take it for the ``with`` block, if it can be had; gives what ``take`` says."""
        is_ours = self.take(wait_s=wait_s)
        try:
            yield is_ours
        finally:
            self.give_back()

    def give_back(self) -> None:
        """Let another process take it; does nothing without the lock."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def is_in_place(self) -> bool:
        """True while the file at the path is the one that is locked; else another process may have its lock, too.

        On Windows nobody can remove what is locked.
        """
        if _IS_WINDOWS:
            return self._lock is not None
        try:
            return self._lock is not None and self._file == _identity(os.lstat(self._path))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def is_held(self) -> bool:
        """True when a living process has it. Makes no file, and leaves the lock as it was.

        Windows cannot tell without the right to write; nobody of ours holds it then.
        """
        try:
            if not is_there(self._path):
                return False
            taken = self.take()
        except OSError:
            return _is_seen_held(self._path)
        self.give_back()
        return not taken

    def _refuse_what_is_no_file(self) -> None:
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(os.lstat(self._path).st_mode):
                raise LockReplaced(errno.EINVAL, "its lock is not a regular file")


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_seen_held(path: str) -> bool:
    """Ask without the right to write, as on a disk that is read-only."""
    if sys.platform == "win32":
        return False
    import fcntl  # noqa: PLC0415 - not on Windows

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False  # no right to ask: nobody of ours can hold it
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


LOCK_NAME: Final = "lock"
