"""Files that only their owner reads: made whole or not at all, and opened without trust.

A save is a temporary file in the same directory, written, flushed to the disk, read back, renamed,
and then the directory itself flushed: after a crash at any moment the old file or the new one is
there, whole. An fsync that failed is never repeated, because the kernel may have dropped the pages
and report success the second time; the next save begins with a new file.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

from stui_supervisor.adapters.files.file_format import DamagedFile
from stui_supervisor.adapters.files.links import UnsafeLink, behind_link, is_link, is_ours, is_there
from stui_supervisor.config import DENIED_RETRY_S
from stui_supervisor.errors import StoreError

TEMPORARY_SUFFIX: Final = ".tmp"

_FILE_MODE: Final = 0o600
_DIRECTORY_MODE: Final = 0o700
_IS_WINDOWS: Final = os.name == "nt"
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_BINARY: Final = getattr(os, "O_BINARY", 0)
_READ: Final = os.O_RDONLY | _NOFOLLOW | _BINARY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _BINARY
_BLOCK_BYTES: Final = 65_536  # what the allocator gives without asking the system
_NO_FSYNC: Final = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}  # this kind of file system cannot flush a directory

# What systems and network shares answer to a request that they do not know.
_UNKNOWN_CALL: Final = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY}

_ELSEWHERE: Final = "or name another directory with home or STUI_SUPERVISOR_HOME"
_NO_LOCKS: Final = "there are no locks, as in some network folders: use a local disk, " + _ELSEWHERE
_HINTS: Final = {
    errno.ENOSPC: "the disk is full: make room; the next save works again",
    getattr(errno, "EDQUOT", errno.ENOSPC): "the disk quota is used up: make room; the next save works again",
    errno.EFBIG: "the system limits the size of files: raise the limit (ulimit -f), " + _ELSEWHERE,
    errno.ENOENT: "see that directories can be made there, " + _ELSEWHERE,
    errno.EACCES: "give your account read and write access there, " + _ELSEWHERE,
    errno.EPERM: "give your account read and write access there, " + _ELSEWHERE,
    errno.EROFS: "the disk is read-only: mount it for writing, " + _ELSEWHERE,
    errno.EAGAIN: "start this program again to go on in a session that is free",
    errno.EIO: "the disk reports a fault: check it, " + _ELSEWHERE,
    errno.EMFILE: "too many files are open: close some, or raise the limit (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine: close some programs",
    errno.ENOTDIR: "a file is where a directory should be: move it away, " + _ELSEWHERE,
    errno.EEXIST: "a file is where a directory should be: move it away, " + _ELSEWHERE,
    errno.ENOLCK: _NO_LOCKS,
    errno.ENOSYS: _NO_LOCKS,
    errno.EOPNOTSUPP: _NO_LOCKS,
    errno.ENAMETOOLONG: "the path is too long: name a shorter one with home or STUI_SUPERVISOR_HOME",
}

_T = TypeVar("_T")


@contextmanager
def store_errors(doing: str, where: str) -> Iterator[None]:
    """Turn what the system refuses into a StoreError that says what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StoreError(f"cannot {doing} in {where} ({reason})", hint=hint_for(error)) from error


def hint_for(error: OSError) -> str:
    """What a person can do about it."""
    if isinstance(error, UnsafeLink):
        return error.hint
    return _HINTS.get(error.errno or 0, "see that the directory can be written, " + _ELSEWHERE)


def is_read_only(error: OSError) -> bool:
    """True when the disk or its rights do not let us write, which says nothing about reading."""
    return error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}


def is_out_of_means(error: OSError) -> bool:
    """True when the process lacks descriptors or memory, which says nothing about the file."""
    return error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def make_private_directory(path: str) -> None:
    """Make the directory and its parents, and have each on the disk; those made are 0700, others stay as they are."""
    try:
        _make_directory(path)
    except FileNotFoundError:
        parent = os.path.dirname(path)
        if parent in {"", path}:
            raise
        make_private_directory(parent)
        _make_directory(path)  # below a parent that exists the answer is final: some file systems take no directory


def _make_directory(path: str) -> None:
    try:
        os.mkdir(path, _DIRECTORY_MODE)  # the mode belongs to the call
    except OSError:
        if not os.path.isdir(path):  # some systems refuse to write before they see that it exists
            raise
        return
    with suppress(OSError):  # file systems without modes refuse
        os.chmod(path, _DIRECTORY_MODE)  # a umask may have taken our own rights
    with suppress(PermissionError):  # a directory that takes new names need not be readable
        _flush_directory(os.path.dirname(path) or os.curdir)


def refuse_file_above(path: str) -> None:
    """Raises NotADirectoryError when something that is no directory is above ``path``, which Windows calls missing."""
    above = os.path.dirname(path)
    while not is_there(above) and above != os.path.dirname(above):
        above = os.path.dirname(above)
    if is_there(above) and not os.path.isdir(above):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def read_regular(path: str, max_bytes: int) -> bytes:
    """The content of a regular file that is ours; a link to one is followed (see links.py).

    Raises DamagedFile for anything else in its place (a directory, a FIFO, a device) and for a
    file that is too long; OSError when it cannot be opened or read. Never waits for a writer.
    """
    with _opened(path) as descriptor:
        status = os.fstat(descriptor)
        if status.st_size > max_bytes:
            raise DamagedFile(f"it has {status.st_size:,} bytes, and {max_bytes:,} are allowed")
        return _read_all(descriptor, status.st_size)


