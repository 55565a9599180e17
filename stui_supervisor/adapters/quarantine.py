"""Where damaged files go: kept for support, told to the user, and never more than a few."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from datetime import datetime
from typing import Final

from stui_supervisor.adapters.generations import Damaged
from stui_supervisor.adapters.private_files import make_private_directory, read_regular, write_whole
from stui_supervisor.adapters.session_directory import Refused
from stui_supervisor.config import CONTEXT_FILE_MAX_BYTES, QUARANTINE_MAX_FILES
from stui_supervisor.problems import ProblemCode
from stui_supervisor.record import StoreNotice

DIRECTORY_NAME: Final = "quarantine"


def set_aside(root: str, session_id: str, refused: Refused, at: datetime) -> StoreNotice:
    """Move a damaged file out of its session; one that may be of a later version stays. Never raises OSError."""
    what = _what(session_id, refused)
    if not refused.is_movable:
        return StoreNotice(
            code=ProblemCode.UNUSABLE_FILE,
            message=f"{what}. It stays where it is and an older state is used",
            hint="see that the file belongs to you and that this version is not older than the one that wrote it",
        )
    try:
        kept = f"It is kept as {keep(root, os.path.join(session_id, refused.name), at)}"
    except OSError as error:
        kept = f"It could not be set aside ({error.strerror})"
    return StoreNotice(
        code=ProblemCode.DAMAGED_FILE,
        message=f"{what}. {kept}, and an older state is used",
        hint="look at what you worked on last; if this happens again, check the disk",
    )


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
    """A session's directory may be there, with a link in its place."""
    try:
        content = read_regular(file, CONTEXT_FILE_MAX_BYTES)
    except Damaged as error:
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


def leave(session_id: str, refused: Refused) -> StoreNotice:
    """Tell of a damaged file in a session that is not ours to change."""
    return StoreNotice(
        code=ProblemCode.DAMAGED_FILE if refused.is_movable else ProblemCode.UNUSABLE_FILE,
        message=f"{_what(session_id, refused)}. It stays where it is and an older state is used",
        hint="look at what you worked on last; if this happens again, check the disk",
    )


def _what(session_id: str, refused: Refused) -> str:
    return f"{refused.name} of session {session_id} cannot be used: {refused.reason}"


def _forget_oldest(directory: str, *, but: str) -> None:
    """By their names, which begin with a time; the last one stays though the clock may have been put back."""
    with suppress(OSError):
        older = sorted((name for name in os.listdir(directory) if name != but), reverse=True)
        for name in older[QUARANTINE_MAX_FILES - 1 :]:
            with suppress(OSError):
                os.unlink(os.path.join(directory, name))
