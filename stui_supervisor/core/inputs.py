"""Everything the core can be told. A late answer is known by its old number: ``link``, ``load``, ``read``, ``number``.

Named tuples, as the effects are: they are made for every message, and cost a third of a frozen dataclass.
"""

from __future__ import annotations

from typing import NamedTuple

from stui_supervisor.endpoint import Endpoint
from stui_supervisor.health.messages import Greeted, PathSeen
from stui_supervisor.link.messages import (
    CredentialFailed,
    CredentialRead,
    Lost,
    NotTaken,
    Opened,
    Received,
    SeenListening,
)
from stui_supervisor.notifications.messages import Crowded, Published, Subscribed, SubscriptionLost, SubscriptionSeen
from stui_supervisor.requests.messages import Cancel, Submit
from stui_supervisor.session.messages import (
    ContextChanged,
    Loaded,
    LoadFailed,
    ProfileChanged,
    ProfileFailed,
    ProfileRead,
    SaveContext,
    Saved,
    SaveFailed,
    SnapshotFailed,
    StoreSilent,
)

__all__ = [
    "Cancel",
    "Connect",
    "ContextChanged",
    "CredentialFailed",
    "CredentialRead",
    "Crowded",
    "Disconnect",
    "Greeted",
    "Input",
    "LoadFailed",
    "Loaded",
    "Lost",
    "NetworkChanged",
    "NotTaken",
    "Opened",
    "PathSeen",
    "ProfileChanged",
    "ProfileFailed",
    "ProfileRead",
    "Published",
    "Received",
    "Reconnect",
    "SaveContext",
    "SaveFailed",
    "Saved",
    "SeenListening",
    "SnapshotFailed",
    "Start",
    "Stop",
    "StoreSilent",
    "Submit",
    "Subscribed",
    "SubscriptionLost",
    "SubscriptionSeen",
    "TimePassed",
    "Woke",
]


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
