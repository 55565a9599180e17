from __future__ import annotations

from pathlib import Path

import pytest

from stui_supervisor.adapters.sessions.history import SessionHistory, StoredCopy, put_back
from stui_supervisor.context.context import Context, Section
from stui_supervisor.errors import StoreError
from tests.support.files.stored_files import NEW, OLD, RECORD, contents, newest, stored

CURRENT = {"a": Section(b"2", 5, "me"), "b": Section(b"1", 1, "me"), "gone": Section(None, 7, "me")}


def test_reading_gives_the_newest_whole_content_and_changes_nothing(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    newest(directory, "context").write_bytes(b"damaged")
    before = contents(directory)
    archive = SessionHistory(str(tmp_path), directory.name)
    record, context = archive.content()
    assert (record, context.sections) == (RECORD, OLD)
    damaged, whole = archive.copies()
    assert damaged == StoredCopy("context.2", None, 7, 0, "its first line is not a header")
    assert (whole.name, whole.live_sections, whole.problem) == ("context.1", 1, None)
    assert contents(directory) == before
    assert not (tmp_path / "quarantine").exists()


def test_a_session_that_is_gone_is_a_store_error(tmp_path: Path) -> None:
    archive = SessionHistory(str(tmp_path), "gone")
    for read in (archive.content, archive.copies):
        with pytest.raises(StoreError, match="cannot read the session"):
            read()


def test_a_context_takes_the_place_of_every_section() -> None:
    copy = {"a": Section(b"1", 4, "me"), "gone": Section(b"9", 6, "me")}
    assert put_back(CURRENT, copy, "context.1", "now") == {
        "a": Section(b"1", 6, "now"),
        "b": Section(None, 2, "now"),
        "gone": Section(b"9", 8, "now"),
    }


def test_a_snapshot_takes_the_place_of_the_sections_that_it_holds() -> None:
    assert put_back(CURRENT, {"a": Section(b"1", 4, "other")}, "snapshot.1", "now") == {
        **CURRENT,
        "a": Section(b"1", 6, "now"),
    }


def test_what_is_the_same_already_is_no_change() -> None:
    assert put_back(CURRENT, {"a": Section(b"2", 1, "other")}, "snapshot.1", "now") == CURRENT


def test_what_is_put_back_wins_over_the_copy_in_the_image() -> None:
    image = Context("image", lambda: None)
    image.adopt(CURRENT)
    restored = put_back(CURRENT, {"a": Section(b"1", 4, "me")}, "context.1", "now")
    assert image.merge(restored).newer == ()
    assert dict(image) == {"a": 1}
