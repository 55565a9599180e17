"""What is told of a damaged file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stui_supervisor.adapters.quarantine import keep, leave, set_aside
from stui_supervisor.adapters.session_directory import Refused
from stui_supervisor.config import QUARANTINE_MAX_FILES

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("is_movable", [True, False])
def test_a_hint_can_follow_on_the_same_line(is_movable: bool, tmp_path: Path) -> None:
    refused = Refused("context.1.json", "its checksum does not match", is_movable=is_movable)

    notices = [set_aside(str(tmp_path), "a-session", refused, AT), leave("a-session", refused)]

    assert all(notice.message.endswith("an older state is used") for notice in notices)


def test_what_is_set_aside_last_stays_though_the_clock_was_put_back(tmp_path: Path) -> None:
    for number in range(QUARANTINE_MAX_FILES):
        (tmp_path / "damaged").write_bytes(b"earlier")
        keep(str(tmp_path), "damaged", AT + timedelta(days=number))
    (tmp_path / "damaged").write_bytes(b"last")
    kept = Path(keep(str(tmp_path), "damaged", AT - timedelta(days=9_999)))
    assert kept.read_bytes() == b"last"
    assert len(list((tmp_path / "quarantine").iterdir())) == QUARANTINE_MAX_FILES
