from __future__ import annotations

from math import inf

import pytest

from stui_supervisor.link.phase import Phase
from stui_supervisor.link.roaming import Answer, Remedy, Roaming

NOTHING = Answer(Remedy.NOTHING, has_woken=False)
PROBE = Answer(Remedy.PROBE, has_woken=False)
REDIAL = Answer(Remedy.REDIAL, has_woken=False)


def disturbed(link: int = 1, now: float = 10.0, *, woke: bool = False) -> Roaming:
    roaming = Roaming()
    if woke:
        roaming.woke(link)
    roaming.disturbed(link, now)
    return roaming


def test_nothing_is_to_be_done_without_a_disturbance() -> None:
    assert Roaming().next_deadline() == inf
    assert Roaming().take_remedy(1, Phase.UP, 1e9) is None


def test_a_disturbance_is_answered_at_once_and_once() -> None:
    roaming = disturbed()
    assert roaming.next_deadline() == 10.0
    assert [roaming.take_remedy(1, Phase.UP, 10.0), roaming.take_remedy(1, Phase.UP, 20.0)] == [PROBE, None]


def test_further_ones_wait_and_are_answered_once() -> None:
    roaming = disturbed()
    roaming.take_remedy(1, Phase.UP, 10.0)
    for tenth in range(1, 10):
        roaming.disturbed(1, 10.0 + tenth / 10)
        assert roaming.next_deadline() == 11.0
        assert roaming.take_remedy(1, Phase.UP, 10.0 + tenth / 10) is None
    assert [roaming.take_remedy(1, Phase.UP, 11.0), roaming.take_remedy(1, Phase.UP, 12.0)] == [PROBE, None]


def test_after_a_pause_it_is_answered_at_once_again() -> None:
    roaming = disturbed()
    roaming.take_remedy(1, Phase.UP, 10.0)
    roaming.disturbed(1, 60.0)
    assert roaming.take_remedy(1, Phase.UP, 60.0) == PROBE


def test_where_no_link_is_wanted_there_is_nothing_to_do() -> None:
    roaming = disturbed()
    roaming.forget()
    assert roaming.next_deadline() == inf
    assert roaming.take_remedy(1, Phase.UP, 10.0) is None


def test_what_was_begun_later_was_begun_on_the_new_grounds() -> None:
    assert disturbed(1).take_remedy(2, Phase.UP, 10.0) is None


@pytest.mark.parametrize(
    ("phase", "changed", "woken"),
    [
        (Phase.WAITING, Remedy.REDIAL, Remedy.REDIAL),
        (Phase.LOOKING, Remedy.REDIAL, Remedy.REDIAL),
        (Phase.OPENING, Remedy.REDIAL, Remedy.REDIAL),
        (Phase.HANDSHAKE, Remedy.NOTHING, Remedy.REDIAL),
        (Phase.SWITCHING, Remedy.NOTHING, Remedy.REDIAL),
        (Phase.UP, Remedy.PROBE, Remedy.PROBE),
        *((phase, Remedy.NOTHING, Remedy.NOTHING) for phase in (Phase.IDLE, Phase.LOADING, Phase.PROFILE)),
        (Phase.CREDENTIAL, Remedy.NOTHING, Remedy.NOTHING),
    ],
)
def test_what_is_done_depends_on_the_phase_and_on_sleep(phase: Phase, changed: Remedy, woken: Remedy) -> None:
    assert disturbed().take_remedy(1, phase, 10.0) == Answer(changed, has_woken=False)
    assert disturbed(woke=True).take_remedy(1, phase, 10.0) == Answer(woken, has_woken=True)


def test_an_attempt_that_was_begun_for_a_change_comes_to_its_end_but_sleep_ends_it() -> None:
    roaming = disturbed()
    assert roaming.take_remedy(1, Phase.OPENING, 10.0) == REDIAL
    roaming.redialled(2)
    roaming.disturbed(2, 20.0)
    assert roaming.take_remedy(2, Phase.OPENING, 20.0) == NOTHING
    roaming.woke(2)
    roaming.disturbed(2, 30.0)
    assert roaming.take_remedy(2, Phase.OPENING, 30.0) == Answer(Remedy.REDIAL, has_woken=True)
