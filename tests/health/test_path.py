"""What the kernel's view of a connection means."""

from __future__ import annotations

import pytest

from stui_supervisor.config import DEFAULTS, UPLOAD_MIN_BYTES_PER_S, Settings
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.health.heartbeats import Heartbeats
from stui_supervisor.health.path import PathVerdict, PathWatch, heartbeat_timeout_s
from stui_supervisor.health.sample import LivenessSource, PathSample, source_of
from stui_supervisor.requests.request import Flight, Purpose

LOOK_S = DEFAULTS.path_look_s
LIMIT_S = 10.0


def sample(
    received_ago_s: float, *, acked_ago_s: float = 0.0, received: int = 0, acked: int = 0, owed: bool = False
) -> PathSample:
    return PathSample(received_ago_s, acked_ago_s, received, acked, owed)


class Connection:
    """A watch that is asked when it wants to be."""

    def __init__(self, *, lives_in_silence: bool = False) -> None:
        self.now = 0.0
        self.flight = Flight((b"t",), self.now, Purpose.REQUEST, None)
        self.watch = PathWatch(DEFAULTS, self.now, lives_in_silence=lives_in_silence)

    def sees(self, look: PathSample, *, is_quiet: bool = True, is_up: bool = True) -> PathVerdict:
        self.now = self.watch.next_look()
        self.watch.asked(self.now, None if is_quiet else self.flight, is_up=is_up)
        return self.watch.judge(look, self.now)

    def with_heartbeats(self) -> Connection:
        for received in (91, 100, 109):
            assert self.sees(sample(0.5, received=received)) is PathVerdict.ALIVE
        assert self.watch.heartbeats is Heartbeats.HEARD
        return self


@pytest.mark.parametrize(
    ("age", "next_look"), [(0.5, DEFAULTS.heartbeat_interval_s), (1.5, DEFAULTS.silent_after_s - 1.5), (2.0, LOOK_S)]
)
def test_a_connection_in_use_is_looked_at_with_each_heartbeat_and_when_silence_begins_to_count(
    age: float, next_look: float
) -> None:
    connection = Connection().with_heartbeats()
    connection.sees(sample(age, received=109), is_quiet=False)
    assert connection.watch.next_look() == pytest.approx(connection.now + next_look)


@pytest.mark.parametrize(("age", "next_look"), [(0.1, 2.0), (0.5, 1.6), (1.5, 0.6), (2.0, LOOK_S)])
def test_an_idle_connection_is_looked_at_when_silence_has_begun_to_count_which_is_once_for_two_heartbeats(
    age: float, next_look: float
) -> None:
    connection = Connection().with_heartbeats()
    connection.sees(sample(age, received=109))
    assert connection.watch.next_look() == pytest.approx(connection.now + next_look)


def test_a_connection_is_looked_at_often_until_its_first_heartbeat_was_seen() -> None:
    connection = Connection()
    connection.sees(sample(0.5))
    assert connection.watch.next_look() == LOOK_S


def test_a_frozen_process_is_silent_and_then_given_up_although_its_kernel_acknowledges() -> None:
    connection = Connection().with_heartbeats()
    verdicts = [connection.sees(sample(age, received=109)) for age in (1.9, 2.0, 2.9, 3.0)]
    assert verdicts == [PathVerdict.ALIVE, PathVerdict.SILENT, PathVerdict.SILENT, PathVerdict.FROZEN]


def test_a_path_that_drops_everything_is_dead_when_neither_bytes_nor_acknowledgements_come() -> None:
    connection = Connection().with_heartbeats()
    since = connection.now - 0.5
    verdicts = []
    while PathVerdict.DEAD not in verdicts and connection.now - since < LIMIT_S:
        age = connection.watch.next_look() - since
        verdicts.append(connection.sees(sample(age, acked_ago_s=age, received=109, owed=True)))
    assert connection.now <= DEFAULTS.dead_after_s + LOOK_S  # the acknowledgements ended at 0
    assert list(dict.fromkeys(verdicts)) == [PathVerdict.SILENT, PathVerdict.DEAD]


