"""Looking into one stored session: its content, its generations and snapshots. Owns nothing and changes nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from stui_supervisor.adapters.files.file_format import DamagedFile, Header, Kind, NewerFormat, decode, file_name
from stui_supervisor.adapters.files.notices import as_error, newer_notice
from stui_supervisor.adapters.files.private_files import read_regular, store_errors
from stui_supervisor.adapters.sessions.codec import StoredContext, decode_context
from stui_supervisor.adapters.sessions.reader import generations, newest_context, newest_record
from stui_supervisor.config import CONTEXT_FILE_MAX_BYTES
from stui_supervisor.context.context import Context, Section
from stui_supervisor.errors import ConfigurationError, StoreError
from stui_supervisor.session.records import SessionRecord


class StoredCopy(NamedTuple):
    """One context or snapshot of a session, by the name it is restored with; ``problem`` says why it cannot be."""

    name: str
    saved_at: datetime | None
    size_bytes: int
    live_sections: int
    problem: str | None


class SessionHistory:
    """What one session holds. Every method raises StoreError when the disk or the format does not allow it."""

    def __init__(self, root: str, session_id: str) -> None:
        self._session_id = session_id
        self._path = os.path.join(root, session_id)

    def content(self) -> tuple[SessionRecord | None, StoredContext]:
        """The newest whole record and context."""
        with store_errors("read the session", self._path):
            found = generations(os.listdir(self._path))
            try:
                record = newest_record(self._path, found[Kind.ENDPOINT])
                context = newest_context(self._path, found[Kind.CONTEXT])
            except NewerFormat as error:
                raise as_error(newer_notice(self._session_id, str(error))) from error
        return record.value and record.value.record, context.value or StoredContext()

    def copies(self) -> list[StoredCopy]:
        """The contexts, then the snapshots, the newest of each first."""
        with store_errors("read the session", self._path):
            found = generations(os.listdir(self._path))
            return [self._copy(kind, seq) for kind in (Kind.CONTEXT, Kind.SNAPSHOT) for seq in found[kind]]

    def sections_of(self, name: str) -> Mapping[str, Section]:
        """The sections of one copy. Raises ConfigurationError for a name that ``copies`` does not list."""
        copy = next((copy for copy in self.copies() if copy.name == name), None)
        if copy is None:
            raise ConfigurationError(
                f"session {self._session_id} has no copy {name!a}",
                hint=f"sessions show {self._session_id} lists those it has",
            )
        if copy.problem is not None:
            raise StoreError(f"{name} of session {self._session_id} cannot be used: {copy.problem}")
        with store_errors("read the copy", self._path):
            return decode_context(self._read(f"{name}.json")[1]).sections

    def _copy(self, kind: Kind, seq: int) -> StoredCopy:
        name = f"{kind}.{seq}"
        size_bytes = os.lstat(os.path.join(self._path, file_name(kind, seq))).st_size
        try:
            header, body = self._read(file_name(kind, seq))
            decode_context(body)
        except (DamagedFile, NewerFormat) as error:
            return StoredCopy(name, None, size_bytes, 0, str(error))
        except OSError as error:
            return StoredCopy(name, None, size_bytes, 0, error.strerror)
        return StoredCopy(name, header.saved_at, size_bytes, header.live_sections, None)

    def _read(self, name: str) -> tuple[Header, bytes]:
        return decode(read_regular(os.path.join(self._path, name), CONTEXT_FILE_MAX_BYTES))


def put_back(current: Mapping[str, Section], copy: Mapping[str, Section], name: str, writer: str) -> dict[str, Section]:
    """The current sections with those of a copy in their place, each one newer than any that is known.

    A context takes the place of all of them; a snapshot holds only what once gave way, so the others stay.
    """
    wanted = {section: replace(part, writer=writer) for section, part in copy.items()}
    if name.startswith(Kind.CONTEXT):
        gone = (section for section in current if section not in copy and current[section].value is not None)
        wanted |= dict.fromkeys(gone, Section(None, 0, writer))
    return Context(writer, _nobody).overlay(wanted, current).sections


def _nobody() -> None:
    """A copy that is looked at tells nobody of changes."""
