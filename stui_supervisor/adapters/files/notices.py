"""What people are told about files, sessions and directories that cannot be used as usual: one function a notice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from stui_supervisor.adapters.files.file_format import Kind, parse_name
from stui_supervisor.adapters.files.lock import LOCK_NAME
from stui_supervisor.adapters.files.private_files import hint_for
from stui_supervisor.adapters.files.refused import RefusedFile, UsedParts
from stui_supervisor.errors import StoreError
from stui_supervisor.problems import ProblemCode
from stui_supervisor.session.records import Notice, SessionLost
from stui_supervisor.status.summary import at_time

_NOTHING_USABLE: Final = "nothing of its work can be used"


def set_aside_notice(session_id: str, damaged: Sequence[RefusedFile], used: UsedParts, *, kept: str) -> Notice:
    """Damaged files of the session are set aside; ``kept`` says where."""
    message = f"{_what(session_id, damaged)}. {kept}. {_outcome(damaged, used)}"
    return Notice(code=ProblemCode.DAMAGED_FILE, message=message, hint=_hint(used))


def unusable_notice(session_id: str, left: Sequence[RefusedFile], used: UsedParts) -> Notice:
    """Files of the session stay where they are, as they may be of a later version or somebody else's."""
    hint = "see that the file belongs to you and that this version is not older than the one that wrote it"
    return Notice(code=ProblemCode.UNUSABLE_FILE, message=_left(session_id, left, used), hint=hint)


def borrowed_notice(session_id: str, refused: Sequence[RefusedFile], used: UsedParts) -> Notice:
    """Files of a session that is not ours to change stay where they are."""
    is_damage = all(file.is_movable for file in refused)
    code = ProblemCode.DAMAGED_FILE if is_damage else ProblemCode.UNUSABLE_FILE
    return Notice(code=code, message=_left(session_id, refused, used), hint=_hint(used))


def salvaged_notice(doubt: str, profile: str, confirm: str) -> Notice:
    """A profile could be read from a damaged file; ``confirm`` is the command that mends it."""
    return Notice(
        code=ProblemCode.DAMAGED_FILE,
        message=f"{doubt}; what is settled for the profile {profile} could still be read",
        hint=f"see that it is as you want it, then have the file mended with: {confirm}",
    )


def shared_directory_notice(path: str) -> Notice:
    """Everybody may change the names in this directory."""
    return Notice(
        code=ProblemCode.SHARED_DIRECTORY,
        message=f"every user of this machine can remove what is in {path}",
        hint=f"take that right away: chmod o-w {path}",
    )


def unwritable_log_notice(logs: Path, error: Exception) -> Notice:
    """The log in the directory ``logs`` has lines missing."""
    return Notice(
        code=ProblemCode.JOURNAL_UNWRITABLE,
        message=f"the log in {logs} cannot be written: {error}",
        hint="make room or mend the rights of that directory; supervision goes on without a log",
    )


def read_only_notice(session_id: str, error: OSError) -> Notice:
    """The session was restored, and nothing can be saved there now."""
    return Notice(
        code=ProblemCode.READ_ONLY,
        message=f"session {session_id} was restored, but nothing can be saved there ({error.strerror})",
        hint=f"{hint_for(error)}; saving begins by itself once that is done",
    )


def newer_notice(session_id: str, reason: str) -> Notice:
    """The session is of a later version."""
    return Notice(
        code=ProblemCode.NEWER_FORMAT,
        message=f"session {session_id} was written by a later version ({reason}) and is left as it is",
        hint="use that version again to continue this session",
    )


def left_out_notice(session_id: str, error: OSError) -> Notice:
    """The session cannot be looked at, or a link is in its place, and what that leads to cannot be used."""
    return Notice(
        code=ProblemCode.UNUSABLE_FILE,
        message=f"session {session_id} is left out: {error.strerror or type(error).__name__}",
        hint=hint_for(error),
    )


def taken_notice(session_id: str) -> Notice:
    """The session that was asked for cannot be had."""
    return Notice(
        code=ProblemCode.TAKEN,
        message=f"session {session_id} is in use by a running supervisor, or its files cannot be used",
        hint="end that program first, or choose another session",
    )


def lost(doing: str, path: str, error: OSError) -> SessionLost:
    """The session that was ours belongs to another process by now."""
    return SessionLost(
        f"cannot {doing} in {path} ({error.strerror})",
        hint="nothing there is changed any more; your work goes on in a session of its own",
    )


def as_error(notice: Notice) -> StoreError:
    """The notice as an error, for a command that cannot go on without that session."""
    return StoreError(notice.message, hint=notice.hint)


def replaced_notice(session_id: str) -> Notice:
    """Something that is no file is in the place of the lock."""
    return Notice(
        code=ProblemCode.UNUSABLE_FILE,
        message=f"session {session_id} is left out: what is in the place of its file {LOCK_NAME!r} is not a file",
        hint=f"remove {LOCK_NAME!r} from the directory of that session; the next start can use the session again",
    )


def _left(session_id: str, refused: Sequence[RefusedFile], used: UsedParts) -> str:
    stays = "It stays where it is" if len(refused) == 1 else "They stay where they are"
    return f"{_what(session_id, refused)}. {stays}. {_outcome(refused, used)}"


def _what(session_id: str, refused: Sequence[RefusedFile]) -> str:
    files = ", ".join(f"{file.name} ({file.reason})" for file in refused)
    return f"{files} of session {session_id} cannot be used"


def _outcome(refused: Sequence[RefusedFile], used: UsedParts) -> str:
    """What is used in place of the refused files."""
    kinds = {parsed[0] for file in refused if (parsed := parse_name(file.name)) is not None}
    parts: list[str] = []
    if Kind.CONTEXT in kinds:
        parts.append(_older("copy of the work", used.work_at) or _NOTHING_USABLE)
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
