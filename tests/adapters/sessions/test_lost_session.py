"""Somebody removes or replaces the lock, files or the directory under a process that owns a session."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.context.context import Section
from stui_supervisor.peer.identity import identity_of
from stui_supervisor.session.records import SessionLost
from tests.support.files.stored_files import NEW, OLD, RECORD, contents, posix, stored

pytestmark = posix  # elsewhere nobody can remove what is locked

LAST = {"x": Section(b'"last"', 9, "me")}
OTHERS = {"x": Section(b'"another"', 9, "other")}


def owned(root: Path, directory: Path) -> FileSessionStore:
    files = FileSessionStore(root)
    assert files.claim("default").session_id == directory.name
    return files


def remove_lock(directory: Path) -> None:
    (directory / "lock").unlink()


def replace_lock(directory: Path) -> None:
    (directory / "new").touch(0o600)
    (directory / "new").rename(directory / "lock")


def remove_files(directory: Path) -> None:
    for path in directory.iterdir():
        path.unlink()


def remove_directory(directory: Path) -> None:
    shutil.rmtree(directory)


def replace_directory(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir(0o700)


HARMS = [remove_lock, replace_lock, remove_files, remove_directory, replace_directory]


def save_all(files: FileSessionStore, session_id: str) -> None:
    files.save_record(session_id, RECORD)
    files.save_context(session_id, LAST)


def save_record(files: FileSessionStore, session_id: str) -> None:
    files.save_record(session_id, RECORD)


@pytest.mark.parametrize("harm", HARMS)
def test_the_lock_is_taken_anew_at_the_next_save_and_everything_is_there(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    directory = stored(tmp_path, OLD, NEW)
    files = owned(tmp_path, directory)
    harm(directory)
    files.save_record(directory.name, RECORD)
    assert FileSessionStore(tmp_path).claim("default").session_id != directory.name
    files.release(directory.name)
    claimed = FileSessionStore(tmp_path).claim("default")
    assert (claimed.session_id, claimed.record, claimed.sections) == (directory.name, RECORD, NEW)


@pytest.mark.parametrize("harm", [remove_lock, replace_lock])
@pytest.mark.parametrize("save", [save_all, save_record])
@pytest.mark.parametrize("lives", [True, False], ids=["and lives", "and is gone"])
def test_what_another_process_has_continued_is_not_written_any_more(
    tmp_path: Path, harm: Callable[[Path], None], save: Callable[[FileSessionStore, str], None], *, lives: bool
) -> None:
    directory = stored(tmp_path, OLD)
    files = owned(tmp_path, directory)
    files.save_context(directory.name, NEW)
    harm(directory)
    other = FileSessionStore(tmp_path)
    assert other.claim("default").sections == NEW
    other.save_context(directory.name, OTHERS)
    if not lives:
        other.release(directory.name)
    before = contents(directory)
    for _ in range(2):
        with pytest.raises(SessionLost, match="another process") as caught:
            save(files, directory.name)
    assert caught.value.hint == "nothing there is changed any more; your work goes on in a session of its own"
    assert contents(directory) == before
    files.release(directory.name)
    if lives:
        other.save_context(directory.name, OTHERS)
        other.release(directory.name)
    assert FileSessionStore(tmp_path).claim("default").sections == OTHERS


def test_what_another_process_owns_is_not_written_though_it_has_saved_nothing(tmp_path: Path) -> None:
    directory = stored(tmp_path, NEW)
    files = owned(tmp_path, directory)
    remove_lock(directory)
    other = owned(tmp_path, directory)
    with pytest.raises(SessionLost, match="another process owns the session now"):
        files.save_context(directory.name, LAST)
    other.save_context(directory.name, OTHERS)


def test_another_directory_with_work_in_it_is_not_written(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    backup = tmp_path / "backup"
    shutil.copytree(directory, backup)
    files = owned(tmp_path, directory)
    files.save_context(directory.name, LAST)
    shutil.rmtree(directory)
    backup.rename(directory)
    before = contents(directory)
    with pytest.raises(SessionLost, match="another process has continued the session"):
        files.save_context(directory.name, LAST)
    assert contents(directory) == before


def test_a_lock_that_is_replaced_by_a_directory_is_no_reason_to_write(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    files = owned(tmp_path, directory)
    remove_lock(directory)
    (directory / "lock").mkdir()
    before = contents(directory)
    with pytest.raises(SessionLost, match="not a file"):
        files.save_context(directory.name, LAST)
    assert contents(directory) == before


def test_files_that_somebody_removed_are_written_again_though_the_lock_is_there(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    files = owned(tmp_path, directory)
    for path in directory.glob("*.json"):
        path.unlink()
    files.save_record(directory.name, RECORD)
    files.release(directory.name)
    claimed = FileSessionStore(tmp_path).claim("default")
    assert (claimed.session_id, claimed.record, claimed.sections) == (directory.name, RECORD, NEW)


def test_a_new_session_is_had_whatever_there_is(tmp_path: Path) -> None:
    directory = stored(tmp_path, NEW)
    claimed = FileSessionStore(tmp_path).claim_new("default", identity_of("one"))
    assert claimed.session_id != directory.name
    assert (claimed.fresh, claimed.sections, claimed.record.image_id) == (True, {}, "one")
