"""One subscription beside one link after the other, on virtual time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from stui_supervisor.config import (
    LINK_GRACE_S,
    NOTIFICATIONS_GRACE_S,
    NOTIFICATIONS_HEARTBEAT_INTERVAL_S,
    NOTIFICATIONS_HEARTBEAT_TIMEOUT_S,
    NOTIFICATIONS_RETRY_MAX_S,
    Settings,
)
from stui_supervisor.effects import Announce, Effect, Subscribe, Unsubscribe
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.events import Notification, NotificationsMissed, Problem
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.listening import Listening
from stui_supervisor.profile import Profile
from stui_supervisor.trust import Trust
from tests.support.core_world import BEGIN, HERE, REFUSED, RESET, THERE, only, told

PUBLISHER = "tcp://127.0.0.1:6000"
PLAIN = Profile(name="default")
SILENCE_S = NOTIFICATIONS_HEARTBEAT_INTERVAL_S + NOTIFICATIONS_HEARTBEAT_TIMEOUT_S


class Ear:
    """A Listening and the moment it lives in; ``done`` are its effects so far."""

    def __init__(self, seed: int = 0) -> None:
        self.now = BEGIN
        self.listening = Listening(Settings(), Random(seed))  # noqa: S311  # jitter
        self.done: list[Effect] = []

    def begin(self, link: Endpoint = HERE, named: object = PUBLISHER, profile: Profile = PLAIN) -> list[Effect]:
        return self.did(self.listening.begin(link, named, profile, self.now))

    def end(self) -> list[Effect]:
        return self.did(self.listening.end(self.now))

    def opened(self, *, older: int = 0) -> list[Effect]:
        return self.did(self.listening.opened(self.number - older, self.now))

    def published(self, *frames: bytes, older: int = 0) -> list[Effect]:
        return self.did(self.listening.published(self.number - older, frames, self.now))

    def lost(self, failure: Failure = RESET, *, older: int = 0) -> list[Effect]:
        return self.did(self.listening.lost(self.number - older, failure, self.now))

    def wait(self, seconds: float) -> list[Effect]:
        """Let time pass; each deadline on the way is met exactly."""
        effects: list[Effect] = []
        end = self.now.after(seconds)
        while (due := self.listening.next_deadline()) is not None and due <= end.monotonic_s:
            self.now = self.now.after(max(0.0, due - self.now.monotonic_s))
            effects += self.did(self.listening.time_passed(self.now))
        self.now = end
        return effects

    def stay_refused(self, seconds: float) -> list[Effect]:
        """Let time pass while nobody publishes."""
        effects, end = [], self.now.after(seconds)
        while (due := self.listening.next_deadline()) is not None and due <= end.monotonic_s:
            effects += self.wait(max(0.0, due - self.now.monotonic_s))
            effects += self.lost(REFUSED)
        return effects + self.wait(max(0.0, end.monotonic_s - self.now.monotonic_s))

    def look(self) -> None:
        """The core looks around, as it does every few seconds."""
        self.did(self.listening.time_passed(self.now))

    def back(self) -> list[Effect]:
        """The publisher is there for the next attempt."""
        effects: list[Effect] = []
        while not only(Subscribe, effects):
            due = self.listening.next_deadline()
            assert due is not None
            effects = self.wait(max(0.0, due - self.now.monotonic_s))
        return self.opened()

    @property
    def number(self) -> int:
        return only(Subscribe, self.done)[-1].number

    def did(self, effects: list[Effect]) -> list[Effect]:
        self.done += effects
        return effects


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
    assert ear.listening.next_deadline() is None
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


def test_a_gap_begins_at_the_last_message_and_ends_with_the_new_handshake() -> None:
    ear = hearing()
    ear.wait(5.0)
    ear.published(b"errors", b"1")
    ear.wait(1.0)
    ear.lost()
    ear.wait(0.5)
    assert told(NotificationsMissed, ear.opened()) == [
        NotificationsMissed(at=after_s(6.5), since=after_s(5.0), until=after_s(6.5))
    ]
    ear.published(b"errors", b"2")
    assert len(told(NotificationsMissed, ear.done)) == 1


def test_a_gap_begins_no_earlier_than_the_heartbeats_would_have_told() -> None:
    ear = hearing()
    ear.wait(3_600.0)
    ear.look()
    ear.wait(1.0)
    ear.lost()
    ear.wait(0.5)
    (missed,) = told(NotificationsMissed, ear.opened())
    assert missed.since == after_s(3_600.0 - SILENCE_S)


def test_a_gap_takes_in_the_time_in_which_this_process_stood_still() -> None:
    ear = hearing()
    ear.wait(60.0)
    ear.look()
    ear.now = ear.now.after(600.0)
    ear.lost()
    ear.wait(0.5)
    (missed,) = told(NotificationsMissed, ear.opened())
    assert missed.since == after_s(60.0 - SILENCE_S)


def test_a_gap_takes_in_the_hours_in_which_the_machine_slept() -> None:
    ear = hearing()
    ear.wait(60.0)
    ear.look()
    ear.now = ear.now._replace(utc=ear.now.utc + timedelta(hours=8))
    ear.lost()
    ear.wait(0.5)
    (missed,) = told(NotificationsMissed, ear.opened())
    assert missed.since == after_s(60.0 - SILENCE_S)


def test_a_wall_clock_that_was_set_back_does_not_turn_the_gap_round() -> None:
    ear = hearing()
    ear.now = ear.now._replace(utc=ear.now.utc - timedelta(hours=1))
    ear.lost()
    ear.wait(0.5)
    (missed,) = told(NotificationsMissed, ear.opened())
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
    assert told(NotificationsMissed, ear.opened()) == [
        NotificationsMissed(at=after_s(20.0), since=BEGIN.utc, until=after_s(20.0))
    ]
    ear.end()
    ear.begin()
    assert len(told(NotificationsMissed, ear.opened())) == 1


def test_at_another_endpoint_or_in_another_run_there_is_no_gap() -> None:
    ear = hearing()
    ear.end()
    ear.begin(link=THERE)
    ear.opened()
    ear.end()
    ear.listening.begin_run()
    ear.begin(link=THERE)
    ear.opened()
    assert told(NotificationsMissed, ear.done) == []


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
    assert ear.listening.next_deadline() is None


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
        f"nobody publishes at {PUBLISHER}: nothing listens there",
    )
    assert 3_600 / NOTIFICATIONS_RETRY_MAX_S < ear.number < 5 * 3_600 / NOTIFICATIONS_RETRY_MAX_S


def test_a_publisher_that_appears_late_is_heard_and_has_missed_nothing() -> None:
    ear = Ear()
    ear.begin()
    ear.lost(REFUSED)
    ear.stay_refused(600.0)
    assert told(NotificationsMissed, ear.back()) == []
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
        "nobody publishes at tcp://localhost:6000: the host cannot be reached (localhost leads to 192.0.2.1 here)"
    )
