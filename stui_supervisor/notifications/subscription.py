"""The subscription to what the image publishes: one at a time, beside the link and never in its way.

It begins when a link is established, and ends with it. A failed one is tried again, with waits of its own. Two
things are reported: that a publisher which has been received at this endpoint is gone (``is_deaf``), and the
gap in what was received, which may span several links (gaps.py). That a publisher was never there is reported once.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from math import inf
from random import Random
from typing import Final, NamedTuple

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
from stui_supervisor.events import Announce, Notification, NotificationsMissed, Problem
from stui_supervisor.failures import FAILURES, Failure, FailureKind
from stui_supervisor.link.backoff import UNFINISHED, Backoff
from stui_supervisor.moment import Moment
from stui_supervisor.notifications.gaps import Gaps
from stui_supervisor.notifications.messages import LookAtSubscription, Subscribe, SubscriptionEffect, Unsubscribe
from stui_supervisor.notifications.publisher import Publisher, publisher_of
from stui_supervisor.problems import ProblemCode
from stui_supervisor.profile import Profile
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.masks import Masks
from stui_supervisor.wire.notifications import decode
from stui_supervisor.wire.strict_json import MalformedMessage, parsed_bytes

_MALFORMED: Final = "look at what the image publishes; the others are heard"


class _Phase(Enum):
    """What the subscription is doing."""

    IDLE = auto()
    WAITING = auto()
    OPENING = auto()
    OPEN = auto()


class _Link(NamedTuple):
    """The link that is up: where it leads, the profile it was made for, and the keys that it is encrypted with.

    ``topics`` are those of the profile as they come over the wire; empty for all.
    """

    endpoint: Endpoint
    profile: Profile
    curve: CurveKeys | None
    topics: frozenset[bytes]


class _Reports:
    """What the user has been told at one endpoint, where each kind of problem is reported once.

    ``malformed`` counts the messages of the present link that were left out, of which only the first was reported.
    """

    def __init__(self) -> None:
        self._endpoint: Endpoint | None = None
        self._codes: set[ProblemCode] = set()
        self.malformed = 0

    def turn_to(self, endpoint: Endpoint) -> None:
        """A link to this endpoint is established; at another one everything is worth reporting again."""
        if endpoint != self._endpoint:
            self._endpoint, self._codes = endpoint, set()

    def once(self, code: ProblemCode, message: str, hint: str | None, now: Moment) -> list[SubscriptionEffect]:
        """Report a problem, unless one of this kind was reported at this endpoint."""
        if code in self._codes:
            return []
        self._codes.add(code)
        return [_problem(code, message, hint or "", now)]

    def forget(self, code: ProblemCode) -> None:
        """This kind of problem is worth reporting again."""
        self._codes.discard(code)

    def end(self, now: Moment) -> list[SubscriptionEffect]:
        """The link ends: report how many messages were left out, where the first report did not say it."""
        malformed, self.malformed = self.malformed, 0
        if malformed <= 1:
            return []
        message = f"{malformed} notifications in all were left out"
        return [_problem(ProblemCode.NOTIFICATION_MALFORMED, message, _MALFORMED, now)]


class Subscription:
    """The subscription beside one link after the other; its attempts are numbered.

    Each method returns what to do. What comes with another number than the latest attempt's is dropped. ``is_deaf``: a
    publisher that was received at this endpoint has been gone for longer than a moment.
    """

    def __init__(self, settings: Settings, rng: Random, masks: Masks | None = None) -> None:
        self._masks = masks or Masks()
        self._settings = settings
        self._backoff = Backoff(settings, rng)
        self._link: _Link | None = None
        self._publisher: Publisher | None = None
        self._number = 0
        self._phase = _Phase.IDLE
        self._until = inf
        self._asked_at = 0.0
        self._judged_from = 0.0
        self._gaps = Gaps()
        self._reports = _Reports()
        self.is_deaf = False

    def begin_run(self) -> None:
        """The program starts: nothing has been received or reported yet."""
        self._link, self._gaps, self._reports = None, Gaps(), _Reports()

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

        Gaps are those of an ``image``, wherever it is reached: several endpoints may lead to one.
        """
        self._reports.turn_to(link)
        effects = _announced(self._gaps.turn_to(image, now))
        self._link = _Link(link, profile, curve, frozenset(topic.encode() for topic in profile.topics))
        self._publisher = None
        if profile.notifications is None and named is None:
            return effects + self._unnamed(now)
        return effects + self._follow(self._link, named, now)

    def named(self, named: object, now: Moment) -> list[SubscriptionEffect]:
        """A later ping on this link says where the image publishes, perhaps somewhere else; None says nothing."""
        if named is None or self._link is None or self._link.profile.notifications is not None:
            return []
        return self._follow(self._link, named, now)

    def _follow(self, link: _Link, named: object, now: Moment) -> list[SubscriptionEffect]:
        """Subscribe where the profile or the image says, unless that is so already."""
        try:
            publisher = publisher_of(link.profile, named, link.endpoint)
        except ConfigurationError as error:
            return self._reports.once(
                ProblemCode.NOTIFICATIONS_ADDRESS, f"no notifications: {error.message}", error.hint, now
            )
        if publisher == self._publisher:
            return []
        self._publisher = publisher
        self._reports.forget(ProblemCode.NOTIFICATIONS_UNHEARD)
        self._backoff.reset()
        return self._subscribe_again(now)

    def end(self, now: Moment, *, is_left: bool = False) -> list[SubscriptionEffect]:
        """The link is let go, and the subscription with it; with ``is_left`` the user wants no other one."""
        effects: list[SubscriptionEffect] = (
            [Unsubscribe(self._number)] if self._phase in (_Phase.OPENING, _Phase.OPEN) else []
        )
        if is_left:
            effects += _announced(self._gaps.present.leave(now))
        self._gaps.present.broken()
        effects += self._reports.end(now)
        self._link = None
        self._enter(_Phase.IDLE, inf)
        self.is_deaf = False
        return effects

    def opened(self, number: int, now: Moment) -> list[SubscriptionEffect]:
        """The subscription is up."""
        if number != self._number or self._phase is not _Phase.OPENING or self._link is None:
            return []
        self._enter(_Phase.OPEN, now.monotonic_s + self._settings.health_s)
        self._gaps.present.opened(now, now.monotonic_s - self._asked_at, is_one=len(self._link.topics) <= 1)
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
        if number != self._number or self._phase is not _Phase.OPEN or self._link is None:
            return []
        self._gaps.present.came(sum(map(len, frames)), now)
        if self._link.topics and frames[0] not in self._link.topics:
            return []  # one that only begins like a topic that is wanted
        try:
            topic, body = decode(frames)
        except MalformedMessage as error:
            self._reports.malformed += 1
            error = self._masks.malformed(error, b" ".join(frames))  # the same, fit to be shown
            return self._reports.once(
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
        publisher = self._publisher.endpoint if self._publisher is not None else None
        is_local = publisher is not None and publisher.is_local
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
        message = f"no notifications from {publisher}: {self._masks.failure(failure)}"
        return self._reports.once(ProblemCode.NOTIFICATIONS_UNHEARD, message, FAILURES[failure.kind].hint, now)

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
        if self._gaps.present.is_look_due(now):
            self._gaps.present.look_asked(now)
            effects.append(LookAtSubscription(self._number))
        return effects + self._phase_over(now)

    def _phase_over(self, now: Moment) -> list[SubscriptionEffect]:
        deaf_from = self._deaf_from()
        if deaf_from <= now.monotonic_s:
            if now.monotonic_s - deaf_from > STALL_S:  # this process stood still; look again first
                self._judged_from = now.monotonic_s + NOTIFICATIONS_GRACE_S
            else:
                self.is_deaf = True
        if now.monotonic_s < self._until:
            return []
        match self._phase:
            case _Phase.WAITING:
                return self._subscribe(now)
            case _Phase.OPENING:
                return [Unsubscribe(self._number), *self.lost(self._number, Failure(FailureKind.TIMEOUT), now)]
            case _:  # it has been up for so long that earlier failures no longer count
                self._backoff.reset()
                self._until = inf
                return []

    def next_deadline(self) -> float:
        """The monotonic time at which to call ``time_passed`` at the latest."""
        if self._phase is _Phase.IDLE:
            return inf
        return min(self._until, self._deaf_from(), self._gaps.present.next_deadline())

    def _deaf_from(self) -> float:
        is_away = self._phase in (_Phase.WAITING, _Phase.OPENING) and self._gaps.present.has_worked
        return self._judged_from if is_away and not self.is_deaf else inf

    def _subscribe_again(self, now: Moment) -> list[SubscriptionEffect]:
        """Begin anew, in place of any subscription that there is."""
        self._gaps.present.broken()
        self._judged_from = now.monotonic_s + NOTIFICATIONS_GRACE_S
        return self._subscribe(now)

    def _subscribe(self, now: Moment) -> list[SubscriptionEffect]:
        if self._publisher is None or self._link is None:
            raise AssertionError("a subscription without a publisher")
        (endpoint, trust), profile = self._publisher, self._link.profile
        self._number += 1
        self._asked_at = now.monotonic_s
        self._backoff.begin_attempt()
        # A publisher that was far is given the time that it took, and as much again.
        far_s = min(4 * self._gaps.present.delay_s, self._settings.attempt_timeout_max_s)
        timeout_s = max(self._backoff.attempt_timeout(), far_s)
        self._enter(_Phase.OPENING, now.monotonic_s + timeout_s + LINK_GRACE_S)
        return [Subscribe(self._number, endpoint, profile.topics, timeout_s, self._link.curve, trust)]

    def _unnamed(self, now: Moment) -> list[SubscriptionEffect]:
        """Nobody says where to subscribe, which is worth a report only where it was known before."""
        if not self._gaps.present.has_worked:
            return []
        message = "the image no longer says where it publishes its notifications"
        return self._reports.once(
            ProblemCode.NOTIFICATIONS_UNNAMED, message, "see how the image's STUI server was started", now
        )

    def _enter(self, phase: _Phase, until: float) -> None:
        self._phase = phase
        self._until = until


def _announced(missed: NotificationsMissed | None) -> list[SubscriptionEffect]:
    return [] if missed is None else [Announce(missed)]


def _problem(code: ProblemCode, message: str, hint: str, now: Moment) -> Announce:
    return Announce(Problem(at=now.utc, code=code, message=message, hint=hint))
