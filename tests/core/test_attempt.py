from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stui_supervisor.core.attempt import Attempt, Phase
from stui_supervisor.link.handshake import Handshake
from stui_supervisor.moment import Moment
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.peer.process import Look, Who
from stui_supervisor.security.secret import Secret
from stui_supervisor.session.records import KnownBackend
from tests.support.core.world import HERE, THERE

WITH_LINK = {Phase.OPENING, Phase.HANDSHAKE, Phase.SWITCHING, Phase.UP}


@pytest.mark.parametrize("phase", list(Phase))
def test_a_link_may_be_open_from_its_opening_on(phase: Phase) -> None:
    attempt = Attempt()
    attempt.enter(phase, None)
    assert attempt.has_link is (phase in WITH_LINK)


def test_the_next_attempt_has_the_next_number_and_knows_nothing_of_the_one_before() -> None:
    look = Look()
    look.saw(Who(identity_of("one")), Moment(1.0, datetime(2000, 1, 1, tzinfo=UTC)))
    attempt = Attempt(
        link=4,
        endpoint=HERE,
        secret=Secret("a token of some length"),
        handshake=Handshake(KnownBackend(), with_session=True),
        look=look,
    )
    attempt.next(THERE)
    fresh = Attempt(link=5, endpoint=THERE, look=attempt.look)
    assert (attempt, attempt.look.image) == (fresh, None)


def test_an_attempt_does_not_show_its_credential() -> None:
    assert "a token" not in repr(Attempt(secret=Secret("a token of some length")))
