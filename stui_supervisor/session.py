"""The session that this process owns: its record, its context, and what of them is on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any, Final
from uuid import UUID

from stui_supervisor.config import Settings
from stui_supervisor.context import Context, Section
from stui_supervisor.effects import Effect, Load, Release, Save
from stui_supervisor.handshake import Known
from stui_supervisor.record import Claimed, SessionRecord
from stui_supervisor.saver import Saver
from stui_supervisor.wire.dialects import Dialect

_DIALECTS: Final[dict[str | None, Dialect]] = {dialect.value: dialect for dialect in Dialect}


class Session:
    """What is remembered of the link and of the user's work.

    Works without a disk too: then ``id`` is None and nothing is written until a claim succeeds.
    """

    def __init__(self, profile: str, settings: Settings, rng: Random, context: Context) -> None:
        self._settings = settings
        self._rng = rng
        self._loads = 0
        self._wish: bool | None = None
        self._parked: dict[str, tuple[SessionRecord, Mapping[str, Section]]] = {}
        self.context = context
        self.saver = Saver(settings)
        self.id: str | None = None
        self.record = SessionRecord(profile=profile)
        self.loading = False
        self.context_saved_at: datetime | None = None

    def load(self, image_id: str | None = None) -> Load:
        """Ask for a session; only the answer to the latest call counts."""
        self._loads += 1
        self.loading = True
        return Load(self._loads, self.record.profile, image_id)

    def is_latest(self, load: int) -> bool:
        """True for the answer that ``load`` waits for; ends the wait."""
        if not self.loading or load != self._loads:
            return False
        self.loading = False
        return True

    def abandon_load(self) -> None:
        """The answer is not wanted any more; its session will be given back."""
        self.loading = False

    def adopt(self, claimed: Claimed) -> None:
        """Take over what was stored; what the user has set or wished since the start wins over it."""
        stored, mine = claimed.record, self.record
        self.id = claimed.session_id
        self.record = replace(
            stored,
            endpoint=mine.endpoint or stored.endpoint,
            dialect=mine.dialect or stored.dialect,
            image_id=mine.image_id or stored.image_id,
            backend_session=mine.backend_session or stored.backend_session,
            client_id=mine.client_id or stored.client_id,
            wanted=stored.wanted if self._wish is None else self._wish,
        )
        self.context.adopt(claimed.sections)
        self.saver.ok = True

    def switch(self, claimed: Claimed, image_id: str) -> list[Effect]:
        """Use another image's session; the present one is saved as it is and given back."""
        effects: list[Effect] = []
        if self.id is not None:
            effects += [self._save(with_context=self.saver.is_context_changed), Release(self.id)]
        self.id = claimed.session_id
        self._replace(replace(claimed.record, image_id=image_id), claimed.sections)
        self.saver.forget()
        return effects

    def switch_in_memory(self, image_id: str) -> None:
        """The same without a disk: the present work is kept in memory until its image is back."""
        if self.record.image_id is not None:
            self._parked[self.record.image_id] = (self.record, self.context.sections())
        fresh = SessionRecord(profile=self.record.profile, image_id=image_id)
        self._replace(*self._parked.pop(image_id, (fresh, {})))

    def wish(self, *, wanted: bool, now: float) -> None:
        """The user has said whether a link is wanted; the next start knows it."""
        self._wish = wanted
        self.record = replace(self.record, wanted=wanted)
        self.saver.record_changed(now)

    @property
    def dialect(self) -> Dialect | None:
        """The dialect that the backend is known to speak."""
        return _DIALECTS.get(self.record.dialect)

    def known(self) -> Known:
        """What the next handshake starts from."""
        record = self.record
        if record.client_id is None:
            record = self.record = replace(record, client_id=str(UUID(int=self._rng.getrandbits(128), version=4)))
        return Known(
            dialect=self.dialect,
            image_id=record.image_id,
            backend_session=record.backend_session,
            client_id=record.client_id or "",
        )

    def established(self, endpoint: str, known: Known) -> None:
        """A link is up: from now on this endpoint is the last-known-good one."""
        self.record = replace(
            self.record,
            endpoint=endpoint,
            dialect=known.dialect,
            image_id=known.image_id,
            backend_session=known.backend_session,
            client_id=known.client_id,
        )

    def note_status(self, status: Mapping[str, Any], now: float) -> None:
        """A transition: what another process may read about this one changes with it."""
        self.record = replace(self.record, status=status)
        self.saver.record_changed(now)

    def save_if_due(self, now: float) -> list[Effect]:
        """The write that is due now, if any; without a session to write to, another claim of one."""
        due = self.next_deadline()
        if due is None or due > now:
            return []
        return [self.load()] if self.id is None else [self._save(with_context=self.saver.begin())]

    def next_deadline(self) -> float | None:
        """The monotonic time at which ``save_if_due`` has something to do."""
        if self.id is None and (self.loading or not self._settings.keeps_session):
            return None
        return self.saver.next_deadline()

    def finish(self) -> list[Effect]:
        """The last write and the end of the claim."""
        if self.id is None:
            return []
        effects: list[Effect] = [self._save(with_context=self.saver.begin()), Release(self.id)]
        self.id = None
        return effects

    def _save(self, *, with_context: bool) -> Save:
        assert self.id is not None  # noqa: S101  # callers have a session
        return Save(self.id, self.record, self.context.sections() if with_context else None)

    def _replace(self, record: SessionRecord, sections: Mapping[str, Section]) -> None:
        wanted = self.record.wanted
        self.record = replace(record, wanted=wanted, endpoint=record.endpoint or self.record.endpoint)
        self.context.replace(sections)
        self.context_saved_at = None
