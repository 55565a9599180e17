"""The session that this process owns: its record, its context, and what of them is on disk.

A context belongs to an image. When another image answers, its session takes the place of the
present one, which is *parked*: it stays in memory until all of it is on disk, and only then is it
given back to other processes.

A session may be *lost*: another process owns it by now. What is in memory then goes on in a new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Any, Final

from stui_supervisor.config import Settings
from stui_supervisor.context import Context, Section
from stui_supervisor.effects import Effect, Load, Release, Save, SaveEnded, SaveSnapshot
from stui_supervisor.errors import StoreError
from stui_supervisor.handshake import Known
from stui_supervisor.record import Claimed, SessionLost, SessionRecord
from stui_supervisor.saver import Saver
from stui_supervisor.wire.dialects import Dialect

_DIALECTS: Final[dict[str | None, Dialect]] = {dialect.value: dialect for dialect in Dialect}


@dataclass(slots=True)
class Holding:
    """One session in memory.

    ``id`` is None without a claim; ``sections`` is None while ``Session.context`` has them.
    ``backend_sessions`` are those that were made at each endpoint. ``lost`` is the id of a session that was lost:
    a new one is needed, and ``copies`` are the snapshots that go there.
    """

    record: SessionRecord
    saver: Saver
    id: str | None = None
    sections: Mapping[str, Section] | None = None
    backend_sessions: dict[str, str] = field(default_factory=dict)
    lost: str | None = None
    copies: list[Mapping[str, Section]] = field(default_factory=list)

    @property
    def needs_new(self) -> bool:
        """True when no session but a new one will do."""
        return self.id is None and self.lost is not None


class Session:
    """What is remembered of the link and of the user's work.

    Works without a disk too: then ``id`` is None and nothing is written until a claim succeeds.
    """

    def __init__(self, profile: str, settings: Settings, rng: Random, context: Context) -> None:
        self._settings = settings
        self._rng = rng
        self._claim = Load(0, profile, None)
        self._is_claiming = False
        self._load_for: Holding | None = None
        self._load_image: str | None = None
        self._load_is_new = False
        self._wish: bool | None = None
        self._dialects: dict[str, Dialect] = {}
        self._current = Holding(SessionRecord(profile=profile), Saver(settings))
        self._parked: dict[str, Holding] = {}
        self._ended: dict[str, Holding] = {}
        self.context = context
        self.context_saved_at: datetime | None = None

    @property
    def id(self) -> str | None:
        """The claimed session, or None."""
        return self._current.id

    @property
    def record(self) -> SessionRecord:
        """What is remembered of the link."""
        return self._current.record

    @property
    def saver(self) -> Saver:
        """What of the session in use is not on disk yet."""
        return self._current.saver

    @property
    def is_store_ok(self) -> bool:
        """True while the disk does its part."""
        return all(holding.saver.ok for holding in self._holdings())

    def is_in_use(self, session_id: str) -> bool:
        """True for the session whose content is the context, and for the one the last run ended with."""
        return self._find(session_id) is self._current

    @property
    def is_load_for_present(self) -> bool:
        """True when the awaited claim is for the session in use, not for a parked one."""
        return self._load_for is self._current

    @property
    def is_lost(self) -> bool:
        """True when the session in use was lost, and there is no new one yet."""
        return self._current.needs_new

    @property
    def loading(self) -> bool:
        """True while somebody waits for a session."""
        return self._load_for is not None

    def begin_run(self) -> None:
        """The program starts, perhaps again: answers of an earlier run will not come."""
        self._load_for, self._is_claiming = None, False
        self._ended.clear()
        for holding in self._holdings():
            holding.id = holding.lost = None
            holding.saver.begin_run()

    # Claims

    def load_present(self) -> list[Effect]:
        """Ask for the session to use, in place of the one that was wanted before."""
        return self.load(is_new=self._current.needs_new)

    def load(
        self, image_id: str | None = None, holding: Holding | None = None, *, is_new: bool = False
    ) -> list[Effect]:
        """Ask for a session, in place of the one that was wanted before.

        One claim is under way at a time: another beside it would find the session taken, and make a new one.
        """
        self._load_image, self._load_is_new = image_id, is_new
        self._load_for = holding or self._current
        if self._is_claiming:
            return []
        self._claim, self._is_claiming = Load(self._claim.load + 1, self.record.profile, image_id, is_new), True
        return [self._claim]

    def ends_with(self, load: int) -> bool:
        """Note the answer to the claim that is under way. True when somebody waits for a session still."""
        if load != self._claim.load:
            return False
        self._is_claiming = False
        return self.loading

    def is_wanted(self, claimed: Claimed) -> bool:
        """True for a session of the image that is wanted now; the claim may have been made for another."""
        is_of_image = self._load_image in {self._claim.image_id, claimed.record.image_id}
        return is_of_image and self._load_is_new == self._claim.is_new

    def claim_again(self, claimed: Claimed) -> list[Effect]:
        """Give back what is not wanted any more, and ask for what is."""
        again = self.load(self._load_image, self._load_for, is_new=self._load_is_new)
        return [Release(claimed.session_id), *again]

    def abandon_load(self) -> None:
        """The answer is not wanted any more; its session will be given back."""
        self._load_for = None

    def load_failed(self, error: StoreError, now: float) -> list[Effect]:
        """The claim failed; it is tried again later. Whoever waits for what it was for is told."""
        holding, self._load_for = self._load_for or self._current, None
        return [SaveEnded(waiter, error) for waiter in holding.saver.claim_failed(now)]

    def adopt(self, claimed: Claimed, now: float) -> list[Effect]:
        """Take over what was stored; what the user has set or wished since the start wins over it."""
        holding, self._load_for = self._load_for or self._current, None
        stored, mine = claimed.record, holding.record
        if holding.needs_new:
            holding.id, holding.saver.ok = claimed.session_id, True
            copies, holding.copies = holding.copies, []
            return [SaveSnapshot(claimed.session_id, sections) for sections in copies]
        if mine.image_id and stored.image_id and mine.image_id != stored.image_id:
            # It came late, and another image has answered meanwhile.
            return [Release(claimed.session_id), *self.load(mine.image_id, holding)]
        holding.id = claimed.session_id
        holding.saver.ok = True
        if holding.sections is not None:
            holding.sections = self.context.over(holding.sections, claimed.sections)
            if holding.sections != claimed.sections:
                holding.saver.context_changed(now)
            return []
        holding.record = replace(
            stored,
            endpoint=mine.endpoint or stored.endpoint,
            dialect=mine.dialect or stored.dialect,
            image_id=mine.image_id or stored.image_id,
            backend_session=mine.backend_session or stored.backend_session,
            client_id=mine.client_id or stored.client_id,
            wanted=stored.wanted if self._wish is None else self._wish,
        )
        self.context.adopt(claimed.sections)
        if self.context.sections() != claimed.sections:
            holding.saver.context_changed(now)
        return []

    # Other images

    def switch(self, claimed: Claimed, image_id: str, now: float) -> list[Effect]:
        """Use another image's session, and park the present one."""
        self._load_for = None
        effects = self._park(now)
        self._use(Holding(claimed.record, Saver(self._settings), claimed.session_id), image_id, claimed.sections)
        return effects

    def switch_in_memory(self, image_id: str, now: float, *, has_failed: bool = False) -> list[Effect]:
        """The same without a disk (``has_failed`` when that is why), or for a session that is parked still."""
        self._load_for = None
        effects = self._park(now)
        fresh = Holding(SessionRecord(profile=self.record.profile), Saver(self._settings))
        fresh.saver.ok = self.saver.ok and not has_failed
        fresh.saver.context_changed(now)
        holding = self._parked.pop(image_id, fresh)
        self._use(holding, image_id, holding.sections or {})
        return effects

    def is_parked(self, image_id: str) -> bool:
        """True when the image's session is in memory still."""
        return image_id in self._parked

    def _park(self, now: float) -> list[Effect]:
        holding = self._current
        if holding.id is not None and holding.saver.is_clean:
            return [Release(holding.id)]
        holding.sections = self.context.sections()
        holding.saver.wanted(now)
        self._parked[holding.record.image_id or ""] = holding
        return []

    def _use(self, holding: Holding, image_id: str, sections: Mapping[str, Section]) -> None:
        old, self._current = self._current, holding
        holding.record = replace(
            holding.record,
            image_id=image_id,
            wanted=old.record.wanted,
            endpoint=holding.record.endpoint or old.record.endpoint,
        )
        holding.sections = None
        self.context.replace(sections)
        self.context_saved_at = None

    # What changes

    def wish(self, *, wanted: bool, now: float) -> None:
        """The user has said whether a link is wanted; the next start knows it."""
        self._wish = wanted
        self._change(now, wanted=wanted)

    def note_status(self, status: Mapping[str, Any], now: float) -> None:
        """A transition: what another process may read about this one changes with it."""
        self._change(now, status=status)

    def established(self, endpoint: str, known: Known, now: float) -> None:
        """A link is up: from now on this endpoint is the last-known-good one."""
        if known.dialect is not None:
            self._dialects[endpoint] = known.dialect
        self._remember_backend_session(endpoint, known.backend_session)
        self._change(
            now,
            endpoint=endpoint,
            dialect=known.dialect,
            image_id=known.image_id,
            backend_session=known.backend_session,
            client_id=known.client_id,
        )

    def made_again(self, endpoint: str, backend_session: str, now: float) -> None:
        """The backend had lost our session while the link was up, and has given another."""
        self._remember_backend_session(endpoint, backend_session)
        self._change(now, backend_session=backend_session)

    def made(self, endpoint: str, backend_session: str) -> None:
        """A backend has given a session on a link that is not established yet, and may never be."""
        self._remember_backend_session(endpoint, backend_session)

    def _remember_backend_session(self, endpoint: str, backend_session: str | None) -> None:
        if backend_session is None:
            self._current.backend_sessions.pop(endpoint, None)
        else:
            self._current.backend_sessions[endpoint] = backend_session

    def _change(self, now: float, **fields: Any) -> None:
        self._current.record = replace(self.record, **fields)
        self.saver.record_changed(now)

    def dialect(self, endpoint: str | None) -> Dialect | None:
        """The dialect that the backend at this endpoint is known to speak."""
        if endpoint in self._dialects:
            return self._dialects[endpoint]
        return _DIALECTS.get(self.record.dialect) if endpoint == self.record.endpoint else None

    def known(self, endpoint: str) -> Known:
        """What the next handshake at this endpoint starts from."""
        if self.record.client_id is None:
            self._current.record = replace(self.record, client_id=self._new_client_id())
        here = self._current.backend_sessions.get(endpoint)
        return Known(
            dialect=self.dialect(endpoint),
            image_id=self.record.image_id,
            backend_session=here or self.record.backend_session,
            client_id=self.record.client_id or "",
            is_elsewhere=here is None and endpoint != self.record.endpoint,
        )

    def _new_client_id(self) -> str:
        from uuid import UUID  # noqa: PLC0415  # needed once in a session's life, not at each start

        return str(UUID(int=self._rng.getrandbits(128), version=4))

    # The disk

    def save_wanted(self, waiter: int | None, now: float) -> list[Effect]:
        """The user wants what is present on the disk, and may wait for it."""
        if waiter is None:
            self.saver.wanted(now)
        elif self.id is not None and self.saver.is_clean:
            return [SaveEnded(waiter)]
        else:
            self.saver.wait(waiter, now)
        return []

    def save_if_due(self, now: float) -> list[Effect]:
        """The writes that are due now, and the claims for what has no session yet."""
        earliest = self.next_deadline()
        if earliest is None or earliest > now:
            return []
        effects: list[Effect] = []
        for holding in self._holdings():
            due = self._due(holding)
            if due is None or due > now:
                continue
            if holding.id is not None:
                effects.append(self._save(holding))
            else:
                effects += self.load(holding.record.image_id, holding, is_new=holding.needs_new)
        return effects

    def next_deadline(self) -> float | None:
        """The monotonic time at which ``save_if_due`` has something to do."""
        if not self._parked:
            return self._due(self._current)
        return min((due for holding in self._holdings() if (due := self._due(holding)) is not None), default=None)

    def saved(self, session_id: str) -> list[Effect]:
        """A write is on disk. A parked session that is clean is given back."""
        holding = self._find(session_id)
        if holding is None:
            return []
        effects: list[Effect] = [SaveEnded(waiter) for waiter in holding.saver.finished()]
        if holding is self._current or not holding.saver.is_clean:
            return effects
        self._parked = {image: other for image, other in self._parked.items() if other is not holding}
        return effects if holding.id is None else [*effects, Release(session_id)]

    def save_failed(self, session_id: str, error: StoreError, now: float) -> list[Effect]:
        """A write is not on disk; it is due again later."""
        holding = self._find(session_id)
        if holding is None:
            return []
        effects: list[Effect] = [SaveEnded(waiter, error) for waiter in holding.saver.failed(now)]
        return [*effects, *self._lose(holding, session_id, now)] if isinstance(error, SessionLost) else effects

    def snapshot_lost(self, session_id: str, sections: Mapping[str, Section], now: float) -> list[Effect]:
        """Another process owns the session in which a copy was to be kept; it goes to the new one."""
        lost = (holding for holding in self._holdings() if holding.lost == session_id)
        holding = self._find(session_id) or next(lost, None)
        if holding is None:
            return []
        if holding.lost == session_id and holding.id is not None:
            return [SaveSnapshot(holding.id, sections)]
        holding.copies.append(sections)
        return [] if holding.needs_new else self._lose(holding, session_id, now)

    def _lose(self, holding: Holding, session_id: str, now: float) -> list[Effect]:
        """Go on in a new session. The image's copy goes with the old one, as two must not share it."""
        has_ended = self._ended.pop(session_id, None) is not None
        if has_ended and not holding.copies and holding.saver.present.context == holding.saver.saved.context:
            return []  # all of it is on the disk
        holding.id, holding.lost = None, session_id
        holding.record = replace(holding.record, backend_session=None, client_id=self._new_client_id())
        holding.backend_sessions.clear()
        holding.saver.begin_anew(now)
        return [] if has_ended else [Release(session_id)]

    def finish(self) -> list[Effect]:
        """The last writes and the end of the claims."""
        effects: list[Effect] = []
        for holding in self._holdings():
            if holding.id is not None:
                effects += [self._save(holding), Release(holding.id)]
                self._ended[holding.id], holding.id = holding, None
        return effects

    def _holdings(self) -> Iterator[Holding]:
        yield self._current
        yield from list(self._parked.values())

    def _find(self, session_id: str) -> Holding | None:
        if session_id in self._ended:
            return self._ended[session_id]
        return next((holding for holding in self._holdings() if holding.id == session_id), None)

    def _due(self, holding: Holding) -> float | None:
        if holding.id is None and (self.loading or not self._settings.keeps_session):
            return None
        return holding.saver.next_deadline()

    def _save(self, holding: Holding) -> Save:
        assert holding.id is not None  # noqa: S101  # callers have a session
        sections = self.context.sections() if holding.sections is None else holding.sections
        return Save(holding.id, holding.record, sections if holding.saver.begin() else None)
