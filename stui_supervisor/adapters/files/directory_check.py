"""Directories that other users can change: a foreign one is refused, an open one is used and told.

As ssh does with a home and GnuPG with its own: each file in there is checked for its owner all the same,
so what others could do in an open one is take files away, not slip some in. A directory that a group may
write to is no finding: many systems give each user a group of his own, and make every directory so.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Final

from stui_supervisor.adapters.files.links import is_link, is_ours, others_may_write
from stui_supervisor.adapters.files.notices import shared_directory_notice
from stui_supervisor.errors import StoreError
from stui_supervisor.session.records import Notice

_IS_WINDOWS: Final = os.name == "nt"  # the access list decides there


def refuse_foreign(directory: str) -> None:
    """Raise StoreError when the directory, or a link in its place, belongs to another user. Root may use any.

    A link in its place, or in that of the directory around it, has to lead where nobody else can write.
    """
    if _IS_WINDOWS:
        return
    for place in (os.path.dirname(directory), directory):
        if is_link(place) and others_may_write(os.stat(place)):
            raise StoreError(f"{place} is a link into a directory that others may change", hint=f"chmod go-w {place}")
    if os.geteuid() == 0:
        return
    for status in (os.lstat(directory), os.stat(directory)):
        if not is_ours(status):
            raise StoreError(
                f"{directory} belongs to another user", hint="name another directory with home or STUI_SUPERVISOR_HOME"
            )


def open_to_others(directory: str) -> list[Notice]:
    """What the user has to know when everybody may change the names in the directory, or in the one around it."""
    places = (os.path.dirname(directory), directory)
    return [shared_directory_notice(path) for path in places if not _IS_WINDOWS and _is_open(path)]


def _is_open(directory: str) -> bool:
    with suppress(OSError):  # what cannot be looked at tells by itself when it is used
        mode = os.stat(directory).st_mode
        return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX
    return False
