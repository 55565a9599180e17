"""One session in memory: its record, what of it is not on disk yet, and the sessions that backends made for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from stui_supervisor.config import COPIES_MAX_BYTES
from stui_supervisor.context.section import Section, total_bytes
from stui_supervisor.endpoint import are_same
from stui_supervisor.machine.states import BackendVerdict, State
from stui_supervisor.peer.backend_session import BackendSession
from stui_supervisor.peer.identity import Identity
from stui_supervisor.session.messages import Release, SaveSnapshot, SessionEffect
from stui_supervisor.session.records import ClaimedSession, KnownBackend, SessionRecord, named
from stui_supervisor.session.save_schedule import SaveSchedule
from stui_supervisor.status.summary import has_stopped
from stui_supervisor.wire.dialects import Dialect


@dataclass(slots=True)
class BackendSessions:
    """The sessions that backends have made for one session of ours, by endpoint.

    ``half_made`` are of handshakes that have led to no link yet: the session that was made, or None where there was
    none any more, and what the handshake found the backend to be.
    """

    made: dict[str, BackendSession] = field(default_factory=dict)
    half_made: dict[str, tuple[BackendSession | None, BackendVerdict]] = field(default_factory=dict)

    def remember(self, endpoint: str, session: BackendSession | None) -> None:
        """A link is up, with this session or with none."""
        self.half_made.pop(endpoint, None)
        if session is None:
            self.made.pop(endpoint, None)
        else:
            self.made[endpoint] = session

    def forget(self) -> None:
        """They are another's now, or may be."""
        self.made.clear()
        self.half_made.clear()


@dataclass(slots=True)
class HeldSession:
    """One session in memory.

    ``id`` is None without a claim; ``sections`` is None while ``Session.context`` has them. ``unkept`` are copies that
    gave way to others, and that no disk has taken yet; ``seen`` is what else an image was found to have at the last
    link. ``lost`` is the id of a session that was lost: a new one is needed. ``had`` is the id in the run before;
    ``is_old`` is True while the record is of that run, and on the disk as well, where another process may have
    changed it.
    """

    record: SessionRecord
    schedule: SaveSchedule
    id: str | None = None
    sections: Mapping[str, Section] | None = None
    backend_sessions: BackendSessions = field(default_factory=BackendSessions)
    unkept: list[Mapping[str, Section]] = field(default_factory=list)
    seen: dict[str, Section] = field(default_factory=dict)
    lost: str | None = None
    had: str | None = None
    is_old: bool = False

    @property
    def needs_new(self) -> bool:
        """True when no session but a new one will do."""
        return self.id is None and self.lost is not None

    def change(self, now: float, **fields: Any) -> None:
        """Change these fields of the record, which is then to be saved."""
        self.record = replace(self.record, **fields)
        self.schedule.record_changed(now)

    def keep(self, *copies: Mapping[str, Section]) -> list[SessionEffect]:
        """Write the copies that gave way, or hold them until there is a session to write them to."""
        self.unkept += [copy for copy in copies if copy]
        if self.id is None:
            while self.unkept[1:] and sum(map(total_bytes, self.unkept)) > COPIES_MAX_BYTES:
                del self.unkept[0]
            return []
        waiting, self.unkept = self.unkept, []
        return [SaveSnapshot(self.id, copy) for copy in waiting]

    def known(self, endpoint: str, dialect: Dialect | None, sections: Mapping[str, Section]) -> KnownBackend:
        """What is known of the backend at this endpoint; ``sections`` are our context."""
        here = self.backend_sessions.made.get(endpoint)
        last = here or self.record.session
        session, found = self.backend_sessions.half_made.get(endpoint, (last, None))
        return KnownBackend(
            dialect=dialect,
            image=self.record.image,
            session=session,
            client_id=self.record.client_id or "",
            is_elsewhere=here is None and found is None and not are_same(endpoint, self.record.endpoint),
            sections=sections if session is not None else {},
            found=found,
        )

    def established(self, endpoint: str, known: KnownBackend, now: float) -> None:
        """A link is up: from now on this endpoint is the last-known-good one."""
        self.is_old = False
        self.backend_sessions.remember(endpoint, known.session)
        self.change(
            now,
            endpoint=endpoint,
            endpoint_from_file=self.record.endpoint_from_file and are_same(self.record.endpoint, endpoint),
            dialect=known.dialect,
            client_id=known.client_id,
            session=known.session,
            **named(known.image),
        )

    def name_itself(self, rng: Random) -> None:
        """We get a name to give to backends, if we have none yet."""
        if self.record.client_id is None:
            self.record = replace(self.record, client_id=_new_client_id(rng))

    def begin_run(self) -> None:
        """A run begins. Another process may have gone on with what was saved, so that the disk's record comes first."""
        self.is_old = self.schedule.is_record_saved
        if self.is_old:
            self.backend_sessions.forget()
        self.id = self.lost = None
        self.schedule.begin_run()

    def take_over(self, claimed: ClaimedSession) -> SessionRecord:
        """Hold this session from now on. The result is what this run knows better than the disk.

        Another session than before is another's in the image too, as two must not share one there.
        """
        if self.had not in {None, claimed.session_id}:
            self.record = replace(self.record, session=None, client_id=None)
            self.backend_sessions.forget()
        mine = self.record
        fresh = SessionRecord(profile=mine.profile, client_id=mine.client_id).of_image(mine.image)  # whose work it has
        self.id, self.had = claimed.session_id, None
        self.schedule.ok, self.schedule.on_disk = True, claimed.sections
        return fresh if self.is_old else mine

    def lose(self, session_id: str, rng: Random, now: float) -> None:
        """The session is another process's, and the image's copy goes with it: go on under another name of ours."""
        self.id, self.lost = None, session_id
        self.record = replace(self.record, session=None, client_id=_new_client_id(rng))
        self.backend_sessions.forget()
        self.schedule.begin_anew(now)

    def take_back(self, stored: SessionRecord, mine: SessionRecord, *, wanted: bool) -> None:
        """The record is the ``stored`` one, but for what this run knows better: ``mine``."""
        led = next((record for record in (mine, stored, self.record) if record.endpoint), stored)
        self.record = replace(
            stored.of_image(mine.image or stored.image),
            endpoint=led.endpoint,
            endpoint_from_file=led.endpoint_from_file,
            dialect=mine.dialect or stored.dialect,
            client_id=(mine if mine.session else stored).client_id or mine.client_id,
            session=mine.session or stored.session,
            is_unnamed_told=mine.is_unnamed_told or stored.is_unnamed_told,
            wanted=wanted,
        )