def read_start(path: str, max_bytes: int) -> bytes:
    """The first bytes of a regular file; raises as ``read_regular`` does."""
    with _opened(path) as descriptor:
        return os.read(descriptor, max_bytes)


def write_whole(directory: str, name: str, parts: tuple[bytes, ...]) -> None:
    """Put a file of these parts in place, whole and on the disk, or raise OSError and leave everything as it was.

    When only the last step fails (flushing the directory) the new file may stay.
    """
    temporary = os.path.join(directory, f".{name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    descriptor = os.open(temporary, _CREATE, _FILE_MODE)
    try:
        try:
            _fill(descriptor, parts)
        finally:
            os.close(descriptor)
        _despite_scanners(lambda: os.replace(temporary, os.path.join(directory, name)))
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _flush_directory(directory)


def flush(descriptor: int) -> None:
    """Return when the file, or the directory, is on the disk; raises OSError.

    On macOS fsync(2) leaves it in the cache of the drive and points to F_FULLFSYNC of fcntl(2), which empties that
    too. A file system that does not know it did nothing yet, so the fsync that follows is the first one.
    """
    if sys.platform != "win32":
        import fcntl  # noqa: PLC0415 - not on Windows

        full = getattr(fcntl, "F_FULLFSYNC", None)
        if full is not None:
            try:
                fcntl.fcntl(descriptor, full)
            except OSError as error:
                if error.errno not in _UNKNOWN_CALL:
                    raise
            else:
                return
    os.fsync(descriptor)


def _fill(descriptor: int, parts: tuple[bytes, ...]) -> None:
    if hasattr(os, "fchmod"):
        with suppress(OSError):  # file systems without modes refuse
            os.fchmod(descriptor, _FILE_MODE)  # a umask may have taken our own rights
    for part in parts:
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    flush(descriptor)
    os.lseek(descriptor, 0, os.SEEK_SET)
    if not all(_reads_back(descriptor, part) for part in parts) or os.read(descriptor, 1):
        raise OSError(errno.EIO, "what was written reads back differently")


def _reads_back(descriptor: int, part: bytes) -> bool:
    """True when the file goes on with ``part``; compared by blocks, as a second copy of it would cost more."""
    position = 0
    while position < len(part):
        block = os.read(descriptor, min(_BLOCK_BYTES, len(part) - position))
        if not block or block != part[position : position + len(block)]:
            return False
        position += len(block)
    return True


def _read_all(descriptor: int, size: int) -> bytes:
    """Up to ``size`` bytes; one read is nearly always enough, but it need not be."""
    parts: list[bytes] = []
    while size > 0 and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


@contextmanager
def _opened(path: str) -> Iterator[int]:
    try:
        descriptor = _open_itself(path)
    except _IsLink:
        descriptor = _open_itself(behind_link(path))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise DamagedFile("it is not a regular file")
        if not _IS_WINDOWS and not is_ours(status):  # there the directory's access list decides
            raise OSError(errno.EPERM, "it belongs to another user")
        yield descriptor
    finally:
        os.close(descriptor)


class _IsLink(OSError):
    """What was to be opened is a link."""


def _open_itself(path: str) -> int:
    """Opens what is at ``path``; raises _IsLink for a link, DamagedFile for what no file can be read from."""
    if not _NOFOLLOW:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            raise _IsLink(errno.ELOOP, os.strerror(errno.ELOOP))
        if not stat.S_ISREG(mode):
            raise DamagedFile("it is not a regular file")
    try:
        return _despite_scanners(lambda: os.open(path, _READ))
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EMLINK} and is_link(path):
            raise _IsLink(*error.args) from error
        if error.errno in {errno.ELOOP, errno.ENXIO, errno.EMLINK, errno.EISDIR}:
            raise DamagedFile("it is not a regular file") from error
        raise


def _flush_directory(directory: str) -> None:
    if _IS_WINDOWS:
        return  # a directory cannot be opened there; NTFS journals the rename
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flush(descriptor)
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise
    finally:
        os.close(descriptor)


def _despite_scanners(call: Callable[[], _T]) -> _T:
    """Try again for a moment where another program may hold any file open: on Windows."""
    try:
        return call()
    except PermissionError:
        if not _IS_WINDOWS:
            raise
    return until_not_denied(call)


def until_not_denied(call: Callable[[], _T]) -> _T:
    """Repeat ``call`` while it raises PermissionError, for a bounded time; then let that through."""
    from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed  # noqa: PLC0415 - rarely used

    retrying = Retrying(
        retry=retry_if_exception_type(PermissionError),
        stop=stop_after_delay(DENIED_RETRY_S),
        wait=wait_fixed(DENIED_RETRY_S / 20),
        reraise=True,
    )
    return retrying(call)
