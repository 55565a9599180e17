from __future__ import annotations

from datetime import UTC, datetime
from math import inf

import pytest

from stui_supervisor.config import Settings
from stui_supervisor.core.attempt import Attempt
from stui_supervisor.link.phase import PHASES, Phase
from stui_supervisor.moment import Moment
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.peer.process import Who
from stui_supervisor.security.secret import Secret
from tests.support.core.places import PLACES, at
from tests.support.core.world import HERE, THERE

WITH_LINK = {Phase.OPENING, Phase.HANDSHAKE, Phase.SWITCHING, Phase.UP}


@pytest.mark.parametrize("phase", list(Phase))
def test_a_link_may_be_open_from_its_opening_on(phase: Phase) -> None:
    attempt = Attempt(Settings())
    attempt.enter(phase)
    assert attempt.has_link is (phase in WITH_LINK)


def test_every_phase_has_an_owner() -> None:
    assert set(PHASES) == set(Phase)
    assert all(rule.owner for rule in PHASES.values())


@pytest.mark.parametrize("place", PLACES)
def test_a_phase_ends_by_itself_unless_the_table_says_that_it_may_last(place: str) -> None:
    attempt = at(place).core._leaves.attempt
    assert (attempt.until < inf) is bool(PHASES[attempt.phase].at_its_end)


def test_the_next_attempt_has_the_next_number_and_knows_nothing_of_the_one_before() -> None:
    attempt = Attempt(Settings())
    attempt.next(HERE)
    attempt.secret = Secret("a token of some length")
    attempt.connection.look.saw(Who(identity_of("one")), Moment(1.0, datetime(2000, 1, 1, tzinfo=UTC)))
    attempt.next(THERE)
    assert [attempt.link, attempt.endpoint, attempt.secret] == [2, THERE, None]
    assert attempt.connection.look.image is None


def test_an_attempt_that_was_not_begun_goes_nowhere() -> None:
    with pytest.raises(AssertionError, match=r"^an attempt without an endpoint$"):
        _ = Attempt(Settings()).target
