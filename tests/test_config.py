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
COUNTS = {"queue_length", "journal_files", "journal_max_bytes"}
SWITCHES = [field.name for field in fields(Settings) if type(getattr(DEFAULTS, field.name)) is bool]
TIME = "give a number of seconds from 0.001 to 1,000,000, or leave it out"
WHOLE = "give a whole number above 0, or leave it out"


def test_the_defaults_are_valid_and_cannot_be_changed() -> None:
    assert Settings() == DEFAULTS
    with pytest.raises(FrozenInstanceError):
        DEFAULTS.queue_length = 1  # type: ignore[misc]  # on purpose


def refusal(name: str, value: Any) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        Settings(**{name: value})
    assert caught.value.message.startswith(f"Settings.{name} is "), (name, value)
    return caught.value


def test_a_number_that_is_none_or_not_positive_and_finite_is_refused_with_what_to_give() -> None:
    for name in NUMBERS:
        for value in (0, -1, -0.5, math.inf, math.nan, "1", None, True, False, "x", [1], 1j):
            assert refusal(name, value).hint == (WHOLE if name in COUNTS else TIME), (name, value)


def test_what_is_counted_is_a_whole_number() -> None:
    for name in COUNTS:
        assert (refusal(name, 2.5).message, refusal(name, 2.5).hint) == (f"Settings.{name} is 2.5", WHOLE)


def test_what_is_switched_is_true_or_false() -> None:
    for name in SWITCHES:
        for value in (None, 0, 1, 2.5, "x", "True"):
            assert refusal(name, value).hint == "give True or False, or leave it out", (name, value)


def test_a_time_that_no_timer_keeps_is_refused() -> None:
    for name in set(NUMBERS) - COUNTS:
        for value in (1e-9, 0.0009, 1_000_001, 1e300, 10**400):
            assert refusal(name, value).hint == TIME, (name, value)


def test_the_shortest_and_the_longest_time_are_allowed() -> None:
    for value in (0.001, 1_000_000):
        assert Settings(ping_interval_s=value).ping_interval_s == value


def test_heartbeats_that_come_too_seldom_for_the_silence_they_should_break_are_refused() -> None:
    default = {"heartbeat_interval_s": 1.0, "silent_after_s": 2.0, "dead_after_s": 3.0}
    for name, value in (
        *(("heartbeat_interval_s", 5.0), ("heartbeat_interval_s", DEFAULTS.silent_after_s)),
        *(("silent_after_s", DEFAULTS.heartbeat_interval_s), ("dead_after_s", 1.0)),
    ):
        with pytest.raises(ConfigurationError) as caught:
            Settings(**{name: value})  # type: ignore[arg-type]  # mypy takes it for every field
        assert caught.value.message == (
            "Settings.heartbeat_interval_s is {heartbeat_interval_s:g}, silent_after_s {silent_after_s:g} "
            "and dead_after_s {dead_after_s:g}".format(**{**default, name: value})
        )


def test_silence_may_be_death_at_once() -> None:
    for silent_after_s in (3.0, 5.0):
        assert Settings(silent_after_s=silent_after_s).dead_after_s == 3.0


def test_a_time_may_be_a_whole_number_and_a_fraction() -> None:
    assert Settings(ping_interval_s=1, answer_timeout_s=0.5) == Settings(ping_interval_s=1.0, answer_timeout_s=0.5)


def test_recovery_may_have_a_limit_and_has_none_by_default() -> None:
    assert DEFAULTS.give_up_after_s is None
    assert Settings(give_up_after_s=60).give_up_after_s == 60
    for value in (True, "x", -1, 0):
        assert refusal("give_up_after_s", value).hint == TIME.replace(", or leave", ", or None, or leave")


def test_every_number_stands_beside_its_purpose() -> None:
    lines = SOURCE.splitlines()
    assigned = [
        node.lineno
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant | ast.UnaryOp | ast.BinOp)
    ]
    assert len(assigned) > 20
    assert [lines[number - 1] for number in assigned if "  # " not in lines[number - 1]] == []
