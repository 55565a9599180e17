"""Puts together the real adapters of one run. Each is imported when it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stui_supervisor.adapters.host import SystemClock, directories
from stui_supervisor.config import Settings
from stui_supervisor.context import Section
from stui_supervisor.errors import StoreError
from stui_supervisor.ports import Clock, Credentials, Journal, LinkFactory, SessionStore
from stui_supervisor.record import Claimed, SessionRecord


@dataclass(frozen=True, slots=True)
class Outside:
    """The adapters of one run. ``close`` lets go of what they share."""

    clock: Clock
    make_link: LinkFactory
    store: SessionStore
    journal: Journal | None
    credentials: Credentials | None
    close: Callable[[], None]


def assemble(
    settings: Settings, home: Path | str | None, credentials: Credentials | None, link: LinkFactory | None
) -> Outside:
    """The adapters for the running event loop. Never fails because a directory is missing."""
    store, journal = _disk(settings, home)
    if link is not None:
        return Outside(SystemClock(), link, store, journal, credentials, _nothing)
    from stui_supervisor.adapters.zmq_link import ZmqTransport  # noqa: PLC0415  # not needed with a link of one's own

    transport = ZmqTransport()
    return Outside(SystemClock(), transport, store, journal, credentials, transport.close)


def _disk(settings: Settings, home: Path | str | None) -> tuple[SessionStore, Journal | None]:
    try:
        places = directories(home)
    except StoreError as error:
        return NoDisk(error), None
    from stui_supervisor.adapters.session_files import SessionFiles  # noqa: PLC0415  # keeps the import light
    from stui_supervisor.adapters.structlog_journal import StructlogJournal  # noqa: PLC0415  # as above

    journal = StructlogJournal(places.logs, settings) if settings.journal else None
    return SessionFiles(places.sessions_root), journal


def _nothing() -> None:
    """Nothing is shared."""


class NoDisk:
    """The session store of a machine that has no place for one: every call says why."""

    def __init__(self, error: StoreError) -> None:
        self._error = error

    def claim(self, _profile: str, _image_id: str | None = None) -> Claimed:
        """Raises StoreError."""
        raise self._error

    def save_record(self, _session_id: str, _record: SessionRecord) -> None:
        """Raises StoreError."""
        raise self._error

    def save_context(self, _session_id: str, _sections: Mapping[str, Section]) -> int:
        """Raises StoreError."""
        raise self._error

    def release(self, _session_id: str) -> None:
        """Nothing was claimed."""
