"""Everything the core can be told. ``link``, ``load``, ``read`` and ``number`` count; a late one shows by its number.

Named tuples, as the effects are: they are made for every message, and cost a third of a frozen dataclass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from stui_supervisor.context.context import Section
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import CredentialError, StoreError
from stui_supervisor.failures import Failure
from stui_supervisor.health.path import PathSample
from stui_supervisor.profile import Profile
from stui_supervisor.requests.request_queue import Request
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.secret import Secret
from stui_supervisor.session.records import Claimed, StoreNotice


class Start(NamedTuple):
    """The program starts; ``endpoint`` overrides the stored one."""

    endpoint: Endpoint | None


class Stop(NamedTuple):
    """The program ends."""


class Connect(NamedTuple):
    """The user names an endpoint."""

    endpoint: Endpoint


class Disconnect(NamedTuple):
    """The user wants no link."""


class Reconnect(NamedTuple):
    """The user wants a new link, or the next attempt now."""


class Submit(NamedTuple):
    """A request to be sent once, in turn."""

    request: Request


class Cancel(NamedTuple):
    """Nobody waits for the request any more."""

    request: int


class ContextChanged(NamedTuple):
    """The user changed a section of the context."""


class SaveContext(NamedTuple):
    """The user wants the context on disk now; a ``waiter`` is answered with SaveEnded."""

    waiter: int | None = None


class Loaded(NamedTuple):
    """The store has claimed a session."""

    load: int
    claimed: Claimed


class LoadFailed(NamedTuple):
    """The store could not claim a session."""

    load: int
    error: StoreError


class Saved(NamedTuple):
    """A Save is on disk; ``context_bytes`` is the size of its context file, None when it held none."""

    session_id: str
    context_bytes: int | None


class SaveFailed(NamedTuple):
    """A Save is not, or not wholly, on disk."""

    session_id: str
    error: StoreError


class StoreSilent(NamedTuple):
    """A Save is under way for long, or, where ``is_over``, nobody waits for it any more: the program ends."""

    is_over: bool = False


class SnapshotFailed(NamedTuple):
    """The copies of a SaveSnapshot, these, are not on disk; where the session was lost they go to another one."""

    error: StoreError
    session_id: str = ""
    sections: Mapping[str, Section] = MappingProxyType({})


class ProfileRead(NamedTuple):
    """What is settled for the profile, and what the user has to know of the file."""

    read: int
    profile: Profile
    notices: tuple[StoreNotice, ...]


class ProfileFailed(NamedTuple):
    """The profile could not be read."""

    read: int
    error: StoreError


class ProfileChanged(NamedTuple):
    """The file with the profile is another than the one that was read last."""


class CredentialRead(NamedTuple):
    """The credential for the attempt and the keys of its link, as far as there are any."""

    link: int
    secret: Secret | None
    source: str
    curve: CurveKeys | None = None


class CredentialFailed(NamedTuple):
    """The credential could not be read."""

    link: int
    error: CredentialError


class Opened(NamedTuple):
    """The link's transport is up."""

    link: int


class SeenListening(NamedTuple):
    """Whether anybody listens at an endpoint of this machine; None where that cannot be seen."""

    number: int
    endpoint: Endpoint
    is_listening: bool | None


class NotTaken(NamedTuple):
    """The link did not take the message of the last Send; the backend certainly has not got it."""

    link: int
    token: bytes


class Received(NamedTuple):
    """The link brought a reply."""

    link: int
    token: bytes
    body: bytes

    def __repr__(self) -> str:
        return f"Received({self.link}, {self.token!r}, {len(self.body)} bytes)"  # which may quote the backend's token


class Lost(NamedTuple):
    """The link never came up, or is gone."""

    link: int
    failure: Failure


class PathSeen(NamedTuple):
    """A look at the link's connection; None where the system does not let us look."""

    link: int
    sample: PathSample | None


class Greeted(NamedTuple):
    """The process at the other end of the link has answered a knock."""

    link: int


class Subscribed(NamedTuple):
    """The subscription is up."""

    number: int


class Published(NamedTuple):
    """The publisher has sent a message."""

    number: int
    frames: Sequence[bytes]


class Crowded(NamedTuple):
    """So much came from the publisher at once that it may have dropped some."""

    number: int


class SubscriptionSeen(NamedTuple):
    """A look at the subscription: the bytes that have come; None where the system does not tell."""

    number: int
    received_bytes: int | None


class SubscriptionLost(NamedTuple):
    """The subscription never came up, or is gone."""

    number: int
    failure: Failure


class Woke(NamedTuple):
    """The machine has slept for ``slept_s`` seconds, as its clocks tell."""

    slept_s: float


class NetworkChanged(NamedTuple):
    """An address or a route of this machine came or went."""


class TimePassed(NamedTuple):
    """A deadline may have come."""


Input = (
    Start
    | Stop
    | Connect
    | Disconnect
    | Reconnect
    | Submit
    | Cancel
    | ContextChanged
    | SaveContext
    | Loaded
    | LoadFailed
    | Saved
    | SaveFailed
    | SnapshotFailed
    | StoreSilent
    | ProfileRead
    | ProfileFailed
    | ProfileChanged
    | CredentialRead
    | CredentialFailed
    | Opened
    | SeenListening
    | NotTaken
    | Received
    | Lost
    | PathSeen
    | Greeted
    | Subscribed
    | Published
    | Crowded
    | SubscriptionSeen
    | SubscriptionLost
    | Woke
    | NetworkChanged
    | TimePassed
)
