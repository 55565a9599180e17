"""One subscription beside one link after the other, on virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from math import inf
from random import Random
from typing import Any

import pytest

from stui_supervisor.config import (
    CROWD_CALM_S,
    CROWD_MAX_S,
    LINK_GRACE_S,
    NOTIFICATIONS_GRACE_S,
    NOTIFICATIONS_HEARTBEAT_INTERVAL_S,
    NOTIFICATIONS_HEARTBEAT_TIMEOUT_S,
    NOTIFICATIONS_KEPT_IMAGES,
    NOTIFICATIONS_RETRY_MAX_S,
    NOTIFICATIONS_SETTLE_S,
    SLEEP_LOOK_S,
    Settings,
)
from stui_supervisor.core.effects import Announce, Effect, LookAtSubscription, Subscribe, Unsubscribe
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.events import Notification, NotificationsMissed, Problem
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.link.backoff import UNFINISHED
from stui_supervisor.notifications.subscription import Subscription
from stui_supervisor.profile import Profile
from stui_supervisor.security.trust import Trust
from tests.support.core.world import BEGIN, HERE, REFUSED, RESET, THERE, only, told

PUBLISHER = "tcp://127.0.0.1:6000"
PLAIN = Profile(name="default")
SILENCE_S = NOTIFICATIONS_HEARTBEAT_INTERVAL_S + NOTIFICATIONS_HEARTBEAT_TIMEOUT_S


class Ear:
    """A Subscription and the moment it lives in; ``done`` are its effects so far.

    ``received_bytes`` is what the system tells when the subscription is looked at, ``looked`` when that was last.
    """

    def __init__(self, seed: int = 0) -> None:
        self.now = self.looked = BEGIN
        self.received_bytes: int | None = None
        self.listening = Subscription(Settings(), Random(seed))  # noqa: S311  # jitter
        self.done: list[Effect] = []

    def begin(
        self,
        link: Endpoint = HERE,
        named: object = PUBLISHER,
        profile: Profile = PLAIN,
        image: str | None = None,
    ) -> list[Effect]:
        return self.did(self.listening.begin(link, named, profile, self.now, None, image))

    def named(self, named: object) -> list[Effect]:
        return self.did(self.listening.named(named, self.now))

    def end(self, *, is_left: bool = False) -> list[Effect]:
        return self.did(self.listening.end(self.now, is_left=is_left))

    def opened(self, *, older: int = 0) -> list[Effect]:
        return self.did(self.listening.opened(self.number - older, self.now))

    def reopened(self, delay_s: float = 0.0) -> list[Effect]:
        """The publisher is there again: the handshake takes so long, and then what was missed is told."""
        if not self.is_asked:
            self.until_asked()
        self.now = self.now.after(delay_s)
        return self.opened() + self.wait(delay_s + NOTIFICATIONS_SETTLE_S)

    def until_asked(self) -> None:
        """Let time pass until a subscription is asked for."""
        while not self.is_asked:
            due = self.listening.next_deadline()
            assert due < inf
            self.wait(max(0.0, due - self.now.monotonic_s))

    def published(self, *frames: bytes, older: int = 0) -> list[Effect]:
        return self.did(self.listening.published(self.number - older, frames, self.now))

    def lost(self, failure: Failure = RESET, *, older: int = 0) -> list[Effect]:
        return self.did(self.listening.lost(self.number - older, failure, self.now))

    def wait(self, seconds: float) -> list[Effect]:
        """Let time pass; each deadline on the way is met exactly."""
        effects: list[Effect] = []
        end = self.now.after(seconds)
        while (due := self.listening.next_deadline()) <= end.monotonic_s:
            self.now = self.now.after(max(0.0, due - self.now.monotonic_s))
            effects += self.did(self.listening.time_passed(self.now))
        self.now = end
        return list(effects)

    def stay_refused(self, seconds: float) -> list[Effect]:
        """Let time pass while nobody publishes."""
        effects, end = [], self.now.after(seconds)
        while (due := self.listening.next_deadline()) <= end.monotonic_s:
            effects += self.wait(max(0.0, due - self.now.monotonic_s))
            effects += self.lost(REFUSED)
        return effects + self.wait(max(0.0, end.monotonic_s - self.now.monotonic_s))

    def look(self) -> None:
        """The core looks around, as it does every few seconds."""
        self.did(self.listening.time_passed(self.now))

    def back(self) -> list[Effect]:
        """The publisher is there for the next attempt."""
        self.lost(REFUSED)
        return self.reopened()

    @property
    def number(self) -> int:
        return only(Subscribe, self.done)[-1].number

    @property
    def is_asked(self) -> bool:
        return self.listening._phase.name == "OPENING"

    def did(self, effects: Sequence[Effect]) -> list[Effect]:
        self.done += effects
        for look in only(LookAtSubscription, effects):
            assert self.listening.seen(look.number, self.received_bytes, self.now) == []
            self.looked = self.now
        return list(effects)


def hearing(**begin: Any) -> Ear:
    ear = Ear()
    ear.begin(**begin)
    ear.opened()
    return ear


def after_s(seconds: float) -> Any:
    return BEGIN.utc + timedelta(seconds=seconds)


def test_where_the_image_says_so_its_publisher_is_subscribed_to() -> None:
    ear = Ear()
    assert ear.begin() == [Subscribe(1, Endpoint.parse(PUBLISHER), (), 1.0)]


def test_what_the_profile_says_counts_more() -> None:
    ear = Ear()
    profile = replace(PLAIN, notifications="tcp://far.example:6000", topics=("errors",))
    assert ear.begin(profile=profile) == [Subscribe(1, Endpoint.parse("tcp://far.example:6000"), ("errors",), 1.0)]


def test_where_nobody_says_so_nothing_is_done() -> None:
    ear = Ear()
    assert ear.begin(named=None) == []
    assert ear.listening.next_deadline() == inf
    assert ear.end() == []


def test_a_wrong_address_is_told_once_at_an_endpoint() -> None:
    ear = Ear()
    (problem,) = told(Problem, ear.begin(named="tcp://192.0.2.1:6000"))
    assert (problem.code, problem.hint) == (
        "notifications_address",
        "if that is right, name it as 'notifications' in the profile",
    )
    ear.end()
    assert ear.begin(named=17) == []
    ear.end()
    assert len(told(Problem, ear.begin(link=THERE, named=17))) == 1


def test_what_is_published_is_told_in_order() -> None:
    ear = hearing()
    for number in range(3):
        ear.published(b"errors", b"%d" % number)
    assert told(Notification, ear.done) == [
        Notification(at=BEGIN.utc, topic="errors", body=number) for number in range(3)
    ]


def test_a_first_subscription_has_missed_nothing() -> None:
    assert told(NotificationsMissed, hearing().done) == []


# From when to when


def gaps(effects: Sequence[Effect]) -> list[tuple[Any, Any]]:
    return [(missed.since, missed.until) for missed in told(NotificationsMissed, effects)]


def test_a_gap_begins_with_its_connection_where_no_pause_shows_that_nothing_was_waiting() -> None:
    ear = hearing()
    for _ in range(50):
        ear.wait(0.1)
        ear.published(b"errors", b"1")
    ear.lost()
    ear.stay_refused(10.0)
    effects = ear.reopened()
    assert gaps(effects) == [(BEGIN.utc, ear.now.utc)]
    ear.published(b"errors", b"2")
    assert len(told(NotificationsMissed, ear.done)) == 1


def test_a_gap_ends_once_the_publisher_certainly_has_the_new_subscription() -> None:
    ear = hearing()
    ear.lost()
    ear.until_asked()
    asked = ear.now
    ear.now = ear.now.after(0.6)
    assert told(NotificationsMissed, ear.opened()) == []
    (missed,) = told(NotificationsMissed, ear.wait(5.0))
    assert missed.until == missed.at == asked.after(0.9 + NOTIFICATIONS_SETTLE_S).utc


@pytest.mark.parametrize(("topics", "after_s"), [((), 0.1), (("errors",), 0.1), (("errors", "other"), 0.3)])
def test_what_comes_first_shows_that_the_publisher_has_it_and_of_several_topics_only_one(
    topics: tuple[str, ...], after_s: float
) -> None:
    ear = hearing(profile=replace(PLAIN, topics=topics))
    ear.lost()
    ear.until_asked()
    ear.now = ear.now.after(0.6)
    ear.opened()
    opened = ear.now
    ear.wait(0.1)
    ear.published(b"errors", b"1")
    (missed,) = told(NotificationsMissed, ear.wait(5.0))
    assert missed.until == opened.after(after_s + (NOTIFICATIONS_SETTLE_S if after_s > 0.1 else 0.0)).utc


def test_a_pause_in_which_a_heartbeat_was_answered_shows_that_nothing_was_waiting() -> None:
    ear = hearing()
    ear.received_bytes = 500
    ear.published(b"errors", b"1")
    ear.wait(2 * SLEEP_LOOK_S)  # two looks: the first one counts what has come
    quiet_from = ear.looked
    ear.received_bytes += 7
    ear.wait(2 * SLEEP_LOOK_S)
    ear.lost()
    (missed,) = told(NotificationsMissed, ear.reopened(0.3))
    assert missed.since == quiet_from.after(-0.15).utc


def test_the_delay_is_the_longest_that_is_known() -> None:
    ear = Ear()
    ear.begin()
    ear.now = ear.now.after(0.8)
    ear.opened()
    ear.received_bytes = 500
    ear.wait(2 * SLEEP_LOOK_S)
    quiet_from = ear.looked
    ear.received_bytes += 7
    ear.wait(2 * SLEEP_LOOK_S)
    ear.lost()
    (missed,) = told(NotificationsMissed, ear.reopened(0.3))
    assert missed.since == quiet_from.after(-0.4).utc


@pytest.mark.parametrize(
    ("grown", "message_after_s"),
    [(0, None), (5_000, None), (7, 0.5)],
    ids=["no heartbeat's answer", "more than an answer", "a message behind it"],
)
def test_a_pause_without_an_answer_or_with_more_behind_it_shows_nothing(
    grown: int, message_after_s: float | None
) -> None:
    ear = hearing()
    ear.received_bytes = 500
    ear.wait(2 * SLEEP_LOOK_S)
    ear.received_bytes += grown
    ear.wait(SLEEP_LOOK_S)
    if message_after_s is not None:
        ear.wait(message_after_s)
        ear.published(b"errors", b"1")
    ear.wait(2 * SLEEP_LOOK_S)
    ear.lost()
    (missed,) = told(NotificationsMissed, ear.reopened())
    assert missed.since == BEGIN.utc


def test_a_gap_begins_no_earlier_than_the_heartbeats_would_have_told() -> None:
    ear = hearing()
    ear.wait(3_600.0)
    ear.look()
    ear.wait(1.0)
    ear.lost()
    (missed,) = told(NotificationsMissed, ear.reopened())
    assert missed.since == after_s(3_600.0 - SILENCE_S)


def test_a_gap_takes_in_the_time_in_which_this_process_stood_still() -> None:
    ear = hearing()
    ear.wait(60.0)
    ear.look()
    ear.now = ear.now.after(600.0)
    ear.listening.held_up(ear.now)
    ear.look()
    ear.wait(2.0)
    ear.lost()
    (missed,) = told(NotificationsMissed, ear.reopened())
    assert missed.since == after_s(60.0 - SILENCE_S)


def test_a_gap_takes_in_the_hours_in_which_the_machine_slept() -> None:
    ear = hearing()
    ear.wait(60.0)
    ear.look()
    ear.now = ear.now._replace(utc=ear.now.utc + timedelta(hours=8))
    ear.did(ear.listening.woke(ear.now))
    assert ear.number == 2
    (missed,) = told(NotificationsMissed, ear.reopened())
    assert missed.since == after_s(60.0 - SILENCE_S)


def test_a_wall_clock_that_was_set_back_does_not_turn_the_gap_round() -> None:
    ear = hearing()
    ear.now = ear.now._replace(utc=ear.now.utc - timedelta(hours=1))
    ear.lost()
    (missed,) = told(NotificationsMissed, ear.reopened())
    assert missed.since == missed.until == ear.now.utc


def test_a_gap_spans_links_and_is_told_once() -> None:
    ear = hearing()
    ear.lost()
    ear.end()
    ear.wait(10.0)
    ear.begin()
    ear.end()
    ear.wait(10.0)
    ear.begin()
    assert gaps(ear.reopened()) == [(BEGIN.utc, ear.now.utc)]
    first = ear.now
    ear.end()
    ear.begin()
    assert gaps(ear.reopened()) == [(first.utc, ear.now.utc)]


def test_a_subscription_that_ends_before_it_counted_leaves_one_gap() -> None:
    ear = hearing()
    ear.lost()
    ear.until_asked()
    ear.opened()
    ear.lost()
    assert gaps(ear.reopened()) == [(BEGIN.utc, ear.now.utc)]
    assert len(told(NotificationsMissed, ear.done)) == 1


@pytest.mark.parametrize("names", [("one", "one"), (None, None), ("one", None), (None, "one")])
def test_another_way_to_the_same_image_has_the_same_gap(names: tuple[str | None, str | None]) -> None:
    ear = Ear()
    ear.begin(image=names[0])
    ear.opened()
    ear.end()
    ear.wait(3.0)
    ear.begin(link=THERE, named="tcp://127.0.0.1:7000", image=names[1])
    assert gaps(ear.reopened()) == [(BEGIN.utc, ear.now.utc)]


def test_what_was_missed_until_the_user_leaves_is_told_then_and_the_rest_when_he_is_back() -> None:
    ear = Ear()
    ear.begin(image="one")
    ear.opened()
    ear.wait(0.5)
    ear.lost()
    ear.wait(0.5)
    assert gaps(ear.end(is_left=True)) == [(BEGIN.utc, ear.now.utc)]
    left = ear.now
    assert gaps(ear.begin(link=THERE, image="two")) == []
    ear.opened()
    ear.wait(5.0)
    assert gaps(ear.end(is_left=True)) == []
    ear.begin(image="one")
    assert gaps(ear.reopened()) == [(left.utc, ear.now.utc)]


def test_what_was_missed_of_an_image_whose_place_another_one_takes_is_told() -> None:
    ear = Ear()
    ear.begin(image="one")
    ear.opened()
    ear.wait(0.5)
    ear.end()
    ear.wait(1.0)
    assert gaps(ear.begin(image="two")) == [(BEGIN.utc, ear.now.utc)]
    assert gaps(ear.reopened()) == []


def test_an_image_that_was_never_heard_leaves_no_gap_when_it_is_left() -> None:
    ear = Ear()
    ear.begin(image="one")
    ear.lost(REFUSED)
    assert gaps(ear.end(is_left=True)) == []
    assert gaps(ear.begin(link=THERE, image="two")) == []


def test_another_image_has_no_gap_and_one_that_is_back_has_its_own() -> None:
    ear = Ear()
    ear.begin(image="one")
    ear.opened()
    ear.wait(1.0)
    ear.end(is_left=True)
    ear.begin(link=THERE, image="two")
    assert gaps(ear.reopened()) == []
    second = ear.now
    ear.wait(5.0)
    ear.end(is_left=True)
    ear.begin(image="one")
    assert gaps(ear.reopened()) == [(BEGIN.utc, ear.now.utc)]
    ear.end(is_left=True)
    ear.begin(link=THERE, image="two")
    (missed,) = told(NotificationsMissed, ear.reopened())
    assert missed.since == second.after(-NOTIFICATIONS_SETTLE_S).utc


def test_of_many_images_the_first_ones_are_forgotten() -> None:
    ear = Ear()
    for number in range(NOTIFICATIONS_KEPT_IMAGES + 3):
        ear.begin(image=f"{number}")
        ear.opened()
        ear.end()
    ear.begin(image="0")
    assert gaps(ear.reopened()) == []
    ear.end()
    ear.begin(image=f"{NOTIFICATIONS_KEPT_IMAGES}")
    assert len(gaps(ear.reopened())) == 1


def test_in_another_run_there_is_no_gap() -> None:
    ear = hearing()
    ear.end()
    ear.listening.begin_run()
    ear.begin()
    assert gaps(ear.reopened()) == []


# More than there is room for


def test_a_crowd_is_told_as_a_gap_once_it_is_over() -> None:
    ear = hearing()
    ear.wait(1.0)
    for _ in range(3):
        assert ear.did(ear.listening.crowded(ear.number, ear.now)) == []
        ear.wait(0.1)
    assert gaps(ear.done) == []
    ear.wait(CROWD_CALM_S)
    assert gaps(ear.done) == [(BEGIN.utc, after_s(1.2 + CROWD_CALM_S))]


def test_a_crowd_that_goes_on_is_told_again_and_again_without_a_hole() -> None:
    ear = hearing()
    for _ in range(100):
        ear.did(ear.listening.crowded(ear.number, ear.now))
        ear.wait(0.1)
    times = gaps(ear.done)
    assert len(times) == pytest.approx(10.0 / CROWD_MAX_S, abs=1)
    assert [since for since, _ in times] == [BEGIN.utc, *(until for _, until in times[:-1])]


def test_a_crowd_of_an_older_subscription_is_nothing() -> None:
    ear = hearing()
    ear.listening.crowded(ear.number - 1, ear.now)
    ear.wait(10.0)
    assert gaps(ear.done) == []


@pytest.mark.parametrize(("size", "count"), [(100, 0), (50_000, 1)])
def test_much_that_waited_while_this_process_stood_still_may_not_be_all(size: int, count: int) -> None:
    ear = hearing()
    ear.now = ear.now.after(10.0)
    ear.listening.held_up(ear.now)
    ear.published(b"errors", b'"' + b"x" * size + b'"')
    ear.wait(5.0)
    assert len(gaps(ear.done)) == count


def test_what_comes_quietly_for_hours_makes_no_gap() -> None:
    ear = hearing()
    ear.received_bytes = 500
    for number in range(1_000):
        ear.wait(7.0)
        ear.published(b"errors", b"%d" % number)
        ear.received_bytes += 60
    assert gaps(ear.done) == []


@pytest.mark.parametrize("kind", UNFINISHED)
def test_a_publisher_that_may_only_be_far_is_given_more_time_before_it_is_tried_rarely(kind: FailureKind) -> None:
    ear = Ear()
    ear.begin()
    slow, times = Failure(kind), []
    for _ in range(3):
        ear.until_asked()
        times.append(only(Subscribe, ear.done)[-1].timeout_s)
        ear.wait(times[-1])
        ear.lost(slow)
    ear.until_asked()
    assert (times, ear.number) == ([1.0, 2.0, 4.0], 4)
    assert told(Problem, ear.done) == []
    ear.wait(5.0)
    ear.lost(slow)
    assert [problem.code for problem in told(Problem, ear.done)] == ["notifications_unheard"]


def test_a_publisher_that_was_far_is_given_the_time_from_the_first_attempt_on() -> None:
    ear = Ear()
    ear.begin()
    ear.now = ear.now.after(0.9)
    ear.opened()
    ear.wait(60.0)
    ear.lost()
    ear.until_asked()
    assert only(Subscribe, ear.done)[-1].timeout_s == pytest.approx(1.8)


# Where it publishes, and what is wanted of it


def test_a_publisher_that_a_later_ping_names_is_followed_and_the_gap_is_told() -> None:
    ear = hearing()
    ear.wait(5.0)
    assert ear.named(PUBLISHER) == []
    (subscribed,) = only(Subscribe, ear.named("tcp://127.0.0.1:7000"))
    assert subscribed.endpoint == Endpoint.parse("tcp://127.0.0.1:7000")
    assert gaps(ear.reopened()) == [(BEGIN.utc, ear.now.utc)]
    assert not ear.listening.is_deaf


def test_a_publisher_that_is_named_later_for_the_first_time_is_heard_and_has_missed_nothing() -> None:
    ear = Ear()
    ear.begin(named=None)
    assert len(only(Subscribe, ear.named(PUBLISHER))) == 1
    assert gaps(ear.reopened()) == []


def test_a_ping_that_names_nobody_or_something_wrong_changes_nothing() -> None:
    ear = hearing()
    assert ear.named(None) == []
    assert len(told(Problem, ear.named("tcp://192.0.2.1:6000"))) == 1
    assert ear.named("tcp://192.0.2.1:6000") == []
    assert told(Notification, ear.published(b"errors", b"1")) != []


def test_where_the_profile_says_so_and_after_the_end_no_ping_is_followed() -> None:
    ear = hearing(profile=replace(PLAIN, notifications=PUBLISHER))
    assert ear.named("tcp://127.0.0.1:7000") == []
    ear.end()
    assert ear.named("tcp://127.0.0.1:7000") == []
    plain = hearing()
    plain.end()
    assert plain.named("tcp://127.0.0.1:7000") == []


def test_a_topic_is_a_whole_word() -> None:
    ear = hearing(profile=replace(PLAIN, topics=("trans", "errors")))
    for topic in (b"transcript", b"trans", b"errors-all", b"errors", b"tran"):
        ear.published(topic, b"1")
    assert [event.topic for event in told(Notification, ear.done)] == ["trans", "errors"]


def test_what_arrives_from_an_older_subscription_is_dropped() -> None:
    ear = hearing()
    ear.lost()
    ear.wait(0.5)
    assert ear.number == 2
    assert ear.opened(older=1) == ear.lost(older=1) == ear.published(b"errors", b"1", older=1) == []
    assert ear.published(b"errors", b"1") == []  # before it has opened
    ear.opened()
    assert ear.opened() == []


def test_after_the_end_nothing_is_heard_or_due() -> None:
    ear = hearing()
    assert ear.end() == [Unsubscribe(1)]
    assert ear.opened() == ear.published(b"errors", b"1") == ear.lost() == ear.end() == []
    assert ear.listening.next_deadline() == inf


def test_a_subscription_that_never_reports_is_given_up_and_tried_again() -> None:
    ear = Ear()
    ear.begin()
    assert ear.wait(1.0 + LINK_GRACE_S)[:1] == [Unsubscribe(1)]
    assert ear.lost() == []
    ear.wait(60.0)
    assert ear.number > 1


def test_a_publisher_that_is_away_for_longer_than_a_moment_makes_deaf() -> None:
    ear = hearing()
    ear.lost()
    ear.stay_refused(NOTIFICATIONS_GRACE_S - 0.01)
    assert not ear.listening.is_deaf
    ear.stay_refused(0.01)
    assert ear.listening.is_deaf
    ear.stay_refused(60.0)
    assert ear.listening.is_deaf
    ear.back()
    assert not ear.listening.is_deaf


def test_a_process_that_stood_still_looks_again_before_it_is_deaf() -> None:
    ear = hearing()
    ear.lost()
    ear.now = ear.now.after(600.0)
    ear.look()
    assert not ear.listening.is_deaf
    ear.opened()
    ear.wait(60.0)
    assert not ear.listening.is_deaf


def test_a_publisher_that_is_not_back_with_the_link_makes_deaf() -> None:
    ear = hearing()
    ear.end()
    ear.wait(60.0)
    ear.begin()
    assert not ear.listening.is_deaf
    ear.stay_refused(NOTIFICATIONS_GRACE_S)
    assert ear.listening.is_deaf
    ear.end()
    assert not ear.listening.is_deaf


def test_a_publisher_that_was_never_there_is_told_once_and_asked_rarely() -> None:
    ear = Ear()
    ear.begin()
    ear.lost(REFUSED)
    ear.stay_refused(3_600.0)
    assert not ear.listening.is_deaf
    (problem,) = told(Problem, ear.done)
    assert (problem.code, problem.message) == (
        "notifications_unheard",
        f"no notifications from {PUBLISHER}: nothing listens there",
    )
    assert 3_600 / NOTIFICATIONS_RETRY_MAX_S < ear.number < 5 * 3_600 / NOTIFICATIONS_RETRY_MAX_S


def test_of_a_publisher_that_appears_late_may_be_missed_what_came_since_nobody_was_there() -> None:
    ear = Ear()
    ear.begin()
    ear.lost(REFUSED)
    ear.stay_refused(600.0)
    before = ear.now
    (missed,) = told(NotificationsMissed, ear.back())
    assert before.after(-NOTIFICATIONS_RETRY_MAX_S).utc <= missed.since <= before.utc <= missed.until
    assert told(Notification, ear.published(b"errors", b"1")) == [Notification(at=ear.now.utc, topic="errors", body=1)]


def test_a_publisher_that_is_gone_for_long_is_tried_every_few_seconds() -> None:
    ear = hearing()
    ear.lost()
    ear.stay_refused(60.0)
    quick = ear.number
    ear.stay_refused(600.0)
    assert 100 < ear.number - quick < 600


def test_after_a_wake_or_a_change_of_the_network_nothing_is_waited_for() -> None:
    ear = hearing()
    ear.lost()
    ear.stay_refused(600.0)
    before = ear.number
    ear.lost(REFUSED)
    assert [one.number for one in only(Subscribe, ear.did(ear.listening.hurry(ear.now)))] == [before + 1]
    assert ear.listening.hurry(ear.now) == []  # it is under way


def test_only_health_that_lasts_makes_the_waits_short_again() -> None:
    def tries_after(healthy_s: float) -> int:
        ear = hearing()
        ear.lost()
        ear.stay_refused(120.0)
        ear.back()
        ear.wait(healthy_s)
        ear.lost()
        before = ear.number
        ear.stay_refused(20.0)
        return ear.number - before

    assert tries_after(1.0) < 20 < tries_after(10.0)


def test_what_cannot_be_read_is_told_at_the_first_and_counted_at_the_end() -> None:
    ear = hearing()
    ear.published(b"errors", b"[")
    ear.published(b"errors")
    ear.published(b"errors", b"1")
    ear.lost(Failure(FailureKind.RESET))
    ear.end()
    assert [(problem.code, problem.message) for problem in told(Problem, ear.done)] == [
        ("notification_malformed", "a notification was left out: not JSON at character 1"),
        ("notification_malformed", "2 notifications in all were left out"),
    ]
    assert len(told(Notification, ear.done)) == 1


def test_an_image_that_no_longer_says_where_it_publishes_is_told_of() -> None:
    ear = hearing()
    ear.end()
    (problem,) = told(Problem, ear.begin(named=None))
    assert problem.code == "notifications_unnamed"
    assert not ear.listening.is_deaf


# Whom a publisher has to be


@pytest.mark.parametrize(
    ("link", "named", "profile", "trust"),
    [
        ("tcp://127.0.0.1:5555", "tcp://localhost:6000", PLAIN, Trust(only_loopback=True)),
        ("ipc:///run/stui", "tcp://localhost:6000", PLAIN, Trust(only_loopback=True)),
        ("tcp://localhost:5555", "tcp://localhost:6000", PLAIN, Trust()),
        ("tcp://127.0.0.1:5555", None, replace(PLAIN, notifications="tcp://localhost:6000"), Trust()),
        ("ipc:///run/stui", "ipc:///run/published", replace(PLAIN, ipc_owner="stui"), Trust(ipc_owner="stui")),
        ("tcp://127.0.0.1:5555", "ipc:///run/published", replace(PLAIN, ipc_owner="stui"), Trust(ipc_owner="stui")),
        ("tcp://localhost:5555", "ipc:///run/published", PLAIN, Trust(only_loopback=True)),
        ("tcp://127.0.0.1:5555", PUBLISHER, replace(PLAIN, ipc_owner="stui"), Trust()),
    ],
)
def test_a_name_of_the_image_s_leads_to_its_machine_and_a_socket_is_its_owner_s(
    link: str, named: str | None, profile: Profile, trust: Trust
) -> None:
    (subscribed,) = Ear().begin(Endpoint.parse(link), named, profile)
    assert isinstance(subscribed, Subscribe)
    assert subscribed.trust == trust


def test_a_name_that_leads_elsewhere_is_told_once_and_tried_again() -> None:
    ear = Ear()
    ear.begin(named="tcp://localhost:6000")
    elsewhere = Failure(FailureKind.TOKEN_IN_CLEAR, "localhost leads to 192.0.2.1 here")
    assert ear.lost(elsewhere) == []
    ear.wait(1.5)
    (told,) = ear.lost(elsewhere)
    assert isinstance(told, Announce)
    assert isinstance(told.event, Problem)
    assert told.event.message == (
        "no notifications from tcp://localhost:6000: the host cannot be reached (localhost leads to 192.0.2.1 here)"
    )