class HeldSessions:
    """The sessions in memory: the one in use, those parked for other images, and those that ended with the run.

    One that has ended is held until nothing of it is to be saved any more.
    """

    def __init__(self, current: HeldSession) -> None:
        self.current = current
        self.parked: dict[Identity | None, HeldSession] = {}
        self.ended: dict[str, HeldSession] = {}

    def __iter__(self) -> Iterator[HeldSession]:
        """The one in use comes last: of what is saved together it counts as the latest."""
        yield from list(self.parked.values())
        yield self.current

    def find(self, session_id: str) -> HeldSession | None:
        """The one with this id, which may have ended."""
        if session_id in self.ended:
            return self.ended[session_id]
        return next((held for held in self if held.id == session_id), None)

    def park(self, sections: Mapping[str, Section], now: float) -> list[SessionEffect]:
        """Put the one in use aside: it is given back, or stays here with these sections until the disk has them."""
        held = self.current
        if not has_stopped(held.record.status):  # it is put aside, and whose it was lives on
            held.change(now, status={**held.record.status, "state": State.DISCONNECTED})
        if held.id is not None and held.schedule.is_clean:
            return [Release(held.id)]
        held.sections = sections
        held.schedule.wanted(now)
        self.parked[held.record.image] = held
        return []

    def use(self, held: HeldSession, image: Identity | None) -> None:
        """This one is in use from now on, for this image; what it does not know of the link it has from the last."""
        old, self.current = self.current, held
        last = held if held.record.endpoint else old
        held.record = replace(
            held.record.of_image(image),
            wanted=old.record.wanted,
            endpoint=last.record.endpoint,
            endpoint_from_file=last.record.endpoint_from_file,
        )
        held.sections = None

    def unpark(self, held: HeldSession) -> None:
        """It is in memory no more."""
        self.parked = {image: other for image, other in self.parked.items() if other is not held}

    def end(self, held: HeldSession, session_id: str) -> None:
        """The run ends, and its claim with it; the next run begins with what is in it."""
        self.ended[session_id] = held
        held.had, held.id = session_id, None


def _new_client_id(rng: Random) -> str:
    from uuid import UUID  # noqa: PLC0415  # needed once in a session's life, not at each start

    return str(UUID(int=rng.getrandbits(128), version=4))
