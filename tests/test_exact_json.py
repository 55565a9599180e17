from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stui_supervisor.exact_json import dumps, integer_of, loads
from tests.support.core.values import JSON_VALUES
from tests.support.programs.host_limits import digits_limited_to

CANONICAL = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
SORTED = json.JSONEncoder(sort_keys=True)
LONG = 10**5_000 + 7


def written(value: Any, encoder: json.JSONEncoder) -> str:
    """What Python itself writes without a limit."""
    with digits_limited_to(0):
        return encoder.encode(value)


@given(JSON_VALUES, st.integers(4_000, 6_000), st.booleans())
def test_values_with_long_integers_are_written_and_read_as_by_a_program_without_a_limit(
    value: Any, digits: int, is_negative: bool
) -> None:
    whole = {"z": [value, 10**digits * (-1 if is_negative else 1)], "ä": (True, None, 1.5), "a": LONG}
    for encoder in (CANONICAL, SORTED):
        text = dumps(whole, encoder)
        assert text == written(whole, encoder)
        assert loads(text) == {**whole, "ä": [True, None, 1.5]}


@pytest.mark.parametrize("digits", ["0", "-7", "1" * 641, "-" + "9" * 4_301, "7" * 20_000])
def test_an_integer_is_read_whatever_its_length(digits: str) -> None:
    with digits_limited_to(0):
        expected = int(digits)
    with digits_limited_to(640):
        assert integer_of(digits) == expected


@pytest.mark.parametrize("value", [float("nan"), [LONG, float("inf")], "\ud800" * 2, {1, 2}])
def test_what_is_no_json_is_refused_as_ever(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        dumps(value, CANONICAL).encode()


@pytest.mark.parametrize("text", ["", "[1", "1" * 5_000 + "x", b"\xff", "[NaN]"])
def test_what_cannot_be_read_is_a_value_error_as_ever(text: str | bytes) -> None:
    def refuse(name: str) -> Any:
        raise ValueError(name)

    with pytest.raises(ValueError):  # noqa: PT011  # of several kinds
        loads(text, parse_constant=refuse)
