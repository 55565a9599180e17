"""One backend at a time uses a state file: a lock beside it, which the system takes back when its process dies."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from stui_supervisor.backend.state_file import cannot_be_written, place_of
from stui_supervisor.errors import StoreError

if TYPE_CHECKING:
    from filelock import BaseFileLock


def take_lock(path: Path) -> BaseFileLock:
    """The lock of a state file, which the caller releases. Raises StoreError while another backend has it."""
    from filelock import FileLock, Timeout  # noqa: PLC0415  # slow to import, and only a state file needs it

    place = place_of(path)
    try:
        place.parent.stat()  # else the lock would make the directory
    except OSError as error:
        raise cannot_be_written(path, error) from error
    file = place.with_name(f"{place.name}.lock")
    # The mere file that is the fallback would outlive its process.
    lock = FileLock(file, mode=0o600, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not file.exists():  # the system lets nobody make it
            raise cannot_be_written(file, PermissionError(errno.EACCES, os.strerror(errno.EACCES))) from None
        raise StoreError(f"another backend uses {path}", hint="stop that one, or name another state file") from None
    except OSError as error:
        raise cannot_be_written(file, error) from error
    return lock
