"""What the kernel's view of a connection means."""

from __future__ import annotations

import pytest

from stui_supervisor.config import DEFAULTS
from stui_supervisor.path import PathSample, PathVerdict, PathWatch

LOOK_S = DEFAULTS.path_look_s


def sample(
    received_ago_s: float, *, acked_ago_s: float = 0.0, received: int = 0, acked: int = 0, owed: bool = False
) -> PathSample:
    return PathSample(received_ago_s, acked_ago_s, received, acked, owed)


class Connection:
    """A watch that is asked when it wants to be."""

    def __init__(self) -> None:
        self.now = 0.0
        self.watch = PathWatch(DEFAULTS, self.now)

    def sees(self, look: PathSample, *, late_s: float = 0.0, heard_at: float = -1.0) -> PathVerdict:
        self.now = self.watch.next_look() + late_s
        self.watch.asked(self.now)
        return self.watch.judge(look, self.now, heard_at=heard_at)

    def with_heartbeats(self) -> Connection:
        assert self.sees(sample(0.0, received=100)) is PathVerdict.ALIVE
        assert self.sees(sample(0.5, received=109)) is PathVerdict.ALIVE
        assert self.sees(sample(1.0, received=109)) is PathVerdict.ALIVE
        return self


def test_a_healthy_connection_is_looked_at_only_when_silence_would_begin_to_count() -> None:
    connection = Connection()
    connection.sees(sample(0.5))
    assert connection.watch.next_look() == DEFAULTS.silent_after_s - 0.5


def test_a_frozen_process_is_silent_and_then_given_up_although_its_kernel_acknowledges() -> None:
    connection = Connection().with_heartbeats()
    verdicts = [connection.sees(sample(age, received=109)) for age in (1.9, 2.0, 2.9, 3.0)]
    assert verdicts == [PathVerdict.ALIVE, PathVerdict.SILENT, PathVerdict.SILENT, PathVerdict.FROZEN]


def test_a_path_that_drops_everything_is_dead_when_neither_bytes_nor_acknowledgements_come() -> None:
    connection = Connection().with_heartbeats()
    ages = [2.0, 2.5, 3.0]
    verdicts = []
    for age in ages:
        connection.now = connection.watch.next_look()
        verdicts.append(connection.sees(sample(age, acked_ago_s=age, received=109, owed=True)))
    assert verdicts[-1] is PathVerdict.DEAD
    assert PathVerdict.ALIVE not in verdicts[1:]


def test_a_large_message_of_ours_on_a_slow_line_is_alive_as_long_as_it_is_acknowledged() -> None:
    connection = Connection().with_heartbeats()
    for step in range(1, 60):
        uploading = sample(step * 0.25, acked_ago_s=0.01, received=109, acked=1_000 * step, owed=True)
        assert connection.sees(uploading) is PathVerdict.ALIVE


def test_the_end_of_a_large_message_of_ours_is_not_the_end_of_the_peer() -> None:
    connection = Connection().with_heartbeats()
    for step in range(1, 60):
        connection.sees(sample(step * 0.25, acked_ago_s=0.01, received=109, acked=1_000 * step, owed=True))
    assert connection.sees(sample(15.0, acked_ago_s=0.01, received=109, acked=59_020)) is PathVerdict.ALIVE
    verdicts = [connection.sees(sample(15.0 + step * LOOK_S, received=109, acked=59_020)) for step in range(1, 15)]
    assert [verdict for verdict in verdicts if verdict is not PathVerdict.ALIVE] == [
        *[PathVerdict.SILENT] * 5,
        PathVerdict.FROZEN,
    ]


def test_a_reply_that_the_loop_has_not_heard_of_yet_is_not_taken_for_a_heartbeat() -> None:
    connection = Connection()
    connection.sees(sample(0.1, received=500))
    connection.sees(sample(0.1, received=620))
    connection.sees(sample(2.0, received=620), heard_at=connection.now + 0.01)
    assert connection.sees(sample(9.0, received=620), heard_at=connection.now) is PathVerdict.ALIVE


def test_a_large_reply_on_a_slow_line_is_alive() -> None:
    connection = Connection().with_heartbeats()
    for step in range(1, 60):
        assert connection.sees(sample(0.02, received=109 + 50_000 * step)) is PathVerdict.ALIVE


def test_a_peer_without_heartbeats_may_say_nothing_for_as_long_as_it_likes() -> None:
    connection = Connection()
    connection.sees(sample(0.1, received=500))
    for age in (5.0, 60.0, 3_600.0):
        assert connection.sees(sample(age, received=500)) is PathVerdict.ALIVE


def test_the_greetings_of_a_new_connection_are_not_taken_for_heartbeats() -> None:
    connection = Connection()
    connection.sees(sample(0.0, received=91))
    assert connection.sees(sample(9.0, received=91)) is PathVerdict.ALIVE


def test_a_reply_is_not_taken_for_a_heartbeat() -> None:
    connection = Connection()
    connection.sees(sample(0.1, received=500))
    heard_at = connection.watch.next_look()
    connection.sees(sample(0.1, received=620), heard_at=heard_at)
    for age in (2.0, 9.0):
        assert connection.sees(sample(age, received=620), heard_at=heard_at) is PathVerdict.ALIVE


@pytest.mark.parametrize("stalled_s", [0.6, 10.0, 28_800.0])
def test_a_process_that_stood_still_itself_judges_nothing_and_looks_again(stalled_s: float) -> None:
    connection = Connection().with_heartbeats()
    assert connection.sees(sample(stalled_s + 2.0, received=109), late_s=stalled_s) is PathVerdict.ALIVE
    assert connection.watch.next_look() == pytest.approx(connection.now + DEFAULTS.heartbeat_interval_s + LOOK_S)


def test_a_look_that_somebody_hastens_judges_no_sooner_after_a_stall() -> None:
    connection = Connection().with_heartbeats()
    connection.sees(sample(10.0, received=109), late_s=10.0)
    connection.watch.look_by(connection.now)
    assert connection.sees(sample(10.0, received=109, owed=True)) is PathVerdict.ALIVE
    assert connection.watch.next_look() == pytest.approx(connection.now + DEFAULTS.heartbeat_interval_s + LOOK_S)


def test_a_look_without_an_answer_is_followed_by_another() -> None:
    watch = PathWatch(DEFAULTS, 10.0)
    watch.asked(10.0)
    assert watch.next_look() == 10.0 + LOOK_S


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


def test_a_look_that_is_overdue_stays_so_and_judges_nothing() -> None:
    connection = Connection().with_heartbeats()
    woken = connection.watch.next_look() + 10.0
    connection.watch.look_by(woken)
    connection.watch.asked(woken)
    assert connection.watch.judge(sample(11.0, received=109), woken, heard_at=-1.0) is PathVerdict.ALIVE
