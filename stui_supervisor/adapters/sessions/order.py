"""Which session was saved last, whatever the clock says: ``<root>/order.json``.

::

    {"turn":41,"session":"…","next":{"default":"…"}}

A session that is saved after another one gets the next ``turn``; ``session`` has the highest. It is kept in the
session's own files, so this one only spares a look at all of them: where it is missing or damaged it is put
together again. ``next`` is what a person chose for the next start of a profile; that is known here alone, so a file
that cannot be read is not replaced. A link in its place is followed, and written through, when it leads to such a file
of ours; any other stays as it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from typing import Any, Final, NamedTuple, Protocol

from stui_supervisor.adapters.files.file_format import DamagedFile, checked_turn
from stui_supervisor.adapters.files.links import UnsafeLink, behind_link, is_link
from stui_supervisor.adapters.files.private_files import read_regular, write_whole
from stui_supervisor.config import ORDER_MAX_BYTES, PROFILES_CHOSEN_FOR, TURN_MAX

NAME: Final = "order.json"

_TEMPORARY: Final = f".{NAME}.tmp"
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class _Order(NamedTuple):
    turn: int = 0
    session: str = ""
    chosen: tuple[tuple[str, str], ...] = ()

    def choosing(self, profile: str, session_id: str | None) -> _Order:
        others = tuple(choice for choice in self.chosen if choice[0] != profile)[-PROFILES_CHOSEN_FOR:]
        return self._replace(chosen=others if session_id is None else (*others, (profile, session_id)))


class OrderedSessions(Protocol):
    """What the order needs of the store of the sessions."""

    def alone(self) -> AbstractContextManager[Any]:
        """Keep other processes out of the ``with`` block."""

    def all_turns(self) -> Iterable[int]:
        """The turns that the sessions have on the disk. May raise OSError."""


class SessionOrder:
    """The order of the sessions below ``root``."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._highest = 0
        self._has_looked = False
        self._path = os.path.join(root, NAME)
        self._last: tuple[bytes, _Order | None] = (b"", None)

    def saw(self, turns: Iterable[int]) -> None:
        """These turns were found on the disk."""
        self._highest = max(self._highest, *turns, 0)

    def turn_of(self, session_id: str, turn: int, sessions: OrderedSessions) -> int:
        """The turn of a session that is saved now and had this one. Never raises OSError: an order is a courtesy."""
        order, _ = self._look()
        if order is not None and order.session == session_id and order.turn == turn >= self._highest:
            return turn
        with sessions.alone():
            order, may_write = self._look()
            if order is None and not self._has_looked:
                with suppress(OSError):
                    self.saw(sessions.all_turns())
            self._has_looked = order is None  # where it cannot be kept, each save would look again
            order = order or _Order()
            turn = min(max(turn, order.turn, self._highest) + 1, TURN_MAX)
            if may_write:
                with suppress(OSError):
                    self._write(order._replace(turn=turn, session=session_id))
        self._highest = turn
        return turn

    def chosen(self, profile: str) -> str | None:
        """The session that a person chose for the next start of the profile."""
        order, _ = self._look()
        return dict((order or _Order()).chosen).get(profile)

    def choose(self, profile: str, session_id: str | None) -> None:
        """Keep what a person chose, or with None forget it; to be called alone. May raise OSError."""
        order = self._read() or _Order()
        self._put(order.choosing(profile, session_id))

    def _look(self) -> tuple[_Order | None, bool]:
        """What is stored, and whether it may be written over."""
        try:
            return self._read(), True
        except OSError:
            return None, False

    def _read(self) -> _Order | None:
        """What is kept, None where nothing is or it is damaged. Raises OSError for what may not be written over.

        Each save asks, so it is taken apart again only where it is not what it was.
        """
        try:
            content = read_regular(self._path, ORDER_MAX_BYTES)
        except FileNotFoundError:
            return None
        except DamagedFile:
            content = b""
        if content != self._last[0]:
            self._last = content, _decoded(content)
        if self._last[1] is None and is_link(self._path):
            raise UnsafeLink("leads to a file that is none of ours")
        return self._last[1]

    def _put(self, order: _Order) -> None:
        """Write it whole and flushed, through a link in its place."""
        path = behind_link(self._path) if is_link(self._path) else self._path
        write_whole(*os.path.split(path), (_encoded(order),))

    def _write(self, order: _Order) -> None:
        """Write it whole, but not flushed: after a power cut it is put together again from the sessions."""
        if is_link(self._path):  # a temporary file with a fixed name is for our own directory only
            self._put(order)
            return
        temporary = os.path.join(self._root, _TEMPORARY)
        descriptor = os.open(temporary, _WRITE, 0o600)
        try:
            if hasattr(os, "fchmod"):
                with suppress(OSError):  # file systems without modes refuse
                    os.fchmod(descriptor, 0o600)  # a umask may have taken our own rights
            os.write(descriptor, _encoded(order))
        finally:
            os.close(descriptor)
        os.replace(temporary, self._path)


def _encoded(order: _Order) -> bytes:
    fields = {"turn": order.turn, "session": order.session, "next": dict(order.chosen)}
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def _decoded(content: bytes) -> _Order | None:
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not isinstance(fields.get("session"), str):
        return None
    chosen = fields.get("next")
    choices = tuple(chosen.items()) if isinstance(chosen, dict) else ()
    right = tuple((profile, choice) for profile, choice in choices if isinstance(choice, str))
    return _Order(checked_turn(fields.get("turn")), fields["session"], right)
