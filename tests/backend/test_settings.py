from __future__ import annotations

import pytest

from stui_supervisor.backend import BackendSettings
from stui_supervisor.errors import ConfigurationError


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, float("inf"), float("nan")])
def test_a_session_timeout_is_a_positive_number(timeout_s: float) -> None:
    with pytest.raises(ConfigurationError, match="give a positive number"):
        BackendSettings(session_timeout_s=timeout_s)


def test_a_backend_speaks_at_least_one_dialect() -> None:
    with pytest.raises(ConfigurationError, match="name command, envelope or both"):
        BackendSettings(dialects=frozenset())
