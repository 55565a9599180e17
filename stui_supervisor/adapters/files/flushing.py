"""Having the disk itself keep what was written."""

from __future__ import annotations

import errno
import os
import sys
from typing import Final

# What systems and network shares answer to a request that they do not know.
_UNKNOWN: Final = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY}


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
                if error.errno not in _UNKNOWN:
                    raise
            else:
                return
    os.fsync(descriptor)
