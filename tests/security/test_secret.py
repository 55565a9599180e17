from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable

import pytest

from stui_supervisor.security.secret import MASK, Secret

CANARY = "canary-0123456789abcdef"


def test_only_revealing_gives_the_text_away() -> None:
    assert Secret(CANARY).reveal() == CANARY


@pytest.mark.parametrize(
    "shown",
    [
        repr(Secret(CANARY)),
        str(Secret(CANARY)),
        f"{Secret(CANARY)}",
        f"{Secret(CANARY)!r:>40}",
        f"{Secret(CANARY):>40}",
        "{}".format(Secret(CANARY)),  # noqa: UP032  another way to show it
        "%s %r" % (Secret(CANARY), Secret(CANARY)),  # noqa: UP031  as above
        repr({"token": [Secret(CANARY)]}),
        json.dumps({"token": Secret(CANARY)}, default=str),
        logging.LogRecord("n", logging.INFO, "p", 1, "token %s", (Secret(CANARY),), None).getMessage(),
    ],
)
def test_no_way_of_showing_it_shows_the_text(shown: str) -> None:
    assert CANARY not in shown
    assert MASK in shown


@pytest.mark.parametrize("text", [CANARY, 'quo"ted\\canary', "kanarienvögel", 'vö"gel'])
@pytest.mark.parametrize(
    "said",
    [
        lambda text: f"not with {text}",
        lambda text: json.dumps({"got": text}),
        lambda text: json.dumps({"got": text}, ensure_ascii=False),
        lambda text: json.dumps({"error": json.dumps({"got": text})}),
    ],
)
def test_what_somebody_repeats_is_without_it_also_within_json(text: str, said: Callable[[str], str]) -> None:
    assert Secret(text).hidden_in(said(text)) == said(MASK)


def test_it_has_no_attributes_to_walk_through() -> None:
    with pytest.raises(TypeError):
        vars(Secret(CANARY))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="a Secret is not pickled"):
        pickle.dumps(Secret(CANARY), protocol)


def test_a_deep_copy_is_refused_too() -> None:
    with pytest.raises(TypeError, match="a Secret is not pickled"):
        copy.deepcopy([Secret(CANARY)])


def test_equal_texts_are_equal_secrets() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert len({Secret(CANARY), Secret(CANARY), Secret("other")}) == 2
    assert Secret(CANARY) != Secret("other")
    assert Secret(CANARY) != CANARY


def test_a_traceback_with_locals_does_not_show_it() -> None:
    def fail(token: Secret) -> None:
        raise LookupError(f"no {token}")

    with pytest.raises(LookupError) as caught:
        fail(Secret(CANARY))
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert f"Secret('{MASK}')" in shown
    assert not [line for line in shown.splitlines() if CANARY in line and "fail(Secret(CANARY))" not in line]
