"""Owning a session: it is locked (borrowed where the disk is read-only), loaded, and what is damaged set aside."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from stui_supervisor.adapters.files.file_format import NewerFormat
from stui_supervisor.adapters.files.lock import LockReplaced
from stui_supervisor.adapters.files.notices import borrowed_notice, left_out_notice, replaced_notice
from stui_supervisor.adapters.files.passing_errors import may_pass, patiently
from stui_supervisor.adapters.files.private_files import is_out_of_means, is_read_only, make_private_directory
from stui_supervisor.adapters.files.quarantine import set_aside
from stui_supervisor.adapters.sessions.owned_session import OwnedSession
from stui_supervisor.adapters.sessions.removal import remove_made_in_vain
from stui_supervisor.config import CLAIMS_PUT_OFF
from stui_supervisor.session.records import Notice


class TakenSession(NamedTuple):
    """A session that was taken, and what the user has to know of it.

    ``session`` is None when another process has it, it is of a later version, or it cannot be read.
    """

    session: OwnedSession | None = None
    notices: Sequence[Notice] = ()


class SessionTaker:
    """Takes sessions below ``root``; every method may raise OSError.

    While the disk does not give what is there, the first few claims fail: one that is made again may find all.
    """

    def __init__(self, root: str, utc: Callable[[], datetime]) -> None:
        self._root = root
        self._utc = utc
        self._claims_put_off = 0

    @contextmanager
    def one_claim(self) -> Iterator[None]:
        """Count the claim in the ``with`` block as put off when it raises OSError."""
        try:
            yield
        except OSError:
            self._claims_put_off += 1
            raise
        self._claims_put_off = 0

    def put_off(self, troubles: Iterable[OSError]) -> None:
        """Raise the first of them that may have passed when there is another claim."""
        for error in filter(self._is_hoped_to_pass, troubles):
            raise error

    def take(self, session_id: str, profile: str) -> TakenSession:
        """Own, or where the disk is read-only borrow, and load."""
        session = OwnedSession(os.path.join(self._root, session_id), profile)
        try:
            if not patiently(lambda: _take_or_borrow(session), lambda _: False):
                return TakenSession()
            refused = patiently(session.load, lambda refused: any(file.error for file in refused))
            self.put_off(file.error for file in refused if file.error is not None)
        except LockReplaced:
            return TakenSession(notices=[replaced_notice(session_id)])
        except NewerFormat:
            session.release()
            return TakenSession()
        except OSError as error:
            session.release()
            if is_out_of_means(error) or self._is_hoped_to_pass(error):
                raise
            return TakenSession(notices=[left_out_notice(session_id, error)] if may_pass(error) else [])
        if session.read_only is None:
            return TakenSession(session, set_aside(self._root, session_id, refused, session.used, self._utc()))
        return TakenSession(session, [borrowed_notice(session_id, refused, session.used)] if refused else [])

    def take_new(self, session_id: str, profile: str) -> OwnedSession:
        """Make the directory of a new session, and own it."""
        session = OwnedSession(os.path.join(self._root, session_id), profile)
        make_private_directory(session.path)
        taken = False
        try:
            taken = session.take()
        finally:
            if not taken:
                remove_made_in_vain(session.path)  # each try would leave one more
        if not taken:
            raise OSError(0, "its lock cannot be had")
        return session

    def _is_hoped_to_pass(self, error: OSError) -> bool:
        is_denied = isinstance(error, PermissionError)  # which a person mends
        return may_pass(error) and not is_denied and self._claims_put_off < CLAIMS_PUT_OFF


def _take_or_borrow(session: OwnedSession) -> bool:
    try:
        return session.take()
    except OSError as error:
        if not is_read_only(error):
            raise
        return session.borrow(error)