def test_the_acknowledgement_of_a_heartbeat_is_no_news_of_a_silent_process() -> None:
    connection = Connection().with_heartbeats()
    assert connection.sees(sample(2.0, received=109, acked=9)) is PathVerdict.SILENT
    assert connection.sees(sample(2.2, received=109, acked=18, owed=True)) is PathVerdict.UNDECIDED
    assert connection.sees(sample(0.1, received=118, acked=18, owed=True)) is PathVerdict.ALIVE


def test_a_ping_with_a_long_token_is_no_large_message() -> None:
    connection = Connection().with_heartbeats()
    connection.sees(sample(2.8, received=109, owed=True))
    connection.sees(sample(3.0, received=109, acked=2_000, owed=True))
    assert connection.sees(sample(3.2, received=109, acked=2_000)) is PathVerdict.FROZEN


@pytest.mark.parametrize(("is_quiet", "more_s"), [(False, 0.0), (True, DEFAULTS.silent_after_s)])
def test_acknowledgements_that_are_only_repeated_keep_no_path_alive(is_quiet: bool, more_s: float) -> None:
    """Of an idle link, which is looked at more rarely, the last of them may seem new at one look."""
    connection = Connection().with_heartbeats()
    connection.sees(sample(0.5, received=109), is_quiet=is_quiet)
    began = connection.now
    verdict = PathVerdict.ALIVE
    while verdict is not PathVerdict.DEAD and connection.now < LIMIT_S:
        age = connection.watch.next_look() - began
        verdict = connection.sees(sample(age, acked_ago_s=0.1, received=109, acked=9, owed=True), is_quiet=is_quiet)
    assert connection.now - began <= DEFAULTS.dead_after_s + 2 * LOOK_S + more_s


def test_a_large_message_of_ours_on_a_slow_line_is_alive_as_long_as_it_is_acknowledged() -> None:
    connection = Connection().with_heartbeats()
    for step in range(1, 60):
        uploading = sample(step * 0.25, acked_ago_s=0.01, received=109, acked=1_000 * step, owed=True)
        assert connection.sees(uploading) is PathVerdict.ALIVE


def test_the_end_of_a_large_message_of_ours_is_not_the_end_of_the_peer() -> None:
    connection = Connection().with_heartbeats()
    for step in range(1, 60):
        connection.sees(sample(step * 0.25, acked_ago_s=0.01, received=109, acked=1_000 * step, owed=True))
    assert connection.sees(sample(15.0, acked_ago_s=0.01, received=109, acked=59_300)) is PathVerdict.ALIVE
    verdicts = [connection.sees(sample(15.0 + step * LOOK_S, received=109, acked=59_300)) for step in range(1, 16)]
    later = [verdict for verdict in verdicts if verdict is not PathVerdict.ALIVE]
    assert later == [*[PathVerdict.SILENT] * 5, PathVerdict.FROZEN]


def test_what_a_tunnel_has_acknowledged_and_has_yet_to_hand_on_is_waited_for_until_there_is_a_reply() -> None:
    connection = Connection().with_heartbeats()
    connection.flight = Flight((b"t",), connection.now, Purpose.PUSH, None, size=1_000_000)
    took = 1_000_000 / UPLOAD_MIN_BYTES_PER_S
    verdicts = [connection.sees(sample(age, received=109, acked=9), is_quiet=False) for age in (3.0, took)]
    assert verdicts == [PathVerdict.ALIVE, PathVerdict.ALIVE]
    assert connection.sees(sample(took, received=109, acked=9)) is PathVerdict.FROZEN


