from __future__ import annotations

from itertools import permutations

import pytest

from stui_supervisor.health.degradations import Degradation, Degradations
from stui_supervisor.machine.states import DegradedReason

WORST_FIRST = [DegradedReason.SILENT, DegradedReason.BUSY, DegradedReason.SLOW, DegradedReason.DEAF]


def test_a_link_without_troubles_has_no_worst_one() -> None:
    assert Degradations().worst is None


@pytest.mark.parametrize("order", list(permutations(WORST_FIRST)))
def test_the_worst_of_several_is_shown_in_whichever_order_they_came(order: tuple[DegradedReason, ...]) -> None:
    troubles = Degradations()
    for reason in order:
        troubles.begin(reason, f"it is {reason}")
    seen = []
    while (worst := troubles.worst) is not None:
        seen.append(worst)
        troubles.end(worst.reason)
    assert seen == [Degradation(reason, f"it is {reason}") for reason in WORST_FIRST]


def test_a_trouble_is_new_once() -> None:
    troubles = Degradations()
    news = [troubles.begin(DegradedReason.SLOW, words) for words in ("a ping took 1.0 s", "a ping took 1.2 s")]
    assert (news, str(troubles.worst)) == ([True, False], "slow: a ping took 1.2 s")


def test_the_end_of_a_trouble_is_news_only_where_there_was_one() -> None:
    troubles = Degradations()
    troubles.begin(DegradedReason.BUSY, "no answer")
    ends = [troubles.end(DegradedReason.SILENT), troubles.end(DegradedReason.SILENT, DegradedReason.BUSY)]
    assert (ends, troubles.worst) == ([False, True], None)


def test_no_trouble_outlives_its_link() -> None:
    troubles = Degradations()
    for reason in DegradedReason:
        troubles.begin(reason, "")
    troubles.clear()
    assert troubles.worst is None
