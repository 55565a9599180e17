"""What is told of a damaged file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from stui_supervisor.adapters.quarantine import leave, set_aside
from stui_supervisor.adapters.session_directory import Refused

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("is_movable", [True, False])
def test_a_hint_can_follow_on_the_same_line(is_movable: bool, tmp_path: Path) -> None:
    refused = Refused("context.1.json", "its checksum does not match", is_movable=is_movable)

    notices = [set_aside(str(tmp_path), "a-session", refused, AT), leave("a-session", refused)]

    assert all(notice.message.endswith("an older state is used") for notice in notices)
