"""What is told of a damaged file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stui_supervisor.adapters.files.notices import borrowed_notice
from stui_supervisor.adapters.files.quarantine import keep, set_aside
from stui_supervisor.adapters.files.refused import RefusedFile, UsedParts
from stui_supervisor.config import QUARANTINE_MAX_FILES
from stui_supervisor.session.records import Notice

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


CONTEXT = RefusedFile("context.2.json", "its checksum does not match", is_movable=True)
RECORD = RefusedFile("endpoint.4.json", "it is cut off", is_movable=True)
FOREIGN = RefusedFile("context.3.json", "it cannot be read: Permission denied", is_movable=False)


def outcome_of(notices: list[Notice]) -> list[tuple[str, str]]:
    return [(notice.code, notice.message.rpartition(". ")[2]) for notice in notices]


@pytest.mark.parametrize(
    ("refused", "used", "outcome"),
    [
        ([CONTEXT], UsedParts(AT, AT), "An older copy of the work is used, saved at 2026-01-02 03:04:05 UTC"),
        ([CONTEXT], UsedParts(None, AT), "Nothing of its work can be used"),
        ([RECORD], UsedParts(AT, AT), "An older note of the link is used, saved at 2026-01-02 03:04:05 UTC"),
        ([RECORD], UsedParts(AT, None), "What was known of the link is gone"),
        (
            [CONTEXT, CONTEXT._replace(name="context.1.json"), RECORD],
            UsedParts(None, None),
            "Nothing of its work can be used, and what was known of the link is gone",
        ),
    ],
)
@pytest.mark.parametrize("is_ours", [True, False])
def test_what_a_damage_means_is_said_once_whatever_it_was(
    is_ours: bool, refused: list[RefusedFile], used: UsedParts, outcome: str, tmp_path: Path
) -> None:
    notices = set_aside(str(tmp_path), "s", refused, used, AT) if is_ours else [borrowed_notice("s", refused, used)]
    assert outcome_of(notices) == [("damaged_file", outcome)]
    assert all(file.name in notices[0].message and file.reason in notices[0].message for file in refused)


def test_what_cannot_be_moved_stays_and_is_told_beside_what_was(tmp_path: Path) -> None:
    older = "An older copy of the work is used, saved at 2026-01-02 03:04:05 UTC"
    notices = set_aside(str(tmp_path), "s", [FOREIGN, CONTEXT], UsedParts(AT, AT), AT)
    assert outcome_of(notices) == [("damaged_file", older), ("unusable_file", older)]


def test_what_is_set_aside_last_stays_though_the_clock_was_put_back(tmp_path: Path) -> None:
    for number in range(QUARANTINE_MAX_FILES):
        (tmp_path / "damaged").write_bytes(b"earlier")
        keep(str(tmp_path), "damaged", AT + timedelta(days=number))
    (tmp_path / "damaged").write_bytes(b"last")
    kept = Path(keep(str(tmp_path), "damaged", AT - timedelta(days=9_999)))
    assert kept.read_bytes() == b"last"
    assert len(list((tmp_path / "quarantine").iterdir())) == QUARANTINE_MAX_FILES