def test_a_peer_that_answers_heartbeats_behind_a_large_message_has_got_it() -> None:
    connection = Connection().with_heartbeats()
    connection.flight = Flight((b"t",), connection.now, Purpose.REQUEST, None, size=9_000_000)
    for received in (118, 127):
        assert connection.sees(sample(0.1, received=received), is_quiet=False) is PathVerdict.ALIVE
    assert connection.sees(sample(3.0, received=127), is_quiet=False) is PathVerdict.FROZEN


def test_a_peer_that_takes_no_more_for_now_is_silent_and_not_given_up() -> None:
    connection = Connection().with_heartbeats()
    since, verdicts, age = connection.now, [], 0.0
    while age < LIMIT_S:
        age = connection.watch.next_look() - since
        look = PathSample(age, age, 109, 0, has_outstanding=True, is_held_back=True)
        verdicts.append(connection.sees(look))
    assert set(verdicts[-20:]) == {PathVerdict.SILENT}
    assert connection.sees(look._replace(is_held_back=False)) is PathVerdict.DEAD


def test_an_acknowledgement_that_comes_while_nobody_looks_counts_from_when_it_came() -> None:
    connection = Connection()
    connection.sees(sample(9.0, received=91, owed=True))
    connection.watch.look_by(connection.now)
    connection.watch._due += 13.0  # nobody looks while this process stands still
    assert connection.sees(sample(22.0, acked_ago_s=0.2, received=91, acked=18, owed=True)) is PathVerdict.UNDECIDED


def test_a_large_reply_on_a_slow_line_is_alive() -> None:
    connection = Connection().with_heartbeats()
    for step in range(1, 60):
        assert connection.sees(sample(0.02, received=109 + 50_000 * step)) is PathVerdict.ALIVE


def test_a_peer_that_was_never_heard_is_asked_and_then_judged_as_if_it_had_heartbeats() -> None:
    connection = Connection()
    verdicts = [connection.sees(sample(1.3 + step * LOOK_S, received=500)) for step in range(10)]
    alive, unheard, silent, frozen = PathVerdict.ALIVE, PathVerdict.UNHEARD, PathVerdict.SILENT, PathVerdict.FROZEN
    assert verdicts == [alive, unheard, alive, alive, *[silent] * 5, frozen]


def test_a_peer_whose_silence_is_noticed_late_has_as_long_to_answer_a_knock_as_any_other() -> None:
    connection = Connection()
    assert connection.sees(sample(10.0, received=500)) is PathVerdict.UNHEARD
    verdicts = [connection.sees(sample(10.0 + step * LOOK_S, received=500)) for step in range(1, 8)]
    assert verdicts[-2:] == [PathVerdict.SILENT, PathVerdict.FROZEN]


@pytest.mark.parametrize("phase", range(5))
def test_a_heartbeat_of_ours_that_is_not_acknowledged_yet_does_not_begin_the_wait_for_a_greeting_anew(
    phase: int,
) -> None:
    connection = Connection()
    verdicts = [connection.sees(sample(step * LOOK_S, received=500, owed=step % 5 == phase)) for step in range(18)]
    assert PathVerdict.FROZEN in verdicts


def test_one_silence_is_knocked_at_once() -> None:
    connection = Connection()
    verdicts = [connection.sees(sample(1.3 + step * LOOK_S, received=500, owed=step == 8)) for step in range(10)]
    assert (verdicts.count(PathVerdict.UNHEARD), verdicts[-2:]) == (1, [PathVerdict.UNDECIDED, PathVerdict.FROZEN])


def test_each_silence_is_knocked_at() -> None:
    connection = Connection()
    ages = [1.5, *(step * LOOK_S for step in range(9))]
    verdicts = [connection.sees(sample(age, received=500), is_quiet=False) for age in ages]
    assert verdicts.count(PathVerdict.UNHEARD) == 2


