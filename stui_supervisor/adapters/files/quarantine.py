"""Where damaged files go: kept for support, told to the user, and never more than a few."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, NamedTuple

from stui_supervisor.adapters.files.file_format import (
    DamagedFile,
    Kind,
    parse_name,
)
from stui_supervisor.adapters.files.private_files import (
    make_private_directory,
    read_regular,
    write_whole,
)
from stui_supervisor.config import CONTEXT_FILE_MAX_BYTES, QUARANTINE_MAX_FILES
from stui_supervisor.problems import ProblemCode
from stui_supervisor.session.records import StoreNotice
from stui_supervisor.summary import at_time

DIRECTORY_NAME: Final = "quarantine"
NOTHING_USABLE: Final = "nothing of its work can be used"


class RefusedFile(NamedTuple):
    """A file that could not be used. ``is_movable``: it is damaged beyond doubt, no link, and may be set aside.

    ``error`` is what the disk said where it gave nothing; the next try may go well.
    """

    name: str
    reason: str
    is_movable: bool
    error: OSError | None = None


class UsedParts(NamedTuple):
    """What of a session could be used all the same: when its work and its record were saved; None for nothing."""

    work_at: datetime | None
    record_at: datetime | None


def set_aside(
    root: str, session_id: str, refused: Sequence[RefusedFile], used: UsedParts, at: datetime
) -> list[StoreNotice]:
    """Move the damaged files out of their session; those that may be of a later version stay. Never raises OSError.

    What is left to use is said once for all that were damaged, and once for all that stay.
    """
    notices: list[StoreNotice] = []
    if damaged := [file for file in refused if file.is_movable]:
        message = f"{_what(session_id, damaged)}. {_kept(root, session_id, damaged, at)}. {_outcome(damaged, used)}"
        notices.append(StoreNotice(code=ProblemCode.DAMAGED_FILE, message=message, hint=_hint(used)))
    if left := [file for file in refused if not file.is_movable]:
        hint = "see that the file belongs to you and that this version is not older than the one that wrote it"
        notices.append(StoreNotice(code=ProblemCode.UNUSABLE_FILE, message=_left(session_id, left, used), hint=hint))
    return notices


def leave(session_id: str, refused: Sequence[RefusedFile], used: UsedParts) -> list[StoreNotice]:
    """Tell of damaged files in a session that is not ours to change."""
    if not refused:
        return []
    is_damage = all(file.is_movable for file in refused)
    code = ProblemCode.DAMAGED_FILE if is_damage else ProblemCode.UNUSABLE_FILE
    return [StoreNotice(code=code, message=_left(session_id, refused, used), hint=_hint(used))]


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


def _left(session_id: str, refused: Sequence[RefusedFile], used: UsedParts) -> str:
    stays = "It stays where it is" if len(refused) == 1 else "They stay where they are"
    return f"{_what(session_id, refused)}. {stays}. {_outcome(refused, used)}"


def _what(session_id: str, refused: Sequence[RefusedFile]) -> str:
    files = ", ".join(f"{file.name} ({file.reason})" for file in refused)
    return f"{files} of session {session_id} cannot be used"


def _outcome(refused: Sequence[RefusedFile], used: UsedParts) -> str:
    """What that means for whoever works here."""
    kinds = {parsed[0] for file in refused if (parsed := parse_name(file.name)) is not None}
    parts: list[str] = []
    if Kind.CONTEXT in kinds:
        parts.append(_older("copy of the work", used.work_at) or NOTHING_USABLE)
    if Kind.ENDPOINT in kinds:
        parts.append(_older("note of the link", used.record_at) or "what was known of the link is gone")
    said = ", and ".join(parts)
    return said[:1].upper() + said[1:]


def _older(what: str, saved_at: datetime | None) -> str:
    return "" if saved_at is None else f"an older {what} is used, saved at {at_time(saved_at)}"


def _hint(used: UsedParts) -> str:
    if used.work_at is None:
        return "see whether another copy is listed by: sessions list; if this happens again, check the disk"
    return "look at what you worked on last; if this happens again, check the disk"


def _forget_oldest(directory: str, *, but: str) -> None:
    """By their names, which begin with a time; the last one stays though the clock may have been put back."""
    with suppress(OSError):
        older = sorted((name for name in os.listdir(directory) if name != but), reverse=True)
        for name in older[QUARANTINE_MAX_FILES - 1 :]:
            with suppress(OSError):
                os.unlink(os.path.join(directory, name))
