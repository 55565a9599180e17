"""Everything the core can ask of its driver, to be carried out in the order given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stui_supervisor.context.context import Section
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import RequestError, StoreError
from stui_supervisor.events import Event
from stui_supervisor.peer.identity import Identity
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.trust import ANYONE, Trust
from stui_supervisor.session.records import SessionRecord
from stui_supervisor.wire.dialects import Reply


class Load(NamedTuple):
    """Claim a session, for an image if one is named, or make a new one; answer with Loaded or LoadFailed."""

    load: int
    profile: str
    image: Identity | None
    is_new: bool = False


class Save(NamedTuple):
    """Write what is given to a claimed session; answer with Saved or SaveFailed. One at a time is under way."""

    session_id: str
    record: SessionRecord
    sections: Mapping[str, Section] | None


class SaveSnapshot(NamedTuple):
    """Keep the copies that lost a merge, beside the claimed session's context; answer only with SnapshotFailed."""

    session_id: str
    sections: Mapping[str, Section]


class Release(NamedTuple):
    """Give a claimed session back, after what is being saved; one of a run that ends, when nothing more is saved."""

    session_id: str


class SaveEnded(NamedTuple):
    """Whoever waits for what was to be saved is answered: it is on the disk, or the write that held it failed."""

    waiter: int
    error: StoreError | None = None


class ReadProfile(NamedTuple):
    """Read what is settled for the profile; answer with ProfileRead or ProfileFailed."""

    read: int
    name: str


class NoteLink(NamedTuple):
    """Keep the endpoint, if there is one, as the profile's most recent one, and whether a link is wanted; no answer.

    It takes the place of the other texts that it is ``stored_as``.
    """

    profile: str
    endpoint: str | None
    wanted: bool = True
    stored_as: tuple[str, ...] = ()


class ReadCredential(NamedTuple):
    """Read what the endpoint asks for; answer with CredentialRead or CredentialFailed.

    That is its token, and with a pinned ``server_key`` the keys of an encrypted link.
    """

    link: int
    endpoint: Endpoint
    with_token: bool = True
    server_key: str | None = None


class OpenLink(NamedTuple):
    """Begin an attempt, encrypted where there are keys; answer with Opened or Lost."""

    link: int
    endpoint: Endpoint
    timeout_s: float
    curve: CurveKeys | None = None
    trust: Trust = ANYONE


class LookOut(NamedTuple):
    """Look, many times a second, whether anybody listens at these endpoints of this machine, and at no others any more.

    Answer for each of them with SeenListening: what is seen first, and when somebody listens, who is then left alone.
    """

    number: int
    endpoints: tuple[Endpoint, ...]


class CloseLink(NamedTuple):
    """Let go of the link."""

    link: int


class Send(NamedTuple):
    """Hand one message to the link; when the link does not take it, answer with NotTaken."""

    link: int
    token: bytes
    body: bytes

    def __repr__(self) -> str:
        return f"Send({self.link}, {self.token!r}, {len(self.body)} bytes)"  # which may hold the backend's token


class LookAtPath(NamedTuple):
    """Look at the link's connection; answer with PathSeen, at once."""

    link: int


class Knock(NamedTuple):
    """Find out whether the process at the other end lives: Greeted follows then, nothing otherwise."""

    link: int


class Subscribe(NamedTuple):
    """Begin a subscription in place of any other, as safe as the link; answer with Subscribed or SubscriptionLost."""

    number: int
    endpoint: Endpoint
    topics: tuple[str, ...]
    timeout_s: float
    curve: CurveKeys | None = None
    trust: Trust = ANYONE


class Unsubscribe(NamedTuple):
    """Let go of the subscription."""

    number: int


class LookAtSubscription(NamedTuple):
    """Look at the subscription; answer with SubscriptionSeen, at once."""

    number: int


class Finish(NamedTuple):
    """A request has ended: with a reply, or with an error."""

    request: int
    reply: Reply | None
    error: RequestError | None


class Announce(NamedTuple):
    """Tell the journal and, unless it is an Aside, the user. ``size_bytes`` is what it takes where that may be much."""

    event: Event
    size_bytes: int = 0


Effect = (
    Load
    | Save
    | SaveSnapshot
    | Release
    | SaveEnded
    | ReadProfile
    | NoteLink
    | ReadCredential
    | OpenLink
    | LookOut
    | CloseLink
    | Send
    | LookAtPath
    | Knock
    | Subscribe
    | Unsubscribe
    | LookAtSubscription
    | Finish
    | Announce
)
