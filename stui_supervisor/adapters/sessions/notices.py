"""What people are told about sessions that cannot be used as usual."""

from __future__ import annotations

from stui_supervisor.adapters.files.lock import LOCK_NAME
from stui_supervisor.adapters.files.private_files import hint_for
from stui_supervisor.errors import StoreError
from stui_supervisor.problems import ProblemCode
from stui_supervisor.session.records import Notice, SessionLost


def read_only_notice(session_id: str, error: OSError) -> Notice:
    """The session is borrowed."""
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
    """The same for a command, which cannot go on without that session."""
    return StoreError(notice.message, hint=notice.hint)


def replaced_notice(session_id: str) -> Notice:
    """Something that is no file is in the place of the lock."""
    return Notice(
        code=ProblemCode.UNUSABLE_FILE,
        message=f"session {session_id} is left out: what is in the place of its file {LOCK_NAME!r} is not a file",
        hint=f"remove {LOCK_NAME!r} from the directory of that session; the next start can use the session again",
    )
