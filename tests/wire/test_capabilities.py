from __future__ import annotations

from typing import Any

import pytest

from stui_supervisor.wire.capabilities import capabilities_in


@pytest.mark.parametrize(
    ("advertised", "found"),
    [
        (["deadline", "idempotency", "later"], {"deadline", "idempotency", "later"}),
        ([], set()),
        (["deadline", 7, None, ["x"]], {"deadline"}),
        (None, set()),
        ("deadline", set()),
        ({"deadline": True}, set()),
    ],
)
def test_only_a_list_advertises_and_only_texts_in_it(advertised: Any, found: set[str]) -> None:
    assert capabilities_in({"capabilities": advertised}) == found


def test_a_ping_without_the_word_advertises_nothing() -> None:
    assert capabilities_in({"server": "old"}) == frozenset()
