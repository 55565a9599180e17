from __future__ import annotations

from stui_supervisor.config import Settings
from stui_supervisor.peer.identity import Identity, identity_of
from stui_supervisor.session.claims import Claims, Others, Wanted
from stui_supervisor.session.held_session import HeldSession
from stui_supervisor.session.messages import Load
from stui_supervisor.session.records import SessionRecord
from stui_supervisor.session.save_schedule import SaveSchedule
from tests.support.core.world import stored

ONE, TWO = identity_of("one"), identity_of("two")


def wanted(image: Identity | None = None, *, is_new: bool = False) -> Wanted:
    return Wanted(HeldSession(SessionRecord(profile="p"), SaveSchedule(Settings())), image, is_new)


def test_one_claim_is_under_way_at_a_time() -> None:
    claims = Claims("p")
    assert claims.claim("p", wanted()) == [Load(1, "p", None)]
    assert claims.claim("p", wanted(ONE)) == []
    assert claims.take_answer(1)
    assert claims.claim("p", wanted(ONE)) == [Load(2, "p", ONE)]


def test_a_late_answer_counts_no_more_and_ends_no_claim() -> None:
    claims = Claims("p")
    claims.claim("p", wanted())
    claims.begin_run()
    claims.claim("p", wanted())
    assert not claims.take_answer(1)
    assert claims.take_answer(2)


def test_nobody_waits_for_what_was_given_up() -> None:
    claims, what = Claims("p"), wanted()
    claims.claim("p", what)
    assert claims.end() is what.held
    assert claims.end() is None
    assert not claims.take_answer(1)
    assert not claims.fits(stored())


def test_what_was_claimed_fits_when_it_is_of_the_image_that_is_wanted_by_now() -> None:
    claims = Claims("p")
    claims.claim("p", wanted(ONE))
    assert claims.fits(stored(image_id="one"))
    claims.claim("p", wanted(TWO))
    assert (claims.fits(stored(image_id="one")), claims.fits(stored(image_id="two"))) == (False, True)


def test_no_session_from_before_fits_where_a_new_one_is_wanted() -> None:
    claims = Claims("p")
    claims.claim("p", wanted(ONE))
    claims.claim("p", wanted(ONE, is_new=True))
    assert not claims.fits(stored(image_id="one"))


def test_a_later_session_may_be_one_that_could_not_be_read_or_that_is_gone() -> None:
    here, there = "tcp://127.0.0.1:1", "tcp://127.0.0.1:2"
    assert Others().has_later(here)
    assert not Others(are_all_known=True).has_later(here)
    known = Others(are_all_known=True, endpoints=frozenset({here}))
    assert (known.has_later(here), known.has_later(there), known.has_later(None)) == (False, True, False)
