"""A link in place of a file or a directory, as people who keep their settings elsewhere make it.

What it leads to is used when it is ours and nobody else can change it. Otherwise it is refused in words,
and never replaced or moved away: what is behind it is not known, and may be what a person relies on.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

_IS_WINDOWS: Final = os.name == "nt"  # the access list decides there


class UnsafeLink(OSError):
    """A link is in the place of a file, and what it leads to cannot be trusted or is not there."""

    hint = "put the file itself there, or let the link lead to a file of yours that nobody else can change"

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EPERM, f"it is a link, and {reason}")


def behind_link(path: str) -> str:
    """The file that the link at ``path`` leads to. Raises UnsafeLink, and OSError where it cannot be looked at."""
    target = os.path.realpath(path)
    try:
        status = os.stat(target)
    except FileNotFoundError:
        raise UnsafeLink("leads to nothing that is there") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnsafeLink("leads back to itself") from None
        raise
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeLink("does not lead to a file")
    if not _IS_WINDOWS and not is_ours(status):
        raise UnsafeLink("leads to a file of another user")
    directory = os.stat(os.path.dirname(target))
    if not _IS_WINDOWS and not is_ours(directory):
        raise UnsafeLink("leads into a directory of another user")
    if others_may_write(directory):
        raise UnsafeLink("leads into a directory that others may change")
    return target


def is_ours(status: os.stat_result) -> bool:
    """True for what belongs to this user or to root; root may use what is anybody's."""
    return status.st_uid in {os.geteuid(), 0} or os.geteuid() == 0


def others_may_write(status: os.stat_result) -> bool:
    """True for a directory that somebody else can change; a group of the owner's own is nobody else."""
    if _IS_WINDOWS:
        return False
    if status.st_mode & stat.S_IWOTH:
        return True
    return bool(status.st_mode & stat.S_IWGRP) and not _is_group_of_one(status)


def _is_group_of_one(status: os.stat_result) -> bool:
    import grp  # noqa: PLC0415  # not on Windows, and rarely needed
    import pwd  # noqa: PLC0415  # as above

    try:
        owner, group = pwd.getpwuid(status.st_uid).pw_name, grp.getgrgid(status.st_gid)
    except KeyError:
        return False
    return group.gr_name == owner and set(group.gr_mem) <= {owner}
