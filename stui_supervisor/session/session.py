"""The session that this process owns: its record, its context, and what of them is on disk.

A context belongs to an image. When another image answers, its session takes the place of the
present one, which is *parked*: it stays in memory until all of it is on disk, and only then is it
given back to other processes.

A session may be *lost*: another process owns it by now. What is in memory then goes on in a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import inf
from random import Random
from typing import Any, Final

from stui_supervisor.config import Settings
from stui_supervisor.context.context import Context, Section
from stui_supervisor.endpoint import are_same
from stui_supervisor.errors import StoreError
from stui_supervisor.machine.states import BackendVerdict
from stui_supervisor.peer.backend_session import BackendSession
from stui_supervisor.peer.identity import Identity, differ
from stui_supervisor.peer.process import Process
from stui_supervisor.session.claims import Claims, Others, Wanted
from stui_supervisor.session.held_session import HeldSession, HeldSessions
from stui_supervisor.session.messages import Release, Save, SaveEnded, SaveSnapshot, SessionEffect
from stui_supervisor.session.records import ClaimedSession, KnownBackend, SessionLost, SessionRecord, has_work, named
from stui_supervisor.session.save_schedule import SaveSchedule
from stui_supervisor.wire.dialects import Dialect

_DIALECTS: Final[dict[str | None, Dialect]] = {dialect.value: dialect for dialect in Dialect}


class Session:
    """What is remembered of the link and of the user's work.

    Works without a disk too: then ``id`` is None and nothing is written until a claim succeeds.
    """

    def __init__(self, profile: str, settings: Settings, rng: Random, context: Context) -> None:
        self._settings = settings
        self._rng = rng
        self._claims = Claims(profile)
        self._wish: bool | None = None
        self._others = Others()
        self._dialects: dict[str, Dialect] = {}
        self._held = HeldSessions(HeldSession(SessionRecord(profile=profile), SaveSchedule(settings)))
        self._refused: Mapping[str, Section] | None = None
        self.context = context
        self.context_saved_at: datetime | None = None

    @property
    def id(self) -> str | None:
        """The claimed session, or None."""
        return self._held.current.id

    @property
    def record(self) -> SessionRecord:
        """What is remembered of the link."""
        return self._held.current.record

    @property
    def saver(self) -> SaveSchedule:
        """What of the session in use is not on disk yet."""
        return self._held.current.schedule

    @property
    def is_store_ok(self) -> bool:
        """True while the disk does its part."""
        return all(held.schedule.ok for held in self._held)

    def is_latest(self, endpoint: str | None) -> bool:
        """False when a session may have been used later that could not be read, or of this last endpoint, is gone."""
        return not self._others.has_later(endpoint)

    @property
    def has_unsaved_work(self) -> bool:
        """True when the disk lacks some of the context, where it is to have any."""
        return self._settings.keeps_session and any(held.schedule.has_work for held in self._held)

    def note_silent_store(self) -> bool:
        """The disk does not answer, and so does not do its part; True where it lacks some of the work."""
        if is_lacking := any(held.schedule.has_work for held in self._held):
            self.saver.ok = False
        return is_lacking

    def is_in_use(self, session_id: str) -> bool:
        """True for the session whose content is the context, and for the one the last run ended with."""
        return self._held.find(session_id) is self._held.current

    @property
    def is_load_for_present(self) -> bool:
        """True when the awaited claim is for the session in use, not for a parked one."""
        return (wanted := self._claims.wanted) is not None and wanted.held is self._held.current

    @property
    def is_lost(self) -> bool:
        """True when the session in use was lost, and there is no new one yet."""
        return self._held.current.needs_new

    @property
    def loading(self) -> bool:
        """True while somebody waits for a session."""
        return self._claims.wanted is not None

    def begin_run(self) -> None:
        """The program starts, perhaps again: answers of an earlier run will not come."""
        self._claims.begin_run()
        self._held.ended.clear()
        self._wish = None if self.saver.is_record_saved else self._wish
        self.context.begin_run(self.saver.on_disk)
        for held in self._held:
            if held.sections is not None:
                held.sections = self.context.carried_over(held.sections, held.schedule.on_disk)
            held.begin_run()

    # Claims

    def load_present(self) -> list[SessionEffect]:
        """Ask for the session to use, in place of the one that was wanted before."""
        return self._load(self._held.current, is_new=self._held.current.needs_new)

    def load(self, image: Identity) -> list[SessionEffect]:
        """Ask for the session of this image, in place of the one that was wanted before."""
        return self._load(self._held.current, image)

    def _load(self, held: HeldSession, image: Identity | None = None, *, is_new: bool = False) -> list[SessionEffect]:
        return [*self._claims.claim(self.record.profile, Wanted(held, image, is_new))]

    def take_answer(self, load: int) -> bool:
        """The answer to a claim has come. True when it is the latest, and somebody waits for a session still."""
        return self._claims.take_answer(load)

    def is_wanted(self, claimed: ClaimedSession) -> bool:
        """True for a session of the image that is wanted now; the claim may have been made for another."""
        return self._claims.fits(claimed)

    def claim_again(self, claimed: ClaimedSession) -> list[SessionEffect]:
        """Give back what is not wanted any more, and ask for what is."""
        wanted = self._claims.wanted
        again = [] if wanted is None else self._claims.claim(self.record.profile, wanted)
        return [Release(claimed.session_id), *again]

    def abandon_load(self) -> None:
        """The answer is not wanted any more; its session will be given back."""
        self._claims.end()

    def load_failed(self, error: StoreError, now: float) -> list[SessionEffect]:
        """The claim failed; it is tried again later. Whoever waits for a save of what it was for gets the error."""
        held = self._claims.end() or self._held.current
        return [SaveEnded(waiter, error) for waiter in held.schedule.claim_failed(now)]

    def adopt(self, claimed: ClaimedSession, now: float) -> list[SessionEffect]:
        """Take over what was stored; what the user has set or wished since the start wins over it."""
        held, stored = self._claims.end() or self._held.current, claimed.record
        self._others = Others(claimed.is_certain, claimed.endpoints)
        if held.needs_new:
            held.id, held.schedule.ok = claimed.session_id, True
            return held.keep()
        is_another = held.had not in {None, claimed.session_id}
        if is_another and claimed.is_chosen and held.is_old and held.sections is None:
            self.context.leave(held.schedule.on_disk)
            held.record = SessionRecord(profile=stored.profile)
        if differ(held.record.image, stored.image):
            # It came late, and another image has answered meanwhile.
            return [Release(claimed.session_id), *self._load(held, held.record.image)]
        has_both = has_work(claimed.sections) and has_work(self._sections_of(held))
        if is_another and has_both and not claimed.is_chosen:
            # Another process has the session of the run before; two works are not made one.
            return [Release(claimed.session_id), *self._load(held, held.record.image, is_new=True)]
        mine = held.take_over(claimed)
        if held.sections is not None:
            held.record = stored if held.is_old else mine
            laid = self.context.overlay(held.sections, claimed.sections)
            held.sections, lost = laid.sections, laid.lost
        else:
            held.take_back(stored, mine, wanted=stored.wanted if self._wish is None else self._wish)
            lost = self.context.adopt(claimed.sections)
        if self._sections_of(held) != claimed.sections:
            held.schedule.context_changed(now)
        return held.keep(lost)

    def keep(self, lost: Mapping[str, Section]) -> list[SessionEffect]:
        """Keep the copies that gave way to those of the session in use."""
        return self._held.current.keep(lost)

    def take_unseen(self, remains: Mapping[str, Section]) -> dict[str, Section]:
        """Those of the image's remains that it did not have when this was asked last; now they count as seen."""
        seen, self._held.current.seen = self._held.current.seen, dict(remains)
        return {name: section for name, section in remains.items() if seen.get(name) != section}

    def snapshot_failed(self, session_id: str, copies: Mapping[str, Section]) -> bool:
        """The disk did not take these; it is asked again once it has taken something else.

        True the first time for these copies: then the user is to know.
        """
        held = self._held.find(session_id)
        if held is not None:
            held.unkept.append(copies)
        is_first, self._refused = copies is not self._refused, copies
        return is_first

    # Other images

    def switch(self, claimed: ClaimedSession, image: Identity | None, now: float) -> list[SessionEffect]:
        """Use another image's session, and park the present one."""
        self._claims.end()
        effects = self._held.park(self.context.sections(), now)
        held = HeldSession(claimed.record, SaveSchedule(self._settings), claimed.session_id)
        held.schedule.on_disk = claimed.sections
        self._use(held, image, claimed.sections)
        return effects

    def switch_in_memory(self, image: Identity | None, now: float, *, has_failed: bool = False) -> list[SessionEffect]:
        """The same without a disk (``has_failed`` when that is why), or for a session that is parked still."""
        self._claims.end()
        effects = self._held.park(self.context.sections(), now)
        fresh = HeldSession(SessionRecord(profile=self.record.profile), SaveSchedule(self._settings))
        fresh.schedule.ok = self.saver.ok and not has_failed
        fresh.schedule.context_changed(now)
        held = self._held.parked.pop(image, fresh)
        self._use(held, image, held.sections or {})
        return effects

    def is_parked(self, image: Identity | None) -> bool:
        """True when the image's session is in memory still."""
        return image in self._held.parked

    def _use(self, held: HeldSession, image: Identity | None, sections: Mapping[str, Section]) -> None:
        self._held.use(held, image)
        self.context.replace(sections)
        self.context_saved_at = None

    # What changes

    def wish(self, *, wanted: bool, now: float) -> None:
        """The user has decided whether a link is wanted; the next start follows it."""
        self._wish = wanted
        self._held.current.change(now, wanted=wanted)

    def named(self, endpoint: str, now: float) -> None:
        """The user has named this endpoint: it is his own, wherever it was read before."""
        if self.record.endpoint_from_file and are_same(self.record.endpoint, endpoint):
            self._held.current.change(now, endpoint_from_file=False)

    def note_status(self, status: Mapping[str, Any], now: float) -> None:
        """A transition: what another process may read about this one changes with it."""
        self._held.current.change(now, status=status)

    def established(self, endpoint: str, known: KnownBackend, now: float) -> None:
        """A link is up: from now on this endpoint is the last-known-good one."""
        if known.dialect is not None:
            self._dialects[endpoint] = known.dialect
        self._held.current.established(endpoint, known, now)

    def last_seen(self, endpoint: str, process: Process, seen_at: datetime, now: float) -> None:
        """A link has ended: which process had our session until then, and when that was seen last."""
        had = self._held.current.backend_sessions.made.get(endpoint)
        if had is not None and had.id == self.record.backend_session:
            self.made_again(endpoint, had._replace(process=process.in_short, seen_at=seen_at), now)

    def made_again(self, endpoint: str, session: BackendSession, now: float) -> None:
        """The backend had lost our session while the link was up, and has given another."""
        self._held.current.backend_sessions.remember(endpoint, session)
        self._held.current.change(now, session=session)

    def made(self, endpoint: str, session: BackendSession, found: BackendVerdict) -> None:
        """A backend has given a session on a link that is not established yet, and may never be."""
        self._held.current.backend_sessions.half_made[endpoint] = session, found

    def missed(self, endpoint: str, found: BackendVerdict) -> None:
        """A backend has no such session. One of its number at the next attempt may be anybody's."""
        self._held.current.backend_sessions.half_made[endpoint] = None, found

    def note_name(self, image: Identity, now: float) -> None:
        """The backend has named its image only now: any other from here on is another one."""
        if self.record.image is None:
            self._held.current.change(now, **named(image))

    def tell_unnamed(self, now: float) -> bool:
        """The backend names no image. True when the user has not been told that yet."""
        if self.record.is_unnamed_told:
            return False
        self._held.current.change(now, is_unnamed_told=True)
        return True

    def dialect(self, endpoint: str | None) -> Dialect | None:
        """The dialect that the backend at this endpoint is known to speak."""
        if endpoint in self._dialects:
            return self._dialects[endpoint]
        return _DIALECTS.get(self.record.dialect) if are_same(endpoint, self.record.endpoint) else None

    def known(self, endpoint: str) -> KnownBackend:
        """What is known of the backend at this endpoint."""
        return self._held.current.known(endpoint, self.dialect(endpoint), self.context.sections())

    def begin_handshake(self, endpoint: str) -> KnownBackend:
        """What the next handshake at this endpoint starts from; we get a name to give there, if we have none yet."""
        self._held.current.name_itself(self._rng)
        return self.known(endpoint)

    # The disk

    def save_wanted(self, waiter: int | None, now: float) -> list[SessionEffect]:
        """The user wants what is present on the disk, and may wait for it."""
        if waiter is None:
            self.saver.wanted(now)
        elif self.id is not None and self.saver.is_clean:
            return [SaveEnded(waiter)]
        else:
            self.saver.wait(waiter, now)
        return []

    def save_if_due(self, now: float) -> list[SessionEffect]:
        """The writes that are due now, and the claims for what has no session yet."""
        if self.next_deadline() > now:
            return []
        effects: list[SessionEffect] = []
        for held in self._held:
            if self._due(held) > now:
                continue
            if held.id is not None:
                effects.append(self._save(held, held.id))
            else:
                effects += self._load(held, held.record.image, is_new=held.needs_new)
        return effects

    def next_deadline(self) -> float:
        """The monotonic time at which ``save_if_due`` has something to do."""
        if not self._held.parked:
            return self._due(self._held.current)
        return min(map(self._due, self._held))

    def saved(self, session_id: str) -> list[SessionEffect]:
        """A write is on disk. A parked session that is clean is given back."""
        held = self._held.find(session_id)
        if held is None:
            return []
        effects: list[SessionEffect] = [SaveEnded(waiter) for waiter in held.schedule.finished()]
        effects += held.keep()
        if held is self._held.current or not held.schedule.is_clean:
            return effects
        self._held.unpark(held)
        return effects if held.id is None else [*effects, Release(session_id)]

    def save_failed(self, session_id: str, error: StoreError, now: float) -> list[SessionEffect]:
        """A write is not on disk; it is due again later."""
        held = self._held.find(session_id)
        if held is None:
            return []
        effects: list[SessionEffect] = [SaveEnded(waiter, error) for waiter in held.schedule.failed(now)]
        return [*effects, *self._lose(held, session_id, now)] if isinstance(error, SessionLost) else effects

    def snapshot_lost(self, session_id: str, sections: Mapping[str, Section], now: float) -> list[SessionEffect]:
        """Another process owns the session in which a copy was to be kept; it goes to the new one."""
        lost = (held for held in self._held if held.lost == session_id)
        held = self._held.find(session_id) or next(lost, None)
        if held is None:
            return []
        if held.lost == session_id and held.id is not None:
            return [SaveSnapshot(held.id, sections)]
        held.unkept.append(sections)
        return [] if held.needs_new else self._lose(held, session_id, now)

    def _lose(self, held: HeldSession, session_id: str, now: float) -> list[SessionEffect]:
        """Go on in a new session, unless the run has ended and all of this one is on the disk."""
        has_ended = self._held.ended.pop(session_id, None) is not None
        if has_ended and not held.unkept and not held.schedule.has_work:
            return []
        held.lose(session_id, self._rng, now)
        return [] if has_ended else [Release(session_id)]

    def finish(self) -> list[SessionEffect]:
        """The last writes and the end of the claims."""
        effects: list[SessionEffect] = []
        for held in self._held:
            if held.id is not None:
                effects += [*held.keep(), self._save(held, held.id), Release(held.id)]
                self._held.end(held, held.id)
        return effects

    def save_after_end(self) -> list[SessionEffect]:
        """What was changed after the last write had begun, while the session is still held."""
        ended = self._held.ended.items()
        return [self._save(held, session) for session, held in ended if held.schedule.has_unwritten_work]

    def _due(self, held: HeldSession) -> float:
        if held.id is None and (self.loading or not self._settings.keeps_session):
            return inf
        return held.schedule.next_deadline()

    def _save(self, held: HeldSession, session_id: str) -> Save:
        return Save(session_id, held.record, held.schedule.begin(self._sections_of(held)))

    def _sections_of(self, held: HeldSession) -> Mapping[str, Section]:
        return self.context.sections() if held.sections is None else held.sections
