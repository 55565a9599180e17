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
    """A link is in the place of a file or a directory, and what it leads to cannot be trusted or is not there."""

    def __init__(self, reason: str, *, to: str = "file") -> None:
        super().__init__(errno.EPERM, f"it is a link, and {reason}")
        self.hint = f"put the {to} itself there, or let the link lead to a {to} of yours that nobody else can change"

    @classmethod
    def to_directory(cls, reason: str) -> UnsafeLink:
        """The same where a directory should be."""
        return cls(reason, to="directory")


def behind_link(path: str) -> str:
    """The file that the link at ``path`` leads to. Raises UnsafeLink, and OSError where it cannot be looked at."""
    target, status = _target(path, "file")
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


def directory_behind_link(path: str) -> str:
    """The same for a directory: it and the link have to be ours, and nobody else may write to it. Not for Windows."""
    target, status = _target(path, "directory")
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafeLink.to_directory("does not lead to a directory")
    if not is_ours(os.lstat(path)):
        raise UnsafeLink.to_directory("belongs to another user")
    if not is_ours(status):
        raise UnsafeLink.to_directory("leads into a directory of another user")
    if others_may_write(status):
        raise UnsafeLink.to_directory("leads into a directory that others may change")
    return target


def _target(path: str, to: str) -> tuple[str, os.stat_result]:
    target = os.path.realpath(path)
    try:
        return target, os.stat(target)
    except FileNotFoundError:
        raise UnsafeLink("leads to nothing that is there", to=to) from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnsafeLink("leads back to itself", to=to) from None
        raise


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
