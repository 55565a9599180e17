"""Hearing what the image publishes: one subscription at a time, beside the link and never in its way.

It begins when a link is established, and ends with it. What goes wrong is tried again with waits of its own. Two
things are told: a publisher that has been heard at this endpoint and is gone (``is_deaf``), and the
gap in what was heard, which may span several links. A publisher that was never there is told once.

What the gap covers gaps.py says.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from random import Random
from typing import Final

from stui_supervisor.config import (
    LINK_GRACE_S,
    NOTIFICATIONS_GRACE_S,
    NOTIFICATIONS_NEW_S,
    NOTIFICATIONS_RETRY_MAX_S,
    NOTIFICATIONS_RETRY_S,
    STALL_S,
    Settings,
)
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.events import Announce, Notification, Problem
from stui_supervisor.failures import FAILURES, Failure, FailureKind
from stui_supervisor.link.backoff import UNFINISHED, Backoff
from stui_supervisor.moment import Moment
from stui_supervisor.notifications.gaps import Gaps
from stui_supervisor.notifications.messages import LookAtSubscription, Subscribe, SubscriptionEffect, Unsubscribe
from stui_supervisor.notifications.publisher import named_by_image, named_by_user
from stui_supervisor.problems import ProblemCode
from stui_supervisor.profile import Profile
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.masks import Masks
from stui_supervisor.security.trust import ANYONE, Trust
from stui_supervisor.wire.notifications import decode
from stui_supervisor.wire.strict_json import MalformedMessage, parsed_bytes

_MALFORMED: Final = "look at what the image publishes; the others are heard"


class _Phase(Enum):
    """What the subscription is doing."""

    IDLE = auto()
    WAITING = auto()
    OPENING = auto()
    OPEN = auto()


class Subscription:
    """The subscription beside one link after the other; its attempts are numbered.

    Each method returns what to do. What arrives with another number belongs to the past. ``is_deaf``: a
    publisher that was heard at this endpoint is gone, for longer than a moment.
    """

    def __init__(self, settings: Settings, rng: Random, masks: Masks | None = None) -> None:
        self._masks = masks or Masks()
        self._settings = settings
        self._backoff = Backoff(settings, rng)
        self._link: Endpoint | None = None
        self._profile: Profile | None = None
        self._publisher: Endpoint | None = None
        self._topics: frozenset[bytes] = frozenset()
        self._curve: CurveKeys | None = None
        self._trust = ANYONE
        self._number = 0
        self._phase = _Phase.IDLE
        self._until: float | None = None
        self._asked_at = 0.0
        self._judged_from = 0.0
        self._gaps = Gaps()
        self._malformed = 0
        self._told: set[str] = set()
        self.is_deaf = False

    def begin_run(self) -> None:
        """The program starts: nothing has been heard or told yet."""
        self._link, self._gaps = None, Gaps()

    def begin(
        self,
        link: Endpoint,
        named: object,
        profile: Profile,
        now: Moment,
        curve: CurveKeys | None = None,
        image: str | None = None,
    ) -> list[SubscriptionEffect]:
        """A link is established; ``named`` is the publisher's address in its ping, or None.

        The ``image`` may have been heard elsewhere: several endpoints may lead to one, and another one has other gaps.
        """
        if link != self._link:
            self._link, self._told = link, set()
        self._gaps.turn_to(image)
        self._profile, self._curve, self._publisher = profile, curve, None
        self._topics = frozenset(topic.encode() for topic in profile.topics)
        if profile.notifications is None and named is None:
            return self._unnamed(now)
        return self._follow(link, profile, named, now)

    def named(self, named: object, now: Moment) -> list[SubscriptionEffect]:
        """A later ping on this link says where the image publishes, perhaps somewhere else; None says nothing."""
        if named is None or self._link is None or self._profile is None or self._profile.notifications is not None:
            return []
        return self._follow(self._link, self._profile, named, now)

    def _follow(self, link: Endpoint, profile: Profile, named: object, now: Moment) -> list[SubscriptionEffect]:
        """Subscribe where the profile or the image says, unless that is so already."""
        try:
            if profile.notifications is not None:
                publisher = named_by_user(profile.notifications, link)
            else:
                publisher = named_by_image(named, link)
        except ConfigurationError as error:
            return self._tell_once(
                ProblemCode.NOTIFICATIONS_ADDRESS, f"no notifications: {error.message}", error.hint, now
            )
        if publisher == self._publisher:
            return []
        self._publisher = publisher
        # A name that the image gives for this machine must lead to it; one that the user gives is the user's.
        is_for_here = profile.notifications is None and link.is_loopback and publisher.is_named_loopback
        is_here_if_link_is = profile.notifications is None and link.is_named_loopback and publisher.scheme == "ipc"
        self._trust = Trust(is_for_here or is_here_if_link_is, profile.ipc_owner if publisher.scheme == "ipc" else None)
        self._told.discard(ProblemCode.NOTIFICATIONS_UNHEARD)
        self._backoff.reset()
        return self._subscribe_again(now)

    def end(self, now: Moment) -> list[SubscriptionEffect]:
        """The link is let go, and the subscription with it."""
        effects: list[SubscriptionEffect] = (
            [Unsubscribe(self._number)] if self._phase in (_Phase.OPENING, _Phase.OPEN) else []
        )
        self._gaps.present.broken()
        if self._malformed > 1:
            message = f"{self._malformed} notifications in all were left out"
            effects.append(_problem(ProblemCode.NOTIFICATION_MALFORMED, message, _MALFORMED, now))
        self._malformed, self._profile = 0, None
        self._enter(_Phase.IDLE, None)
        self.is_deaf = False
        return effects

    def opened(self, number: int, now: Moment) -> list[SubscriptionEffect]:
        """The subscription is up."""
        if number != self._number or self._phase is not _Phase.OPENING:
            return []
        self._enter(_Phase.OPEN, now.monotonic_s + self._settings.health_s)
        self._gaps.present.opened(now, now.monotonic_s - self._asked_at, is_one=len(self._topics) <= 1)
        return [LookAtSubscription(number)]

    def crowded(self, number: int, now: Moment) -> list[SubscriptionEffect]:
        """More came at once than there certainly was room for."""
        if number == self._number and self._phase is _Phase.OPEN:
            self._gaps.present.crowded(now)
        return []

    def seen(self, number: int, received_bytes: int | None, now: Moment) -> list[SubscriptionEffect]:
        """A look at the subscription: so many bytes have come by now, where the system tells."""
        if number == self._number and self._phase is _Phase.OPEN:
            self._gaps.present.looked(received_bytes, now)
        return []

    def held_up(self, now: Moment) -> None:
        """This process stood still until now."""
        self._gaps.present.held_up(now)

    def woke(self, now: Moment) -> list[SubscriptionEffect]:
        """The machine has slept. A publisher that does not know of it has dropped what there was no room for."""
        return self._subscribe_again(now) if self._phase is _Phase.OPEN else []

    def published(self, number: int, frames: Sequence[bytes], now: Moment) -> list[SubscriptionEffect]:
        """The publisher has sent something."""
        if number != self._number or self._phase is not _Phase.OPEN:
            return []
        self._gaps.present.came(sum(map(len, frames)), now)
        if self._topics and frames[0] not in self._topics:
            return []  # one that only begins like a topic that is wanted
        try:
            topic, body = decode(frames)
        except MalformedMessage as error:
            self._malformed += 1
            error = self._masks.malformed(error, b" ".join(frames))  # the same, fit to be shown
            return self._tell_once(
                ProblemCode.NOTIFICATION_MALFORMED, f"a notification was left out: {error}", _MALFORMED, now
            )
        if self._masks.are_in(b" ".join(frames)):
            topic, body = self._masks.text(topic), self._masks.value(body)
        return [Announce(Notification(at=now.utc, topic=topic, body=body), sum(map(parsed_bytes, frames)))]

    def lost(self, number: int, failure: Failure, now: Moment) -> list[SubscriptionEffect]:
        """The subscription never came up, or is gone."""
        if number != self._number or self._phase not in (_Phase.OPENING, _Phase.OPEN):
            return []
        if failure.kind is FailureKind.TOKEN_IN_CLEAR:  # no token goes here, but no name leads elsewhere either
            failure = Failure(FailureKind.UNREACHABLE, failure.message)
        if self._phase is _Phase.OPEN:
            self._gaps.present.broken()
            self._judged_from = now.monotonic_s + NOTIFICATIONS_GRACE_S
        self._gaps.present.not_begun(now, is_nobody=failure.kind is FailureKind.REFUSED)
        is_local = self._publisher is not None and self._publisher.is_local
        limit_s = self._settings.attempt_timeout_max_s
        may_be_far = failure.kind in UNFINISHED and self._backoff.attempt_timeout() < limit_s
        if self._gaps.present.has_worked or may_be_far or now.monotonic_s < self._judged_from:
            wait_s = self._backoff.next_wait(failure, is_local=is_local, now=now.monotonic_s)
            self._enter(_Phase.WAITING, now.monotonic_s + wait_s)
            return []
        self._backoff.begin_outage(now.monotonic_s)
        is_new = self._backoff.outage_s(now.monotonic_s) < NOTIFICATIONS_NEW_S
        longest_s = NOTIFICATIONS_RETRY_S if is_new else NOTIFICATIONS_RETRY_MAX_S
        self._enter(_Phase.WAITING, now.monotonic_s + self._backoff.idle_wait(longest_s))
        message = f"no notifications from {self._publisher}: {self._masks.failure(failure)}"
        return self._tell_once(ProblemCode.NOTIFICATIONS_UNHEARD, message, FAILURES[failure.kind].hint, now)

    def hurry(self, now: Moment) -> list[SubscriptionEffect]:
        """The machine woke or its network changed: what is waited for may be there by now."""
        self._backoff.forgive()
        return self._subscribe(now) if self._phase is _Phase.WAITING else []

    def time_passed(self, now: Moment) -> list[SubscriptionEffect]:
        """A deadline may have come."""
        effects: list[SubscriptionEffect] = []
        missed = self._gaps.present.take(now)
        if missed is not None:
            effects.append(Announce(missed))
            self.is_deaf = False  # not before: what was published until now may have passed by
        if self._gaps.present.wants_look(now):
            effects.append(LookAtSubscription(self._number))
        return effects + self._phase_over(now)

    def _phase_over(self, now: Moment) -> list[SubscriptionEffect]:
        deaf_from = self._deaf_from()
        if deaf_from is not None and deaf_from <= now.monotonic_s:
            if now.monotonic_s - deaf_from > STALL_S:  # this process stood still; look again first
                self._judged_from = now.monotonic_s + NOTIFICATIONS_GRACE_S
            else:
                self.is_deaf = True
        if self._until is None or now.monotonic_s < self._until:
            return []
        match self._phase:
            case _Phase.WAITING:
                return self._subscribe(now)
            case _Phase.OPENING:
                return [Unsubscribe(self._number), *self.lost(self._number, Failure(FailureKind.TIMEOUT), now)]
            case _:  # it has been up for so long that earlier failures no longer count
                self._backoff.reset()
                self._until = None
                return []

    def next_deadline(self) -> float | None:
        """The monotonic time at which to call ``time_passed`` at the latest."""
        if self._phase is _Phase.IDLE:
            return None
        earliest = self._until
        for deadline in (self._deaf_from(), self._gaps.present.next_deadline()):
            if deadline is not None and (earliest is None or deadline < earliest):
                earliest = deadline
        return earliest

    def _deaf_from(self) -> float | None:
        is_away = self._phase in (_Phase.WAITING, _Phase.OPENING) and self._gaps.present.has_worked
        return self._judged_from if is_away and not self.is_deaf else None

    def _subscribe_again(self, now: Moment) -> list[SubscriptionEffect]:
        """Begin anew, in place of any subscription that there is."""
        self._gaps.present.broken()
        self._judged_from = now.monotonic_s + NOTIFICATIONS_GRACE_S
        return self._subscribe(now)

    def _subscribe(self, now: Moment) -> list[SubscriptionEffect]:
        if self._publisher is None or self._profile is None:
            raise AssertionError("a subscription without a publisher")
        self._number += 1
        self._asked_at = now.monotonic_s
        self._backoff.begin_attempt()
        # A publisher that was far is given the time that it took, and as much again.
        far_s = min(4 * self._gaps.present.delay_s, self._settings.attempt_timeout_max_s)
        timeout_s = max(self._backoff.attempt_timeout(), far_s)
        self._enter(_Phase.OPENING, now.monotonic_s + timeout_s + LINK_GRACE_S)
        return [Subscribe(self._number, self._publisher, self._profile.topics, timeout_s, self._curve, self._trust)]

    def _unnamed(self, now: Moment) -> list[SubscriptionEffect]:
        """Nobody says where to listen, which is news only where it was known before."""
        if not self._gaps.present.has_worked:
            return []
        message = "the image no longer says where it publishes its notifications"
        return self._tell_once(
            ProblemCode.NOTIFICATIONS_UNNAMED, message, "see how the image's STUI server was started", now
        )

    def _tell_once(self, code: ProblemCode, message: str, hint: str | None, now: Moment) -> list[SubscriptionEffect]:
        """Tell a problem, unless it has been told at this endpoint."""
        if code in self._told:
            return []
        self._told.add(code)
        return [_problem(code, message, hint or "", now)]

    def _enter(self, phase: _Phase, until: float | None) -> None:
        self._phase = phase
        self._until = until


def _problem(code: ProblemCode, message: str, hint: str, now: Moment) -> Announce:
    return Announce(Problem(at=now.utc, code=code, message=message, hint=hint))
