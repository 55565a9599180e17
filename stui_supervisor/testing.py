"""Fakes of the ports, for tests of programs that use the supervisor. Each passes the contract suite of its port."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from stui_supervisor.claiming import Candidate, in_order_of_claim, seed
from stui_supervisor.context import Section
from stui_supervisor.errors import StoreError
from stui_supervisor.record import Claimed, SessionRecord

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class StoredInMemory:
    """One session of a ``MemoryDisk``; ``owner`` is the store that claimed it."""

    record: SessionRecord
    sections: Mapping[str, Section]
    saves: int
    owner: object | None


@dataclass
class MemoryDisk:
    """What several ``MemoryStore``s share. Set ``failure`` and every call but ``release`` raises it."""

    sessions: dict[str, StoredInMemory] = field(default_factory=dict)
    saves: int = 0
    failure: StoreError | None = None


class MemoryStore:
    """A session store without files. Each instance on one disk plays a process of its own."""

    def __init__(self, disk: MemoryDisk | None = None) -> None:
        self.disk = disk or MemoryDisk()

    def claim(self, profile: str, image_id: str | None = None) -> Claimed:
        """See ports.SessionStore."""
        self._count()
        candidates = [_seen(session_id, stored) for session_id, stored in self.disk.sessions.items()]
        for candidate in in_order_of_claim(candidates, profile, image_id):
            stored = self.disk.sessions[candidate.session_id]
            if stored.owner is None:
                stored.owner = self
                return Claimed(
                    session_id=candidate.session_id, record=stored.record, sections=dict(stored.sections), fresh=False
                )
        session_id = str(uuid.UUID(int=len(self.disk.sessions) + 1))
        record = seed(candidates, profile, image_id)
        self.disk.sessions[session_id] = StoredInMemory(record, {}, self.disk.saves, self)
        return Claimed(session_id=session_id, record=record, sections={}, fresh=True)

    def save_record(self, session_id: str, record: SessionRecord) -> None:
        """See ports.SessionStore."""
        stored = self._owned(session_id)
        stored.record = replace(record, status=dict(record.status))
        stored.saves = self._count()

    def save_context(self, session_id: str, sections: Mapping[str, Section]) -> int:
        """See ports.SessionStore."""
        stored = self._owned(session_id)
        stored.sections = dict(sections)
        stored.saves = self._count()
        return sum(len(name.encode()) + len(section.value or b"") for name, section in sections.items())

    def release(self, session_id: str) -> None:
        """See ports.SessionStore."""
        stored = self.disk.sessions.get(session_id)
        if stored is not None and stored.owner is self:
            stored.owner = None

    def die(self) -> None:
        """What the system does when the process is killed: its sessions are free again."""
        for session_id in self.disk.sessions:
            self.release(session_id)

    def _owned(self, session_id: str) -> StoredInMemory:
        stored = self.disk.sessions.get(session_id)
        if stored is None or stored.owner is not self:
            raise StoreError(f"session {session_id} is not owned by this process", hint="claim one first")
        return stored

    def _count(self) -> int:
        if self.disk.failure is not None:
            raise self.disk.failure
        self.disk.saves += 1
        return self.disk.saves


def _seen(session_id: str, stored: StoredInMemory) -> Candidate:
    return Candidate(
        session_id=session_id,
        record=stored.record,
        saved_at=_EPOCH + timedelta(seconds=stored.saves),
        seq=stored.saves,
        live_sections=sum(section.value is not None for section in stored.sections.values()),
    )