def test_a_peer_that_greets_when_its_first_heartbeat_is_late_has_none() -> None:
    connection = Connection()
    connection.sees(sample(1.5, received=500))
    connection.watch.greeted()
    for age in (1.7, 3.0, 60.0):
        assert connection.sees(sample(age, received=500), is_quiet=False) is PathVerdict.ALIVE


def test_an_image_that_is_busy_during_the_handshake_may_be_one_without_heartbeats() -> None:
    connection = Connection()
    for age in (1.5, 3.0, 60.0):
        assert connection.sees(sample(age, received=500), is_up=False) is PathVerdict.ALIVE


def test_a_peer_that_answers_when_its_first_heartbeat_is_late_has_none() -> None:
    connection = Connection()
    connection.sees(sample(1.5, received=500))
    connection.watch.replied()
    for age in (0.1, 5.0, 60.0):
        assert connection.sees(sample(age, received=524)) is PathVerdict.ALIVE


def test_a_heartbeat_that_was_only_late_counts() -> None:
    connection = Connection(lives_in_silence=True)
    for received in (500, 509, 518):
        connection.sees(sample(0.1, received=received))
    assert connection.watch.heartbeats is Heartbeats.HEARD


def test_a_peer_without_heartbeats_may_say_nothing_for_as_long_as_it_likes() -> None:
    connection = Connection(lives_in_silence=True)
    connection.sees(sample(0.1, received=500))
    for age in (5.0, 60.0, 3_600.0):
        assert connection.sees(sample(age, received=500)) is PathVerdict.ALIVE


def test_a_look_without_an_answer_is_followed_by_another() -> None:
    watch = PathWatch(DEFAULTS, 10.0)
    watch.asked(10.0, None, is_up=True)
    assert watch.next_look() == 10.0 + LOOK_S


@pytest.mark.parametrize(("look", "source"), [(None, LivenessSource.HEARTBEAT), (sample(0.1), LivenessSource.KERNEL)])
def test_the_kernel_is_the_source_where_it_shows_something(look: PathSample | None, source: LivenessSource) -> None:
    assert source_of(look) is source


@pytest.mark.parametrize(
    ("endpoint", "settings", "timeout_s"),
    [
        ("tcp://127.0.0.1:5555", DEFAULTS, DEFAULTS.heartbeat_timeout_s),
        ("tcp://192.0.2.1:5555", DEFAULTS, DEFAULTS.heartbeat_timeout_s),
        ("ipc:///tmp/stui", DEFAULTS, 2.0),
        ("ipc:///tmp/stui", Settings(heartbeat_interval_s=4.0, silent_after_s=5.0, dead_after_s=6.0), 4.0),
    ],
)
def test_only_a_link_within_the_machine_is_ended_early_by_its_heartbeats(
    endpoint: str, settings: Settings, timeout_s: float
) -> None:
    assert heartbeat_timeout_s(Endpoint.parse(endpoint), settings) == timeout_s


def test_silence_counts_anew_after_a_sleep() -> None:
    connection = Connection().with_heartbeats()
    silent_since, woken = connection.now, connection.now + 1.9
    connection.watch.woke(woken)
    found: dict[PathVerdict, float] = {}
    while connection.now < woken + 3.0:
        verdict = connection.sees(sample(connection.watch.next_look() - silent_since, received=109))
        found[verdict] = found.get(verdict, connection.now - woken)
    assert list(found) == [PathVerdict.ALIVE, PathVerdict.UNDECIDED, PathVerdict.SILENT, PathVerdict.FROZEN]
    assert found[PathVerdict.SILENT] == pytest.approx(2.0, abs=LOOK_S)
    assert found[PathVerdict.FROZEN] == pytest.approx(3.0, abs=LOOK_S)


def test_a_look_that_there_is_a_reason_for_is_made_at_once() -> None:
    connection = Connection()
    connection.sees(sample(0.5))
    connection.watch.look_by(connection.now + 0.1)
    assert connection.watch.next_look() == connection.now + 0.1
