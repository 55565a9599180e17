from __future__ import annotations

from stui_supervisor.config import HANDSHAKE_PINGS_MAX
from stui_supervisor.link.dialect_search import DialectSearch
from stui_supervisor.wire.dialects import Dialect
from tests.support.core.handshakes import COMMAND, ENVELOPE, GARBAGE, error


def begun() -> DialectSearch:
    """One whose first ping is on its way."""
    search = DialectSearch(None)
    search.ping(search.dialect)
    return search


def test_it_begins_with_the_dialect_that_is_known_or_else_with_the_usual_one() -> None:
    assert (DialectSearch(None).dialect, DialectSearch(ENVELOPE).dialect) == (COMMAND, ENVELOPE)


def test_after_a_silence_the_other_dialect_is_tried_once() -> None:
    search = begun()
    assert search.after_silence() is ENVELOPE
    search.ping(ENVELOPE)
    assert search.after_silence() is None


def test_an_answer_may_be_to_any_ping_before_it_and_to_none_twice() -> None:
    search = begun()
    search.ping(ENVELOPE)
    assert search.take_answer() == {COMMAND, ENVELOPE}
    assert search.take_answer() == set()


def test_a_reply_in_another_dialect_leads_there() -> None:
    search = begun()
    assert search.not_understood(error(ENVELOPE), search.take_answer()) is ENVELOPE


def test_a_dialect_that_was_not_understood_is_not_tried_again() -> None:
    search = begun()
    assert search.not_understood(GARBAGE, search.take_answer()) is ENVELOPE
    search.ping(ENVELOPE)
    assert search.not_understood(GARBAGE, search.take_answer()) is None


def test_of_two_pings_nobody_knows_which_was_not_understood() -> None:
    search = begun()
    search.ping(ENVELOPE)
    assert search.not_understood(GARBAGE, search.take_answer()) is COMMAND


def test_the_pings_are_bounded() -> None:
    search = begun()
    pings = 1
    while (dialect := search.not_understood(error(_other(search)), search.take_answer())) is not None:
        search.ping(dialect)
        pings += 1
    assert pings == HANDSHAKE_PINGS_MAX


def _other(search: DialectSearch) -> Dialect:
    return ENVELOPE if search.dialect is COMMAND else COMMAND
