from __future__ import annotations

import ast
import math
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor import config
from stui_supervisor.config import DEFAULTS, Settings
from stui_supervisor.errors import ConfigurationError

SOURCE = Path(config.__file__).read_text("utf-8")
NUMBERS = [field.name for field in fields(Settings) if type(getattr(DEFAULTS, field.name)) in {int, float}]


def test_the_defaults_are_valid_and_cannot_be_changed() -> None:
    assert Settings() == DEFAULTS
    with pytest.raises(FrozenInstanceError):
        DEFAULTS.queue_length = 1  # type: ignore[misc]  # on purpose


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [0, -1, -0.5, math.inf, math.nan, "1"])
def test_a_number_that_is_not_positive_and_finite_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"Settings\.{name} is"):
        Settings(**{name: value})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [None, True, False, "x", [1], 1j])
def test_what_is_no_number_is_refused_by_name_with_what_to_give(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"Settings\.{name} is") as caught:
        Settings(**{name: value})
    assert caught.value.hint in {
        "give a number of seconds from 0.001 to 1,000,000, or leave it out",
        "give a whole number above 0, or leave it out",
    }


@pytest.mark.parametrize("name", ["queue_length", "journal_files", "journal_max_bytes"])
def test_what_is_counted_is_a_whole_number(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings(**{name: 2.5})  # type: ignore[arg-type]  # on purpose
    assert (caught.value.message, caught.value.hint) == (
        f"Settings.{name} is 2.5",
        "give a whole number above 0, or leave it out",
    )


@pytest.mark.parametrize("name", ["keeps_session", "journal"])
@pytest.mark.parametrize("value", [None, 0, 1, 2.5, "x", "True"])
def test_what_is_switched_is_true_or_false(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings(**{name: value})
    assert caught.value.hint == "give True or False, or leave it out"


@pytest.mark.parametrize("value", [True, "x", -1])
def test_the_limit_of_recovery_is_a_number_or_none(value: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings(give_up_after_s=value)
    assert caught.value.hint == "give a number of seconds from 0.001 to 1,000,000, or None, or leave it out"


@pytest.mark.parametrize("name", [name for name in NUMBERS if name.endswith("_s")])
@pytest.mark.parametrize("value", [1e-9, 0.0009, 1_000_001, 1e300, 10**400])
def test_a_time_that_no_timer_keeps_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=rf"Settings\.{name} is"):
        Settings(**{name: value})  # type: ignore[arg-type]  # mypy takes it for every field


@pytest.mark.parametrize("value", [0.001, 1_000_000])
def test_the_shortest_and_the_longest_time_are_allowed(value: float) -> None:
    assert Settings(ping_interval_s=value).ping_interval_s == value


@pytest.mark.parametrize(
    "times",
    [
        {"heartbeat_interval_s": 5.0},
        {"heartbeat_interval_s": DEFAULTS.silent_after_s},
        {"silent_after_s": DEFAULTS.heartbeat_interval_s},
        {"dead_after_s": 1.0},
    ],
)
def test_heartbeats_that_come_too_seldom_for_the_silence_they_should_break_are_refused(times: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings(**times)  # type: ignore[arg-type]  # mypy takes them for every field
    expected = {"heartbeat_interval_s": 1, "silent_after_s": 2, "dead_after_s": 3} | times
    assert caught.value.message == (
        "Settings.heartbeat_interval_s is {heartbeat_interval_s:g}, silent_after_s {silent_after_s:g} "
        "and dead_after_s {dead_after_s:g}".format(**expected)
    )


@pytest.mark.parametrize("silent_after_s", [3.0, 5.0])
def test_silence_may_be_death_at_once(silent_after_s: float) -> None:
    assert Settings(silent_after_s=silent_after_s).dead_after_s == 3.0


def test_a_time_may_be_a_whole_number_and_a_fraction() -> None:
    assert Settings(ping_interval_s=1, answer_timeout_s=0.5) == Settings(ping_interval_s=1.0, answer_timeout_s=0.5)


def test_recovery_may_have_a_limit_and_has_none_by_default() -> None:
    assert DEFAULTS.give_up_after_s is None
    assert Settings(give_up_after_s=60).give_up_after_s == 60
    with pytest.raises(ConfigurationError, match="give_up_after_s"):
        Settings(give_up_after_s=0)


def test_every_number_stands_beside_its_purpose() -> None:
    lines = SOURCE.splitlines()
    assigned = [
        node.lineno
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant | ast.UnaryOp | ast.BinOp)
    ]
    assert len(assigned) > 20
    assert [lines[number - 1] for number in assigned if "  # " not in lines[number - 1]] == []
