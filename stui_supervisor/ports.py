"""The boundaries of the supervisor; ``adapters/`` implements them, ``testing.py`` has fakes for tests of programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from stui_supervisor.context.context import Section
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.events import Beside, Event
from stui_supervisor.failures import Failure
from stui_supervisor.health.sample import PathSample
from stui_supervisor.peer.identity import Identity
from stui_supervisor.profile import Profile
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.secret import Secret
from stui_supervisor.security.trust import ANYONE, Trust
from stui_supervisor.session.records import ClaimedSession, Notice, SessionRecord


class Clock(Protocol):
    """The clocks of a host."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""

    def utc(self) -> datetime:
        """The wall clock, aware, in UTC."""

    def asleep_s(self) -> float:
        """Seconds that the machine has slept since some fixed moment; only differences mean anything."""

    def elapsed_s(self) -> float:
        """Seconds since some fixed moment, those asleep included, however the wall clock is set."""


class NetworkWatch(Protocol):
    """Tells when an address or a route of this machine came or went. Used once."""

    def watch(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` from the running loop, once for each burst of changes. Never raises."""

    def close(self) -> None:
        """Tell no more. Twice is once."""


class LinkTimes(NamedTuple):
    """How patient one attempt is, in seconds."""

    attempt_timeout_s: float
    heartbeat_interval_s: float
    heartbeat_timeout_s: float


class ConnectionListener(Protocol):
    """Told by a link or a subscription what happens to it, always from the event loop."""

    def opened(self) -> None:
        """The transport is up and the peer has completed its handshake. Called at most once."""

    def lost(self, failure: Failure) -> None:
        """It never came up or is gone. Called at most once; nothing follows it."""


class LinkListener(ConnectionListener, Protocol):
    """Told by a link what happens to it, never from inside ``send``."""

    def received(self, token: bytes, body: bytes) -> None:
        """One reply to the message that was sent with ``token``."""

    def greeted(self) -> None:
        """The peer's process lives, whatever its image is doing: it has answered a knock, or listens no more."""


class Link(Protocol):
    """One transport to one endpoint, used once: opened, lost or closed, and thrown away."""

    def open(self, listener: LinkListener) -> None:
        """Begin; the outcome comes as ``opened`` or ``lost``. Never blocks, never raises."""

    def send(self, token: bytes, body: bytes) -> bool:
        """Hand one message to the peer's transport. False: it certainly was not taken. Never blocks."""

    def look(self) -> PathSample | None:
        """What the system knows of the connection now; None when it does not tell, or there is no link."""

    def knock(self) -> None:
        """Connect to the peer once more, beside the link; ``greeted`` follows if its process is there.

        Only asked of a link whose ``look`` shows something. Nothing while the link is not up, and nothing more
        while an answer is awaited. Never blocks, never raises.
        """

    def close(self) -> None:
        """Let go of everything; the listener hears nothing more. Twice is once."""


class LinkFactory(Protocol):
    """Makes the link of one attempt; pass your own to ``Supervisor(link=…)`` to wrap a transport you have."""

    def __call__(self, endpoint: Endpoint, times: LinkTimes) -> Link:
        """A new link, not yet opened."""


class Lookout(Protocol):
    """Sees whether anybody listens at endpoints of this machine."""

    def watch(self, endpoints: Sequence[Endpoint], seen: Callable[[Endpoint, bool | None], None]) -> None:
        """Look at these many times a second, in place of those before; call ``seen`` from the loop, later.

        It is called for each endpoint with what is seen first, and when somebody listens; that one is then left alone.
        None says that it cannot be seen there, and is the last word too. Never blocks, never raises.
        """

    def close(self) -> None:
        """Look no more, call nobody. Twice is once."""


class SubscriptionListener(ConnectionListener, Protocol):
    """Told by a subscription what happens to it; nothing comes before ``opened``."""

    def published(self, frames: list[bytes]) -> None:
        """One message, as it came; nobody has looked at it yet."""

    def crowded(self) -> None:
        """So much came at once that the publisher, or this side, may have dropped some. May be said again and again."""


class Subscription(Protocol):
    """What one publisher says from now on; used once: opened, lost or closed, and thrown away."""

    def open(self, listener: SubscriptionListener) -> None:
        """Begin; the outcome comes as ``opened`` or ``lost``. Never blocks, never raises."""

    def look(self) -> int | None:
        """How many bytes have come, messages and everything else; None where the system does not tell."""

    def close(self) -> None:
        """Let go of everything; the listener hears nothing more. Twice is once."""


class SubscriptionFactory(Protocol):
    """Makes the subscription of one attempt."""

    def __call__(
        self,
        endpoint: Endpoint,
        topics: tuple[str, ...],
        times: LinkTimes,
        curve: CurveKeys | None = None,
        trust: Trust = ANYONE,
    ) -> Subscription:
        """A new subscription to the topics that begin like one of these, or to all; not yet opened.

        Whether one of them was meant as a whole is seen by who listens, to whom each message shows that there may be
        more behind it.
        """


class SessionStore(Protocol):
    """Sessions that outlive the process. Called from one worker thread; every call may block.

    A store may own several sessions at once, each by its id. Each method raises StoreError, and nothing
    else, when the disk does not do its part.
    """

    def claim(self, profile: str, image: Identity | None = None) -> ClaimedSession:
        """Own the newest non-empty free session of the profile, and of the image when one is named.

        One that this store has saved to comes before the others. Falls back to the newest empty free one, then to a
        new session. What this store owns already stays owned and is not free. On a disk that can be read but not
        written the session is handed out without being owned, with a notice ``read_only``; each save then tries to
        own it first, and fails when another process owns it or has changed it since.
        """

    def claim_new(self, profile: str, image: Identity | None = None) -> ClaimedSession:
        """Own a new session, whatever there is."""

    def save_record(self, session_id: str, record: SessionRecord) -> None:
        """Write the record as the session's next generation; returns when it is on disk.

        This and the other two raise SessionLost when another process owns the session by now, or has continued it.
        """

    def save_context(self, session_id: str, sections: Mapping[str, Section]) -> int:
        """Write the context as the session's next generation; returns its size in bytes when on disk."""

    def save_snapshot(self, session_id: str, sections: Mapping[str, Section]) -> None:
        """Keep a copy for a person to look at; returns when it is on disk.

        The newest few are kept. They are no part of the context: no claim hands them out, and none
        makes its session newer or less empty.
        """

    def sign_of_life(self) -> None:
        """Let the owned sessions show that their process lives, for who asks once it is gone. Best effort, no error."""

    def release(self, session_id: str) -> None:
        """Give a session back; another process may claim it now. One that is not owned: nothing."""


class ProfileStore(Protocol):
    """What is settled for each profile. Called from a worker thread of its own; every call may block.

    Each method raises StoreError, and nothing else, when the disk does not do its part.
    """

    def read(self, name: str) -> tuple[Profile, tuple[Notice, ...]]:
        """The profile, and what the user has to know; one that nobody has set up has the defaults.

        Raises StoreError also for one that may be set up and cannot be read: that is not known, and not the defaults.
        """

    def note_link(self, name: str, endpoint: str | None, *, wanted: bool, stored_as: tuple[str, ...] = ()) -> None:
        """Keep the endpoint, if there is one, as the profile's most recent one, and whether a link is wanted.

        It takes the place of the other texts that it is ``stored_as``.
        """

    def signature(self) -> object:
        """Something that differs once a profile has changed; never raises."""


class Credentials(Protocol):
    """Where the token of an endpoint comes from. Called from a worker thread; may block."""

    source: str

    def read(self, endpoint: Endpoint) -> Secret | None:
        """The token, or None when there is none. Raises CredentialError when it cannot be read."""


class StoredCredentials(Credentials, Protocol):
    """Credentials that can be changed. Every method raises CredentialError, and nothing else, with the next step."""

    def write(self, endpoint: Endpoint, token: Secret) -> bool:
        """Keep the endpoint's token; False when it was there already, and then nothing is written."""

    def delete(self, endpoint: Endpoint) -> bool:
        """Keep the endpoint's token no longer; False when there was none."""


class ClientKeys(Protocol):
    """Our own CURVE keys, a pair for each endpoint. Called from a worker thread; may block."""

    def read(self, endpoint: Endpoint, server_key: str) -> CurveKeys:
        """The keys for a link to the endpoint; our pair is made when it is wanted first. Raises CredentialError."""


class Journal(Protocol):
    """The structured log of one supervisor."""

    def begin(self, profile: str, at: datetime, elapsed_s: float) -> None:
        """A run begins; ``elapsed_s`` is counted as in Beside. Never blocks and never raises, as the two below."""

    def record(self, event: Event, beside: Beside) -> None:
        """Write one event: a log is no reason to lose a link."""

    def lives(self, at: datetime) -> None:
        """The run lives; called every JOURNAL_ALIVE_S while a link is wanted."""

    def take_problem(self) -> Notice | None:
        """Why lines are missing on the disk, as the first failure said; once, for one warning."""

    def close(self, at: datetime) -> None:
        """The run ends: write what is left, for at most a moment, and let go of the file."""
