from __future__ import annotations

from datetime import timedelta
from typing import get_args

from stui_supervisor.core.inputs import Input
from tests.support.core.world import BEGIN, World


def test_a_later_moment_is_later_on_both_clocks() -> None:
    later = BEGIN.after(1.5)
    assert (later.monotonic_s - BEGIN.monotonic_s, later.utc - BEGIN.utc) == (1.5, timedelta(seconds=1.5))


def test_the_core_has_a_handler_for_every_input_and_for_nothing_else() -> None:
    assert set(World().core._routes) == set(get_args(Input))
