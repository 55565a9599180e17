"""What a subscription asks of its adapter, and what that answers. Each answer carries the subscription's number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stui_supervisor.endpoint import Endpoint
from stui_supervisor.events import Announce
from stui_supervisor.failures import Failure
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.trust import ANYONE, Trust


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


SubscriptionEffect = Subscribe | Unsubscribe | LookAtSubscription | Announce
