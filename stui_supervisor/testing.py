"""Fakes of the ports, for tests of programs that use the supervisor. Where a port has a contract suite they pass it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Generic, TypeVar

from stui_supervisor.config import SNAPSHOTS_KEPT
from stui_supervisor.context.context import Section
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import CredentialError, StoreError
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.health.sample import PathSample
from stui_supervisor.peer.identity import Identity
from stui_supervisor.ports import ConnectionListener, LinkListener, LinkTimes, SubscriptionListener
from stui_supervisor.profile import Profile
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.secret import Secret
from stui_supervisor.security.trust import ANYONE, Trust
from stui_supervisor.session.claim_order import Candidate, Last, as_last, in_order_of_claim, last_of, seed
from stui_supervisor.session.records import ClaimedSession, Notice, SessionRecord

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)

L = TypeVar("L", bound=ConnectionListener)


@dataclass
class StoredInMemory:
    """One session of a ``MemoryDisk``; ``owner`` is the store that claimed it."""

    record: SessionRecord
    sections: Mapping[str, Section]
    saves: int
    owner: object | None
    snapshots: list[Mapping[str, Section]] = field(default_factory=list)


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
        self._used: set[str] = set()

    def claim(self, profile: str, image: Identity | None = None) -> ClaimedSession:
        """See ports.SessionStore."""
        self._count()
        candidates = [_seen(session_id, stored) for session_id, stored in self.disk.sessions.items()]
        last = Last()
        if image is None and not self._used:
            last = last_of(candidates, profile, lambda one: self.disk.sessions[one.session_id].owner is None)
        for candidate in in_order_of_claim(candidates, profile, image, used=self._used, last=last):
            stored = self.disk.sessions[candidate.session_id]
            if stored.owner is None:
                stored.owner = self
                return ClaimedSession(
                    session_id=candidate.session_id,
                    record=as_last(candidate, last),
                    sections=dict(stored.sections),
                    fresh=False,
                )
        return self._begin(seed(candidates, profile, image))

    def claim_new(self, profile: str, image: Identity | None = None) -> ClaimedSession:
        """See ports.SessionStore."""
        self._count()
        return self._begin(SessionRecord(profile=profile).of_image(image))

    def save_record(self, session_id: str, record: SessionRecord) -> None:
        """See ports.SessionStore."""
        stored = self._owned(session_id)
        stored.saves = self._count()
        stored.record = replace(record, status=dict(record.status))
        self._used.add(session_id)

    def save_context(self, session_id: str, sections: Mapping[str, Section]) -> int:
        """See ports.SessionStore."""
        stored = self._owned(session_id)
        stored.saves = self._count()
        stored.sections = dict(sections)
        return sum(len(name.encode()) + len(section.value or b"") for name, section in sections.items())

    def save_snapshot(self, session_id: str, sections: Mapping[str, Section]) -> None:
        """See ports.SessionStore."""
        stored = self._owned(session_id)
        self._count()
        stored.snapshots = [*stored.snapshots, dict(sections)][-SNAPSHOTS_KEPT:]

    def sign_of_life(self) -> None:
        """See ports.SessionStore: nobody asks."""

    def release(self, session_id: str) -> None:
        """See ports.SessionStore."""
        stored = self.disk.sessions.get(session_id)
        if stored is not None and stored.owner is self:
            stored.owner = None

    def die(self) -> None:
        """What the system does when the process is killed: its sessions are free again."""
        for session_id in self.disk.sessions:
            self.release(session_id)

    def _begin(self, record: SessionRecord) -> ClaimedSession:
        session_id = str(uuid.UUID(int=len(self.disk.sessions) + 1))
        self.disk.sessions[session_id] = StoredInMemory(record, {}, self.disk.saves, self)
        return ClaimedSession(session_id=session_id, record=record, sections={}, fresh=True)

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


@dataclass
class MemoryProfiles:
    """A profile store without a file. Set ``failure`` and every call raises it."""

    profiles: dict[str, Profile] = field(default_factory=dict)
    failure: StoreError | None = None

    def read(self, name: str) -> tuple[Profile, tuple[Notice, ...]]:
        """See ports.ProfileStore."""
        if self.failure is not None:
            raise self.failure
        return self.profiles.get(name, Profile(name=name)), ()

    def note_link(self, name: str, endpoint: str | None, *, wanted: bool, stored_as: tuple[str, ...] = ()) -> None:
        """See ports.ProfileStore."""
        profile = self.read(name)[0].wishing(wanted=wanted)
        self.profiles[name] = profile if endpoint is None else profile.linked_to(endpoint, stored_as)

    def signature(self) -> object:
        """See ports.ProfileStore."""
        return dict(self.profiles)


class MemoryCredentials:
    """A keyring without a system. Set ``failure`` and every call raises it; ``writes`` counts the changes."""

    source = "keyring"

    def __init__(self) -> None:
        self.tokens: dict[str, Secret] = {}
        self.failure: CredentialError | None = None
        self.writes = 0

    def read(self, endpoint: Endpoint) -> Secret | None:
        """See ports.Credentials."""
        if self.failure is not None:
            raise self.failure
        return self.tokens.get(str(endpoint))

    def write(self, endpoint: Endpoint, token: Secret) -> bool:
        """See ports.StoredCredentials."""
        is_new = self.read(endpoint) != token
        self.writes += is_new
        self.tokens[str(endpoint)] = token
        return is_new

    def delete(self, endpoint: Endpoint) -> bool:
        """See ports.StoredCredentials."""
        was_there = self.read(endpoint) is not None
        self.writes += was_there
        self.tokens.pop(str(endpoint), None)
        return was_there


class Reach(StrEnum):
    """How a ``FakePeer`` meets who wants to link to it."""

    LISTENS = "listens"
    REFUSES = "refuses"
    SILENT = "silent"


class FakePeer:
    """A backend without sockets, and the factory of the links to it: ``Supervisor(link=peer)``.

    ``answer`` takes the body of a message and gives the reply's, or None to keep silent. ``links`` are
    all it ever made, the newest last.
    """

    def __init__(self, answer: Callable[[bytes], bytes | None], *, reach: Reach = Reach.LISTENS) -> None:
        self.answer = answer
        self.reach = reach
        self.links: list[FakeLink] = []

    def __call__(self, endpoint: Endpoint, times: LinkTimes) -> FakeLink:
        """See ports.LinkFactory."""
        self.links.append(FakeLink(self, endpoint, times))
        return self.links[-1]

    def vanish(self) -> None:
        """End every link, and refuse new ones."""
        self.reach = Reach.REFUSES
        for link in self.links:
            link.lose(Failure(FailureKind.RESET))


class FakePublisher:
    """A publisher without sockets, and the factory of the subscriptions to it.

    ``subscriptions`` are all it ever made, the newest last.
    """

    def __init__(self, *, reach: Reach = Reach.LISTENS) -> None:
        self.reach = reach
        self.subscriptions: list[FakeSubscription] = []

    def __call__(
        self,
        endpoint: Endpoint,
        topics: tuple[str, ...],
        times: LinkTimes,
        curve: CurveKeys | None = None,
        trust: Trust = ANYONE,  # noqa: ARG002  # there is no other end that could be another's
    ) -> FakeSubscription:
        """See ports.SubscriptionFactory."""
        self.subscriptions.append(FakeSubscription(self, endpoint, topics, times, curve))
        return self.subscriptions[-1]

    def publish(self, *frames: bytes) -> None:
        """Tell everyone who listens; the first frame is the topic."""
        for subscription in self.subscriptions:
            subscription.deliver(frames)

    def vanish(self) -> None:
        """End every subscription, and refuse new ones."""
        self.reach = Reach.REFUSES
        for subscription in self.subscriptions:
            subscription.lose(Failure(FailureKind.RESET))


class _FakeConnection(Generic[L]):
    """What a link and a subscription without sockets have in common."""

    def __init__(self, other: FakePeer | FakePublisher, endpoint: Endpoint, times: LinkTimes) -> None:
        self.endpoint = endpoint
        self._other = other
        self._times = times
        self._listener: L | None = None
        self._is_up = False

    def open(self, listener: L) -> None:
        """See ports.Link."""
        self._listener = listener
        loop = asyncio.get_running_loop()
        match self._other.reach:
            case Reach.LISTENS:
                loop.call_soon(self._come_up)
            case Reach.REFUSES:
                loop.call_soon(self.lose, Failure(FailureKind.REFUSED))
            case Reach.SILENT:
                loop.call_later(self._times.attempt_timeout_s, self.lose, Failure(FailureKind.TIMEOUT))

    def close(self) -> None:
        """See ports.Link."""
        self._listener = None
        self._is_up = False

    def lose(self, failure: Failure) -> None:
        """End the connection from the other side."""
        listener = self._listener
        self.close()
        if listener is not None:
            listener.lost(failure)

    def _come_up(self) -> None:
        if self._listener is not None:
            self._is_up = True
            self._listener.opened()


class FakeLink(_FakeConnection[LinkListener]):
    """A link to a ``FakePeer``."""

    def __init__(self, peer: FakePeer, endpoint: Endpoint, times: LinkTimes) -> None:
        super().__init__(peer, endpoint, times)
        self._peer = peer

    def send(self, token: bytes, body: bytes) -> bool:
        """See ports.Link."""
        if not self._is_up:
            return False
        answer = self._peer.answer(body)
        if answer is not None:
            asyncio.get_running_loop().call_soon(self.deliver, token, answer)
        return True

    def look(self) -> PathSample | None:
        """See ports.Link: there is no kernel here."""
        return None

    def knock(self) -> None:
        """See ports.Link: nobody asks."""

    def deliver(self, token: bytes, body: bytes) -> None:
        """Bring a reply, wanted or not."""
        if self._listener is not None and self._is_up:
            self._listener.received(token, body)


class FakeSubscription(_FakeConnection[SubscriptionListener]):
    """A subscription to a ``FakePublisher``, with the keys it was given."""

    def __init__(
        self,
        publisher: FakePublisher,
        endpoint: Endpoint,
        topics: tuple[str, ...],
        times: LinkTimes,
        curve: CurveKeys | None,
    ) -> None:
        super().__init__(publisher, endpoint, times)
        self.topics = topics
        self.curve = curve

    def look(self) -> int | None:
        """See ports.Subscription: there is no kernel here."""
        return None

    def deliver(self, frames: Sequence[bytes]) -> None:
        """Bring a message, if its topic begins like one that is wanted."""
        wanted = not self.topics or any(frames[0].startswith(topic.encode()) for topic in self.topics)
        if self._listener is not None and self._is_up and wanted:
            self._listener.published(list(frames))


class VirtualClock:
    """A clock that goes on only when it is told to. The wall clock follows, and can be set like a real one."""

    def __init__(self, utc: datetime = _EPOCH) -> None:
        self._elapsed_s = 0.0
        self._asleep_s = 0.0
        self._wall = utc

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._elapsed_s

    def utc(self) -> datetime:
        """The wall clock, aware, in UTC."""
        return self._wall + timedelta(seconds=self._elapsed_s)

    def advance_to(self, monotonic_s: float) -> None:
        """Let time pass until then; never backwards."""
        self._elapsed_s = max(self._elapsed_s, monotonic_s)

    def asleep_s(self) -> float:
        """Seconds slept since the clock was made."""
        return self._asleep_s

    def elapsed_s(self) -> float:
        """Seconds since the clock was made, those asleep included."""
        return self._elapsed_s + self._asleep_s

    def sleep(self, for_s: float) -> None:
        """Let the machine sleep: the wall clock goes on, the monotonic one stands, as on Linux."""
        self._asleep_s += for_s
        self._wall += timedelta(seconds=for_s)

    def set_wall(self, by_s: float) -> None:
        """Put the wall clock forward, or back for a negative number; the monotonic one does not notice."""
        self._wall += timedelta(seconds=by_s)


class FakeNetwork:
    """A network that changes only when it is told to."""

    def __init__(self) -> None:
        self._changed: Callable[[], None] | None = None

    def watch(self, changed: Callable[[], None]) -> None:
        """See ports.NetworkWatch."""
        self._changed = changed

    def close(self) -> None:
        """See ports.NetworkWatch."""
        self._changed = None

    def change(self) -> None:
        """An address or a route comes or goes."""
        if self._changed is not None:
            self._changed()
