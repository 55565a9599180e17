from __future__ import annotations

from stui_supervisor.core.pace import Pace


def test_what_is_wanted_is_done_at_once() -> None:
    pace = Pace(1.0)
    assert not pace.take(10.0)
    pace.want(10.0)
    assert (pace.next_deadline(), pace.take(10.0), pace.next_deadline()) == (10.0, True, None)


def test_what_is_wanted_again_too_soon_waits_and_is_done_once() -> None:
    pace = Pace(1.0)
    pace.want(10.0)
    pace.take(10.0)
    for tenth in range(1, 10):
        pace.want(10.0 + tenth / 10)
        assert (pace.next_deadline(), pace.take(10.0 + tenth / 10)) == (11.0, False)
    assert [pace.take(11.0), pace.take(12.0)] == [True, False]


def test_after_a_pause_it_is_done_at_once_again() -> None:
    pace = Pace(1.0)
    pace.want(10.0)
    pace.take(10.0)
    pace.want(60.0)
    assert pace.take(60.0)


def test_what_is_forgotten_is_not_done() -> None:
    pace = Pace(1.0)
    pace.want(10.0)
    pace.forget()
    assert (pace.next_deadline(), pace.take(10.0)) == (None, False)
