"""What the image says unasked, beside the link: when it is heard, and what its absence means for the state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stui_supervisor.core.effects import Effect
from stui_supervisor.core.health import Health
from stui_supervisor.core.profile_in_use import ProfileInUse
from stui_supervisor.core.shared import Leaves, Turn
from stui_supervisor.link.steps import Established
from stui_supervisor.machine.states import DegradedReason
from stui_supervisor.notifications.messages import Crowded, Published, Subscribed, SubscriptionLost, SubscriptionSeen
from stui_supervisor.wire.dialects import Reply
from stui_supervisor.wire.strict_json import MalformedMessage

DEAF: Final = "the image's notifications are not heard any more"


class Notifications:
    """The subscription beside the link, where the transport has any."""

    def __init__(
        self, turn: Turn, leaves: Leaves, profile: ProfileInUse, health: Health, *, can_subscribe: bool
    ) -> None:
        self._turn = turn
        self._profile = profile
        self._health = health
        self._attempt = leaves.attempt
        self._session = leaves.session
        self._subscription = leaves.subscription
        self._can_subscribe = can_subscribe
        self._heard_at = 0.0

    def begin_run(self) -> None:
        """The program starts."""
        self._subscription.begin_run()

    def established(self, step: Established) -> None:
        """A link is up: hear what its image publishes."""
        if not self._can_subscribe or self._attempt.endpoint is None:
            return
        image = self._attempt.connection.look.image or self._session.record.image
        name = None if image is None else image.canonical
        where, settled, curve = self._attempt.endpoint, self._profile.settled, self._attempt.curve
        self._follow(self._subscription.begin(where, step.publishes, settled, self._turn.now, curve, name))

    def looked(self, reply: Reply | MalformedMessage) -> None:
        """A ping was answered, which may name another address of the publisher."""
        if self._can_subscribe and self._attempt.is_up and isinstance(reply, Reply) and reply.ok:
            self._follow(self._subscription.named(reply.result.get("notifications"), self._turn.now))

    def hurry(self) -> None:
        """The network may be another: what is waited for may be there by now."""
        self._follow(self._subscription.hurry(self._turn.now))

    def woke(self) -> None:
        """The machine has slept."""
        self._follow(self._subscription.woke(self._turn.now))

    def held_up(self) -> None:
        """This process stood still until now."""
        self._subscription.held_up(self._turn.now)

    def subscribed(self, event: Subscribed) -> None:
        """The subscription is up."""
        self._follow(self._subscription.opened(event.number, self._turn.now))

    def is_late(self, limit_s: float) -> bool:
        """True when nothing was heard for so long: what comes now may have waited."""
        return self._turn.now.monotonic_s - self._heard_at > limit_s

    def published(self, event: Published) -> None:
        """A message has come."""
        self._heard_at = self._turn.now.monotonic_s
        self._follow(self._subscription.published(event.number, event.frames, self._turn.now))

    def crowded(self, event: Crowded) -> None:
        """So much came at once that some may have been dropped."""
        self._follow(self._subscription.crowded(event.number, self._turn.now))

    def seen(self, event: SubscriptionSeen) -> None:
        """A look has shown how many bytes have come on the subscription."""
        self._follow(self._subscription.seen(event.number, event.received_bytes, self._turn.now))

    def lost(self, event: SubscriptionLost) -> None:
        """The subscription never came up, or is gone."""
        self._follow(self._subscription.lost(event.number, event.failure, self._turn.now))

    def time_passed(self) -> None:
        """A deadline may have come."""
        self._follow(self._subscription.time_passed(self._turn.now))

    def next_deadline(self) -> float:
        """The monotonic time at which ``time_passed`` has something to do."""
        return self._subscription.next_deadline()

    def _follow(self, effects: Sequence[Effect]) -> None:
        self._turn.effects += effects
        if self._subscription.is_deaf:
            self._health.degrade(DegradedReason.DEAF, DEAF)
        else:
            self._health.regain("notifications are heard again", DegradedReason.DEAF)
