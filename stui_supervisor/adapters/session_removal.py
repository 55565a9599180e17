"""Removing a session that holds nothing anybody could miss."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

from stui_supervisor.adapters.generations import Damaged, Kind, NewerFormat, decode, file_name
from stui_supervisor.adapters.owned_session import LOCK_NAME
from stui_supervisor.adapters.private_files import TEMPORARY_SUFFIX, read_regular
from stui_supervisor.adapters.session_directory import generations
from stui_supervisor.adapters.session_lock import SessionLock
from stui_supervisor.config import CONTEXT_FILE_MAX_BYTES

_IS_WINDOWS: Final = os.name == "nt"


def remove_if_empty(path: str) -> None:
    """Remove the session, unless it is owned, has work or a snapshot, or holds anything that we cannot judge.

    Call it under the claim lock, so that no claim meets the session while it goes. Never raises OSError.
    """
    lock = SessionLock(os.path.join(path, LOCK_NAME))
    with suppress(OSError):
        if not os.path.isdir(path) or not lock.take():  # a lock may make the directory of a session that is gone
            return
        try:
            removable = _worthless_files(path)
            if removable is None:
                return
            for name in removable:
                os.unlink(os.path.join(path, name))
            if not _IS_WINDOWS:
                _remove_rest(path)
        finally:
            lock.give_back()
        if _IS_WINDOWS:  # which removes no open file
            _remove_rest(path)


def _remove_rest(path: str) -> None:
    with suppress(FileNotFoundError):  # filelock removes it itself on Windows
        os.unlink(os.path.join(path, LOCK_NAME))
    os.rmdir(path)  # refuses when somebody put a file there meanwhile


def _worthless_files(path: str) -> list[str] | None:
    """All files but the lock, in an order in which a crash leaves a session; None when there is one worth keeping."""
    names = os.listdir(path)
    found = generations(names)
    saved = [file_name(kind, seq) for kind in (Kind.CONTEXT, Kind.ENDPOINT) for seq in reversed(found[kind])]
    cut_off = [name for name in names if name.startswith(".") and name.endswith(TEMPORARY_SUFFIX)]
    if set(names) - {LOCK_NAME, *saved, *cut_off}:
        return None  # a snapshot, or something that a person or a later version put there
    try:
        headers = [decode(read_regular(os.path.join(path, name), CONTEXT_FILE_MAX_BYTES))[0] for name in saved]
    except (Damaged, NewerFormat):
        return None  # it may be work
    return None if any(header.live_sections for header in headers) else [*cut_off, *saved]
