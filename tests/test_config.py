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
