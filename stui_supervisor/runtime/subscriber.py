"""Carries out what the core decides about notifications: one subscription at a time, in the event loop."""

from __future__ import annotations

from collections.abc import Callable

from stui_supervisor.config import NOTIFICATIONS_HEARTBEAT_INTERVAL_S, NOTIFICATIONS_HEARTBEAT_TIMEOUT_S
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import LookAtSubscription, Subscribe, Unsubscribe
from stui_supervisor.core.inputs import Input
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.ports import LinkTimes, Subscription, SubscriptionFactory


class Subscriber:
    """Carries out Subscribe and Unsubscribe; what is heard goes to the core as inputs."""

    def __init__(self, make: SubscriptionFactory | None, feed: Callable[[Input], None]) -> None:
        self._make = make
        self._feed = feed
        self._subscription: Subscription | None = None

    def do(self, effect: Subscribe | Unsubscribe) -> None:
        """End the present subscription, and begin the one that is wanted."""
        self.close()
        if isinstance(effect, Subscribe):
            self._begin(effect)

    def look(self, effect: LookAtSubscription) -> None:
        """Ask how much has come over the present subscription; SubscriptionSeen tells."""
        try:
            received_bytes = self._subscription.look() if self._subscription is not None else None
        except Exception:  # noqa: BLE001  # as below: it says nothing then
            received_bytes = None
        self._feed(inputs.SubscriptionSeen(effect.number, received_bytes))

    def close(self) -> None:
        """End the present subscription."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()

    def _begin(self, effect: Subscribe) -> None:
        if self._make is None:
            raise AssertionError("the core subscribes where nothing can")
        times = LinkTimes(effect.timeout_s, NOTIFICATIONS_HEARTBEAT_INTERVAL_S, NOTIFICATIONS_HEARTBEAT_TIMEOUT_S)
        try:
            self._subscription = self._make(effect.endpoint, effect.topics, times, effect.curve, effect.trust)
            self._subscription.open(_Listener(self._feed, effect.number))
        except Exception as error:  # noqa: BLE001  # a system without a socket to spare costs the notifications alone
            failure = Failure(FailureKind.UNREACHABLE, str(error) or type(error).__name__)
            self._feed(inputs.SubscriptionLost(effect.number, failure))


class _Listener:
    """Tells the core what one subscription says, under its number."""

    def __init__(self, feed: Callable[[Input], None], number: int) -> None:
        self._feed = feed
        self._number = number

    def opened(self) -> None:
        self._feed(inputs.Subscribed(self._number))

    def published(self, frames: list[bytes]) -> None:
        self._feed(inputs.Published(self._number, frames))

    def crowded(self) -> None:
        self._feed(inputs.Crowded(self._number))

    def lost(self, failure: Failure) -> None:
        self._feed(inputs.SubscriptionLost(self._number, failure))
