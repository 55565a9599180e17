"""A link in place of a file or a directory, as people who keep their settings elsewhere make it.

What it leads to is used when it is ours and nobody else can change it. Otherwise it is refused in words,
and never replaced or moved away: what is behind it is not known, and may be what a person relies on.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import Final

_IS_WINDOWS: Final = os.name == "nt"  # the access list decides there


class UnsafeLink(OSError):
    """A link is in the place of a file or a directory, and what it leads to cannot be trusted or is not there."""

    def __init__(self, reason: str, *, to: str = "file") -> None:
        super().__init__(errno.EPERM, f"it is a link, and {reason}")
        self.hint = f"put the {to} itself there, or let the link lead to a {to} of yours that nobody else can change"

    @classmethod
    def to_directory(cls, reason: str) -> UnsafeLink:
        """The error of a link where a directory should be."""
        return cls(reason, to="directory")


def is_there(path: str) -> bool:
    """True for anything at ``path``, False where there is certainly nothing. Raises OSError where it is not known."""
    return _itself(path) is not None


def is_link(path: str) -> bool:
    """True for a link, False for anything else and for nothing. Raises OSError where it is not known."""
    status = _itself(path)
    return status is not None and stat.S_ISLNK(status.st_mode)


def _itself(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def behind_link(path: str) -> str:
    """The file that the link at ``path`` leads to. Raises UnsafeLink, and OSError where it cannot be looked at."""
    target, status = _target(path, "file")
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeLink("does not lead to a file")
    if not _IS_WINDOWS:
        if not _is_ours_here(status, path):
            raise UnsafeLink("leads to a file of another user")
        _check_way(path, "file")
        if others_may_write(os.stat(os.path.dirname(target))):
            raise UnsafeLink("leads into a directory that others may change")
    return target


def directory_behind_link(path: str) -> str:
    """The same for a directory: it and the link have to be ours, and nobody else may write to it. Not for Windows."""
    target, status = _target(path, "directory")
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafeLink.to_directory("does not lead to a directory")
    if not _is_ours_here(os.lstat(path), path):
        raise UnsafeLink.to_directory("belongs to another user")
    if not _is_ours_here(status, path):
        raise UnsafeLink.to_directory("leads into a directory of another user")
    if others_may_write(status):
        raise UnsafeLink.to_directory("leads into a directory that others may change")
    _check_way(path, "directory")
    return target


def _check_way(link: str, to: str) -> None:
    """Whoever can rename what lies on the way to the target can lead us elsewhere."""
    for place in _way(link):
        directory = os.stat(place)
        if not _is_ours_here(directory, link):
            raise UnsafeLink("leads into a directory of another user", to=to)
        if others_may_write(directory) and not directory.st_mode & stat.S_ISVTX:
            raise UnsafeLink("leads into a directory that others may change", to=to)


def _way(link: str) -> Iterator[str]:
    """Each directory in which a name is looked up on the way from the link to its target, which is known to exist."""
    at, left = os.path.realpath(os.path.dirname(link)), [os.path.basename(link)]
    is_link_itself = True  # where that is, is our own place
    while left:
        if not is_link_itself:
            yield at
        is_link_itself = False
        name = left.pop()
        here = os.path.join(at, name)
        if name == os.pardir:
            at = os.path.dirname(at)
        elif is_link(here):
            target = os.readlink(here)
            at = os.sep if os.path.isabs(target) else at
            left += _names(target)
        else:
            at = here


def _names(path: str) -> list[str]:
    """The parts of a path, the last one first."""
    return [part for part in reversed(path.split(os.sep)) if part not in {"", os.curdir}]


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


def _is_ours_here(status: os.stat_result, link: str) -> bool:
    """True for what belongs to this user or to root, and for root also to whom the link's directory belongs."""
    owners = {os.geteuid(), 0}
    if os.geteuid() == 0:
        owners.add(os.stat(os.path.dirname(link)).st_uid)
    return status.st_uid in owners


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
