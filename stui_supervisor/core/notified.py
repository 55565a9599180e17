"""What the image says unasked, beside the link: when it is heard, and what its absence means for the state."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

from stui_supervisor.config import STALL_S, Settings
from stui_supervisor.core import inputs
from stui_supervisor.core.attempt import Phase
from stui_supervisor.core.effects import Effect
from stui_supervisor.core.moving import Moving
from stui_supervisor.link.steps import Established
from stui_supervisor.machine.states import DegradedReason
from stui_supervisor.notifications.subscription import Subscription
from stui_supervisor.session.session import Session
from stui_supervisor.wire.dialects import Reply
from stui_supervisor.wire.strict_json import MalformedMessage

DEAF: Final = "the image's notifications are not heard any more"


class Notified(Moving):
    """A link with a subscription beside it, where the transport has any."""

    def __init__(
        self,
        session: Session,
        settings: Settings,
        rng: Random,
        *,
        profile: str,
        pid: int,
        has_credentials: bool,
        can_look: bool,
        can_subscribe: bool,
    ) -> None:
        super().__init__(
            session, settings, rng, profile=profile, pid=pid, has_credentials=has_credentials, can_look=can_look
        )
        self._can_subscribe = can_subscribe
        self._listening = Subscription(settings, rng, self._masks)
        self._heard_at = 0.0

    def _established(self, step: Established) -> None:
        super()._established(step)
        if self._can_subscribe and self._attempt.endpoint is not None:
            where, curve = self._attempt.endpoint, self._attempt.curve
            image = self._attempt.look.image or self._session.record.image
            name = None if image is None else image.canonical
            self._hear(self._listening.begin(where, step.publishes, self._profile, self._now, curve, name))

    def _looked(self, reply: Reply | MalformedMessage) -> None:
        super()._looked(reply)
        if self._can_subscribe and self._attempt.phase is Phase.UP and isinstance(reply, Reply) and reply.ok:
            self._hear(self._listening.named(reply.result.get("notifications"), self._now))

    def _end_link(self, reason: str, *, keep_waiting: bool) -> None:
        super()._end_link(reason, keep_waiting=keep_waiting)
        self._effects += self._listening.end(self._now)

    def _probe(self) -> None:
        super()._probe()
        self._hear(self._listening.hurry(self._now))

    def _woke(self, event: inputs.Woke) -> None:
        self._hear(self._listening.woke(self._now))
        super()._woke(event)

    def _note_stall(self) -> None:
        before = self._attempt.judged_from
        super()._note_stall()
        if self._attempt.judged_from > before:
            self._listening.held_up(self._now)

    def _subscribed(self, event: inputs.Subscribed) -> None:
        self._hear(self._listening.opened(event.number, self._now))

    def _published(self, event: inputs.Published) -> None:
        if self._now.monotonic_s - self._heard_at > STALL_S:
            self._note_stall()  # what waited meanwhile may be more than there was room for
        self._heard_at = self._now.monotonic_s
        self._hear(self._listening.published(event.number, event.frames, self._now))

    def _crowded(self, event: inputs.Crowded) -> None:
        self._hear(self._listening.crowded(event.number, self._now))

    def _subscription_seen(self, event: inputs.SubscriptionSeen) -> None:
        self._hear(self._listening.seen(event.number, event.received_bytes, self._now))

    def _subscription_lost(self, event: inputs.SubscriptionLost) -> None:
        self._hear(self._listening.lost(event.number, event.failure, self._now))

    def _look_at_subscription(self) -> None:
        self._hear(self._listening.time_passed(self._now))

    def _hear(self, effects: Sequence[Effect]) -> None:
        self._effects += effects
        if self._listening.is_deaf:
            self._degrade(DegradedReason.DEAF, DEAF)
        else:
            self._regain("notifications are heard again", DegradedReason.DEAF)
