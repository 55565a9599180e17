"""Where damaged files go: kept for support, told to the user, and never more than a few."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from stui_supervisor.adapters.files.file_format import DamagedFile
from stui_supervisor.adapters.files.notices import set_aside_notice, unusable_notice
from stui_supervisor.adapters.files.private_files import (
    make_private_directory,
    read_regular,
    write_whole,
)
from stui_supervisor.adapters.files.refused import RefusedFile, UsedParts
from stui_supervisor.config import CONTEXT_FILE_MAX_BYTES, QUARANTINE_MAX_FILES
from stui_supervisor.session.records import Notice

DIRECTORY_NAME: Final = "quarantine"


def set_aside(
    root: str, session_id: str, refused: Sequence[RefusedFile], used: UsedParts, at: datetime
) -> list[Notice]:
    """Move the damaged files out of their session; those that may be of a later version stay. Never raises OSError.

    What is left to use is said once for all that were damaged, and once for all that stay.
    """
    notices: list[Notice] = []
    if damaged := [file for file in refused if file.is_movable]:
        notices.append(set_aside_notice(session_id, damaged, used, kept=_kept(root, session_id, damaged, at)))
    if left := [file for file in refused if not file.is_movable]:
        notices.append(unusable_notice(session_id, left, used))
    return notices


def keep(root: str, file: str, at: datetime) -> str:
    """Move a file, named as below ``root``, to the root's quarantine, and return its new path. May raise OSError."""
    directory, name = _place(root, file, at)
    try:
        os.replace(os.path.join(root, file), os.path.join(directory, name))
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _bring_from_another_disk(os.path.join(root, file), directory, name)
    finally:
        _forget_oldest(directory, but=name)
    return os.path.join(directory, name)


def _bring_from_another_disk(file: str, directory: str, name: str) -> None:
    """Copy the file and remove it: a session's directory may be a link to another disk, where no rename leads."""
    try:
        content = read_regular(file, CONTEXT_FILE_MAX_BYTES)
    except DamagedFile as error:
        raise OSError(errno.EXDEV, f"it is on another disk, and {error}") from error
    write_whole(directory, name, (content,))
    os.unlink(file)


def keep_copy(root: str, file: str, content: bytes, at: datetime) -> None:
    """Put this content there as ``keep`` would the file, which stays. May raise OSError."""
    directory, name = _place(root, file, at)
    write_whole(directory, name, (content,))
    _forget_oldest(directory, but=name)


def _place(root: str, file: str, at: datetime) -> tuple[str, str]:
    directory = os.path.join(root, DIRECTORY_NAME)
    make_private_directory(directory)
    if not stat.S_ISDIR(os.lstat(directory).st_mode):
        raise OSError(errno.ENOTDIR, "a link is in the place of the quarantine")
    return directory, f"{at:%Y%m%dT%H%M%S%f}-{file.replace(os.sep, '-')}"


def _kept(root: str, session_id: str, damaged: Sequence[RefusedFile], at: datetime) -> str:
    """Set them aside, and say where they are then."""
    places: list[str] = []
    reasons: list[str] = []
    for file in damaged:
        try:
            places.append(keep(root, os.path.join(session_id, file.name), at))
        except OSError as error:
            reasons.append(f"{file.name} could not be set aside ({error.strerror})")
    kept = "It is kept as " if len(places) == 1 else f"They are kept in {os.path.join(root, DIRECTORY_NAME)}"
    return ", and ".join([*([f"{kept}{places[0]}" if len(places) == 1 else kept] if places else []), *reasons])


def _forget_oldest(directory: str, *, but: str) -> None:
    """Remove all but the newest few, by the time in their names; ``but`` stays though the clock was put back."""
    with suppress(OSError):
        older = sorted((name for name in os.listdir(directory) if name != but), reverse=True)
        for name in older[QUARANTINE_MAX_FILES - 1 :]:
            with suppress(OSError):
                os.unlink(os.path.join(directory, name))
