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

from stui_supervisor.config import COPIES_MAX_BYTES, Settings
from stui_supervisor.context.context import Context, Section
from stui_supervisor.context.section import total_bytes
from stui_supervisor.endpoint import are_same
from stui_supervisor.errors import StoreError
from stui_supervisor.machine.states import BackendVerdict, State
from stui_supervisor.peer.backend_session import BackendSession
from stui_supervisor.peer.identity import Identity, differ
from stui_supervisor.peer.process import Process
from stui_supervisor.session.messages import Load, Release, Save, SaveEnded, SaveSnapshot, SessionEffect
from stui_supervisor.session.records import ClaimedSession, KnownBackend, SessionLost, SessionRecord, held, named
from stui_supervisor.session.save_schedule import SaveSchedule
from stui_supervisor.summary import has_stopped
from stui_supervisor.wire.dialects import Dialect

_DIALECTS: Final[dict[str | None, Dialect]] = {dialect.value: dialect for dialect in Dialect}


@dataclass(slots=True)
class HeldSession:
    """One session in memory.

    ``id`` is None without a claim; ``sections`` is None while ``Session.context`` has them.
    ``backend_sessions`` are those that were made at each endpoint; ``half_made`` those that a handshake which has led
    to no link yet has made or missed there, and what it found the backend to be. ``unkept`` are copies that lost, and
    that no disk has taken yet; ``seen`` what else an image was found to have at the last link. ``lost`` is the id of a
    session that was lost: a new one is needed. ``had`` is the session of the run before; ``is_old`` is True while the
    record is of that run, and on the disk as well, where another process may have changed it.
    """

    record: SessionRecord
    saver: SaveSchedule
    id: str | None = None
    sections: Mapping[str, Section] | None = None
    backend_sessions: dict[str, BackendSession] = field(default_factory=dict)
    half_made: dict[str, tuple[BackendSession | None, BackendVerdict]] = field(default_factory=dict)
    unkept: list[Mapping[str, Section]] = field(default_factory=list)
    seen: dict[str, Section] = field(default_factory=dict)
    lost: str | None = None
    had: str | None = None
    is_old: bool = False

    def keep(self, *copies: Mapping[str, Section]) -> list[SessionEffect]:
        """Write the copies that lost, or hold them until there is a session to write them to."""
        self.unkept += [copy for copy in copies if copy]
        if self.id is None:
            while self.unkept[1:] and sum(map(total_bytes, self.unkept)) > COPIES_MAX_BYTES:
                del self.unkept[0]
            return []
        waiting, self.unkept = self.unkept, []
        return [SaveSnapshot(self.id, copy) for copy in waiting]

    def begin_run(self) -> None:
        """Another process may have gone on with what was saved: then it counts only where the disk says nothing."""
        self.is_old = self.saver.is_record_saved
        if self.is_old:
            self.forget_backend_sessions()
        self.id = self.lost = None
        self.saver.begin_run()

    def adopts(self, claimed: ClaimedSession) -> SessionRecord:
        """It has this session. The result is what this run knows better than the disk.

        Another session than before is another's in the image too, as two must not share one there.
        """
        if self.had not in {None, claimed.session_id}:
            self.record = replace(self.record.holding(None), client_id=None)
            self.forget_backend_sessions()
        mine = self.record
        fresh = SessionRecord(profile=mine.profile, client_id=mine.client_id).of_image(mine.image)  # whose work it has
        self.id, self.had, self.saver.ok, self.saver.on_disk = claimed.session_id, None, True, claimed.sections
        return fresh if self.is_old else mine

    def forget_backend_sessions(self) -> None:
        """What is in the images is another's now, or may be."""
        self.backend_sessions.clear()
        self.half_made.clear()

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
        self._load_for: HeldSession | None = None
        self._load_image: Identity | None = None
        self._load_is_new = False
        self._wish: bool | None = None
        self._are_all_known = False
        self._endpoints: frozenset[str] | None = None
        self._dialects: dict[str, Dialect] = {}
        self._current = HeldSession(SessionRecord(profile=profile), SaveSchedule(settings))
        self._parked: dict[Identity | None, HeldSession] = {}
        self._ended: dict[str, HeldSession] = {}
        self._refused: Mapping[str, Section] | None = None
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
    def saver(self) -> SaveSchedule:
        """What of the session in use is not on disk yet."""
        return self._current.saver

    @property
    def is_store_ok(self) -> bool:
        """True while the disk does its part."""
        return all(holding.saver.ok for holding in self._holdings())

    def is_latest(self, endpoint: str | None) -> bool:
        """False when a session may have been used later that could not be read, or of this last endpoint, is gone."""
        return self._are_all_known and (endpoint is None or self._endpoints is None or endpoint in self._endpoints)

    @property
    def has_unsaved_work(self) -> bool:
        """True when the disk lacks some of the context, where it is to have any."""
        return self._settings.keeps_session and any(holding.saver.has_work for holding in self._holdings())

    def store_is_silent(self) -> bool:
        """The disk does not answer, and so does not do its part; True where it lacks some of the work."""
        lacking = [holding.saver for holding in self._holdings() if holding.saver.has_work]
        self.saver.ok = self.saver.ok and not lacking
        return bool(lacking)

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
        self._wish = None if self.saver.is_record_saved else self._wish
        self.context.begin_run(self.saver.on_disk)
        for holding in self._parked.values():
            holding.sections = self.context.carried_over(holding.sections or {}, holding.saver.on_disk)
        for holding in self._holdings():
            holding.begin_run()

    # Claims

    def load_present(self) -> list[SessionEffect]:
        """Ask for the session to use, in place of the one that was wanted before."""
        return self.load(is_new=self._current.needs_new)

    def load(
        self, image: Identity | None = None, holding: HeldSession | None = None, *, is_new: bool = False
    ) -> list[SessionEffect]:
        """Ask for a session, in place of the one that was wanted before.

        One claim is under way at a time: another beside it would find the session taken, and make a new one.
        """
        self._load_image, self._load_is_new = image, is_new
        self._load_for = holding or self._current
        if self._is_claiming:
            return []
        self._claim, self._is_claiming = Load(self._claim.load + 1, self.record.profile, image, is_new), True
        return [self._claim]

    def ends_with(self, load: int) -> bool:
        """Note the answer to the claim that is under way. True when somebody waits for a session still."""
        if load != self._claim.load:
            return False
        self._is_claiming = False
        return self.loading

    def is_wanted(self, claimed: ClaimedSession) -> bool:
        """True for a session of the image that is wanted now; the claim may have been made for another."""
        is_of_image = self._load_image in {self._claim.image, claimed.record.image}
        return is_of_image and self._load_is_new == self._claim.is_new

    def claim_again(self, claimed: ClaimedSession) -> list[SessionEffect]:
        """Give back what is not wanted any more, and ask for what is."""
        again = self.load(self._load_image, self._load_for, is_new=self._load_is_new)
        return [Release(claimed.session_id), *again]

    def abandon_load(self) -> None:
        """The answer is not wanted any more; its session will be given back."""
        self._load_for = None

    def load_failed(self, error: StoreError, now: float) -> list[SessionEffect]:
        """The claim failed; it is tried again later. Whoever waits for what it was for is told."""
        holding, self._load_for = self._load_for or self._current, None
        return [SaveEnded(waiter, error) for waiter in holding.saver.claim_failed(now)]

    def adopt(self, claimed: ClaimedSession, now: float) -> list[SessionEffect]:
        """Take over what was stored; what the user has set or wished since the start wins over it."""
        holding, self._load_for = self._load_for or self._current, None
        stored, self._are_all_known, self._endpoints = claimed.record, claimed.is_certain, claimed.endpoints
        if holding.needs_new:
            holding.id, holding.saver.ok = claimed.session_id, True
            return holding.keep()
        is_another = holding.had not in {None, claimed.session_id}
        if is_another and claimed.is_chosen and holding.is_old and holding.sections is None:
            self.context.leave(holding.saver.on_disk)
            holding.record = SessionRecord(profile=stored.profile)
        if differ(holding.record.image, stored.image):
            # It came late, and another image has answered meanwhile.
            return [Release(claimed.session_id), *self.load(holding.record.image, holding)]
        has_both = _has_work(claimed.sections) and _has_work(self._sections_of(holding))
        if is_another and has_both and not claimed.is_chosen:
            # Another process has the session of the run before; two works are not made one.
            return [Release(claimed.session_id), *self.load(holding.record.image, holding, is_new=True)]
        mine = holding.adopts(claimed)
        if holding.sections is not None:
            holding.record = stored if holding.is_old else mine
            laid = self.context.over(holding.sections, claimed.sections)
            holding.sections, lost = laid.sections, laid.lost
            if holding.sections != claimed.sections:
                holding.saver.context_changed(now)
            return holding.keep(lost)
        led = next((record for record in (mine, stored, holding.record) if record.endpoint), stored)
        holding.record = replace(
            stored,
            endpoint=led.endpoint,
            endpoint_from_file=led.endpoint_from_file,
            dialect=mine.dialect or stored.dialect,
            client_id=(mine if mine.session else stored).client_id or mine.client_id,
            is_unnamed_told=mine.is_unnamed_told or stored.is_unnamed_told,
            wanted=stored.wanted if self._wish is None else self._wish,
        )
        holding.record = holding.record.of_image(mine.image or stored.image).holding(mine.session or stored.session)
        lost = self.context.adopt(claimed.sections)
        if self.context.sections() != claimed.sections:
            holding.saver.context_changed(now)
        return holding.keep(lost)

    def keep(self, lost: Mapping[str, Section]) -> list[SessionEffect]:
        """Keep the copies that gave way to those of the session in use."""
        return self._current.keep(lost)

    def unseen(self, remains: Mapping[str, Section]) -> dict[str, Section]:
        """Those of the image's remains that it did not have when they were asked for last; they are seen then."""
        found = {name: section for name, section in remains.items() if self._current.seen.get(name) != section}
        self._current.seen = dict(remains)
        return found

    def not_kept(self, session_id: str, copies: Mapping[str, Section]) -> bool:
        """The disk did not take these; it is asked again once it has taken something else.

        True the first time for this copy.
        """
        holding = self._find(session_id)
        if holding is not None:
            holding.unkept.append(copies)
        is_first, self._refused = copies is not self._refused, copies
        return is_first

    # Other images

    def switch(self, claimed: ClaimedSession, image: Identity | None, now: float) -> list[SessionEffect]:
        """Use another image's session, and park the present one."""
        self._load_for = None
        effects = self._park(now)
        holding = HeldSession(claimed.record, SaveSchedule(self._settings), claimed.session_id)
        holding.saver.on_disk = claimed.sections
        self._use(holding, image, claimed.sections)
        return effects

    def switch_in_memory(self, image: Identity | None, now: float, *, has_failed: bool = False) -> list[SessionEffect]:
        """The same without a disk (``has_failed`` when that is why), or for a session that is parked still."""
        self._load_for = None
        effects = self._park(now)
        fresh = HeldSession(SessionRecord(profile=self.record.profile), SaveSchedule(self._settings))
        fresh.saver.ok = self.saver.ok and not has_failed
        fresh.saver.context_changed(now)
        holding = self._parked.pop(image, fresh)
        self._use(holding, image, holding.sections or {})
        return effects

    def is_parked(self, image: Identity | None) -> bool:
        """True when the image's session is in memory still."""
        return image in self._parked

    def _park(self, now: float) -> list[SessionEffect]:
        holding = self._current
        if not has_stopped(holding.record.status):  # it is put aside, and whose it was lives on
            self._change(now, status={**holding.record.status, "state": State.DISCONNECTED})
        if holding.id is not None and holding.saver.is_clean:
            return [Release(holding.id)]
        holding.sections = self.context.sections()
        holding.saver.wanted(now)
        self._parked[holding.record.image] = holding
        return []

    def _use(self, holding: HeldSession, image: Identity | None, sections: Mapping[str, Section]) -> None:
        old, self._current = self._current, holding
        endpoint = holding.record.endpoint or old.record.endpoint
        from_file = (holding if holding.record.endpoint else old).record.endpoint_from_file
        holding.record = replace(
            holding.record.of_image(image),
            wanted=old.record.wanted,
            endpoint=endpoint,
            endpoint_from_file=from_file,
        )
        holding.sections = None
        self.context.replace(sections)
        self.context_saved_at = None

    # What changes

    def wish(self, *, wanted: bool, now: float) -> None:
        """The user has said whether a link is wanted; the next start knows it."""
        self._wish = wanted
        self._change(now, wanted=wanted)

    def named(self, endpoint: str, now: float) -> None:
        """The user has named this endpoint: it is his own, wherever it was read before."""
        if self.record.endpoint_from_file and are_same(self.record.endpoint, endpoint):
            self._change(now, endpoint_from_file=False)

    def note_status(self, status: Mapping[str, Any], now: float) -> None:
        """A transition: what another process may read about this one changes with it."""
        self._change(now, status=status)

    def established(self, endpoint: str, known: KnownBackend, now: float) -> None:
        """A link is up: from now on this endpoint is the last-known-good one."""
        if known.dialect is not None:
            self._dialects[endpoint] = known.dialect
        self._current.is_old = False
        self._remember_backend_session(endpoint, known.session)
        self._change(
            now,
            endpoint=endpoint,
            endpoint_from_file=self.record.endpoint_from_file and are_same(self.record.endpoint, endpoint),
            dialect=known.dialect,
            client_id=known.client_id,
            **named(known.image),
            **held(known.session),
        )

    def last_seen(self, endpoint: str, process: Process, seen_at: datetime, now: float) -> None:
        """A link has ended: who had our session until then, and when that was seen last."""
        had = self._current.backend_sessions.get(endpoint)
        if had is not None and had.id == self.record.backend_session:
            seen = had._replace(process=process.in_short, seen_at=seen_at)
            self._remember_backend_session(endpoint, seen)
            self._change(now, **held(seen))

    def made_again(self, endpoint: str, session: BackendSession, now: float) -> None:
        """The backend had lost our session while the link was up, and has given another."""
        self._remember_backend_session(endpoint, session)
        self._change(now, **held(session))

    def made(self, endpoint: str, session: BackendSession, found: BackendVerdict) -> None:
        """A backend has given a session on a link that is not established yet, and may never be."""
        self._current.half_made[endpoint] = session, found

    def missed(self, endpoint: str, found: BackendVerdict) -> None:
        """A backend has no such session. One of its number at the next attempt may be anybody's."""
        self._current.half_made[endpoint] = None, found

    def has_name(self, image: Identity, now: float) -> None:
        """The backend has named its image only now: any other from here on is another one."""
        if self.record.image is None:
            self._change(now, **named(image))

    def tell_unnamed(self, now: float) -> bool:
        """The backend names no image. True when the user has not been told that yet."""
        if self.record.is_unnamed_told:
            return False
        self._change(now, is_unnamed_told=True)
        return True

    def _remember_backend_session(self, endpoint: str, session: BackendSession | None) -> None:
        self._current.half_made.pop(endpoint, None)
        if session is None:
            self._current.backend_sessions.pop(endpoint, None)
        else:
            self._current.backend_sessions[endpoint] = session

    def _change(self, now: float, **fields: Any) -> None:
        self._current.record = replace(self.record, **fields)
        self.saver.record_changed(now)

    def dialect(self, endpoint: str | None) -> Dialect | None:
        """The dialect that the backend at this endpoint is known to speak."""
        if endpoint in self._dialects:
            return self._dialects[endpoint]
        return _DIALECTS.get(self.record.dialect) if are_same(endpoint, self.record.endpoint) else None

    def known(self, endpoint: str) -> KnownBackend:
        """What the next handshake at this endpoint starts from."""
        if self.record.client_id is None:
            self._current.record = replace(self.record, client_id=self._new_client_id())
        here = self._current.backend_sessions.get(endpoint)
        session, found = self._current.half_made.get(endpoint, (here or self.record.session, None))
        return KnownBackend(
            dialect=self.dialect(endpoint),
            image=self.record.image,
            session=session,
            client_id=self.record.client_id or "",
            is_elsewhere=here is None and found is None and not are_same(endpoint, self.record.endpoint),
            sections=self.context.sections() if session is not None else {},
            found=found,
        )

    def _new_client_id(self) -> str:
        from uuid import UUID  # noqa: PLC0415  # needed once in a session's life, not at each start

        return str(UUID(int=self._rng.getrandbits(128), version=4))

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
        earliest = self.next_deadline()
        if earliest is None or earliest > now:
            return []
        effects: list[SessionEffect] = []
        for holding in self._holdings():
            due = self._due(holding)
            if due is None or due > now:
                continue
            if holding.id is not None:
                effects.append(self._save(holding, holding.id))
            else:
                effects += self.load(holding.record.image, holding, is_new=holding.needs_new)
        return effects

    def next_deadline(self) -> float | None:
        """The monotonic time at which ``save_if_due`` has something to do."""
        if not self._parked:
            return self._due(self._current)
        return min((due for holding in self._holdings() if (due := self._due(holding)) is not None), default=None)

    def saved(self, session_id: str) -> list[SessionEffect]:
        """A write is on disk. A parked session that is clean is given back."""
        holding = self._find(session_id)
        if holding is None:
            return []
        effects: list[SessionEffect] = [SaveEnded(waiter) for waiter in holding.saver.finished()]
        effects += holding.keep()
        if holding is self._current or not holding.saver.is_clean:
            return effects
        self._parked = {image: other for image, other in self._parked.items() if other is not holding}
        return effects if holding.id is None else [*effects, Release(session_id)]

    def save_failed(self, session_id: str, error: StoreError, now: float) -> list[SessionEffect]:
        """A write is not on disk; it is due again later."""
        holding = self._find(session_id)
        if holding is None:
            return []
        effects: list[SessionEffect] = [SaveEnded(waiter, error) for waiter in holding.saver.failed(now)]
        return [*effects, *self._lose(holding, session_id, now)] if isinstance(error, SessionLost) else effects

    def snapshot_lost(self, session_id: str, sections: Mapping[str, Section], now: float) -> list[SessionEffect]:
        """Another process owns the session in which a copy was to be kept; it goes to the new one."""
        lost = (holding for holding in self._holdings() if holding.lost == session_id)
        holding = self._find(session_id) or next(lost, None)
        if holding is None:
            return []
        if holding.lost == session_id and holding.id is not None:
            return [SaveSnapshot(holding.id, sections)]
        holding.unkept.append(sections)
        return [] if holding.needs_new else self._lose(holding, session_id, now)

    def _lose(self, holding: HeldSession, session_id: str, now: float) -> list[SessionEffect]:
        """Go on in a new session. The image's copy goes with the old one, as two must not share it."""
        has_ended = self._ended.pop(session_id, None) is not None
        if has_ended and not holding.unkept and holding.saver.present.context == holding.saver.saved.context:
            return []  # all of it is on the disk
        holding.id, holding.lost = None, session_id
        holding.record = replace(holding.record.holding(None), client_id=self._new_client_id())
        holding.forget_backend_sessions()
        holding.saver.begin_anew(now)
        return [] if has_ended else [Release(session_id)]

    def finish(self) -> list[SessionEffect]:
        """The last writes and the end of the claims."""
        effects: list[SessionEffect] = []
        for holding in self._holdings():
            if holding.id is not None:
                effects += [*holding.keep(), self._save(holding, holding.id), Release(holding.id)]
                self._ended[holding.id], holding.had, holding.id = holding, holding.id, None
        return effects

    def save_after_end(self) -> list[SessionEffect]:
        """What was changed after the last write had begun, while the session is still held."""
        ended = self._ended.items()
        return [self._save(holding, session) for session, holding in ended if holding.saver.has_unwritten_work]

    def _holdings(self) -> Iterator[HeldSession]:
        """The one in use comes last: of what is saved together it counts as the latest."""
        yield from list(self._parked.values())
        yield self._current

    def _find(self, session_id: str) -> HeldSession | None:
        if session_id in self._ended:
            return self._ended[session_id]
        return next((holding for holding in self._holdings() if holding.id == session_id), None)

    def _due(self, holding: HeldSession) -> float | None:
        if holding.id is None and (self.loading or not self._settings.keeps_session):
            return None
        return holding.saver.next_deadline()

    def _save(self, holding: HeldSession, session_id: str) -> Save:
        return Save(session_id, holding.record, holding.saver.begin(self._sections_of(holding)))

    def _sections_of(self, holding: HeldSession) -> Mapping[str, Section]:
        return self.context.sections() if holding.sections is None else holding.sections


def _has_work(sections: Mapping[str, Section]) -> bool:
    return any(section.value is not None for section in sections.values())
