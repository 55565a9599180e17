from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from stui_supervisor.adapters.files.file_format import MAJOR
from stui_supervisor.adapters.files.lock import SessionLock
from stui_supervisor.adapters.sessions.removal import remove_if_empty, remove_if_outlived
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.config import EMPTY_SESSIONS_KEPT, SESSION_KEPT_DAYS, SESSIONS_CLEANED, SESSIONS_KEPT
from stui_supervisor.peer.identity import identity_of
from tests.support.files.stored_files import (
    EPOCH,
    NEW,
    NOTHING,
    OLD,
    RECORD,
    Ticking,
    contents,
    newest,
    posix,
    stored,
    with_header,
)


def sessions(root: Path) -> set[str]:
    return {path.name for path in root.iterdir() if path.is_dir() and path.name != "quarantine"}


def leave_empty(root: Path, count: int, profile: str = "default") -> list[str]:
    """Free sessions without work, the oldest first. Only other images get sessions while there are free ones."""
    files = FileSessionStore(root, Ticking())
    ids = [files.claim(profile, identity_of(number)).session_id for number in range(count)]
    for session_id in ids:
        files.save_record(session_id, replace(RECORD, profile=profile, image_id=f"image of {session_id}"))
    for session_id in ids:
        files.release(session_id)
    return ids


def begin(root: Path) -> str:
    claimed = FileSessionStore(root, lambda: EPOCH).claim("default", identity_of("an image of its own"))
    assert claimed.fresh
    return claimed.session_id


def test_a_new_session_bounds_those_without_work_and_the_oldest_go(tmp_path: Path) -> None:
    ids = leave_empty(tmp_path, EMPTY_SESSIONS_KEPT + 3)
    new = begin(tmp_path)
    assert sessions(tmp_path) == {*ids[3:], new}


def test_claiming_one_that_exists_removes_nothing(tmp_path: Path) -> None:
    ids = leave_empty(tmp_path, EMPTY_SESSIONS_KEPT + 3)
    assert FileSessionStore(tmp_path).claim("default").session_id == ids[-1]
    assert sessions(tmp_path) == set(ids)


def test_sessions_of_other_profiles_and_those_that_live_do_not_count(tmp_path: Path) -> None:
    others = leave_empty(tmp_path, EMPTY_SESSIONS_KEPT + 1, "other")
    ids = leave_empty(tmp_path, EMPTY_SESSIONS_KEPT + 2)
    living = [SessionLock(str(tmp_path / session_id / "lock")) for session_id in (ids[0], ids[-1])]
    assert all(lock.take() for lock in living)
    new = begin(tmp_path)
    assert sessions(tmp_path) == {*others, *ids, new}
    for lock in living:
        lock.give_back()


def test_nothing_is_removed_while_another_process_claims(tmp_path: Path) -> None:
    ids = leave_empty(tmp_path, EMPTY_SESSIONS_KEPT + 1)
    other = SessionLock(str(tmp_path / "claim.lock"))
    assert other.take()
    new = begin(tmp_path)
    assert sessions(tmp_path) == {*ids, new}
    other.give_back()


def test_what_a_full_disk_left_of_a_session_goes_with_the_next_new_one(tmp_path: Path) -> None:
    (remains,) = leave_empty(tmp_path, 1)
    for file in (tmp_path / remains).glob("*.json"):
        file.unlink()
    assert sessions(tmp_path) == {remains}
    new = begin(tmp_path)
    assert sessions(tmp_path) == {new}


def without_work(root: Path) -> Path:
    return stored(root, NOTHING)


def test_a_session_without_work_goes_with_all_its_files(tmp_path: Path) -> None:
    directory = without_work(tmp_path)
    (directory / ".context.2.json.0000.tmp").touch()
    remove_if_empty(str(directory))
    assert not directory.exists()


def add_snapshot(directory: Path) -> None:
    files = FileSessionStore(directory.parent)
    files.claim("default")
    files.save_snapshot(directory.name, NEW)
    files.release(directory.name)


def add_older_work(directory: Path) -> None:
    files = FileSessionStore(directory.parent)
    files.claim("default")
    for sections in (NEW, NOTHING, NOTHING, NOTHING, NOTHING):
        files.save_context(directory.name, sections)
    files.release(directory.name)


def add_newer_format(directory: Path) -> None:
    file = newest(directory, "context")
    file.write_bytes(with_header(file.read_bytes(), major=MAJOR + 1))


def damage(directory: Path) -> None:
    newest(directory, "context").write_bytes(b"damaged")


def add_note(directory: Path) -> None:
    (directory / "note.txt").write_text("a person's own")


def replace_lock(directory: Path) -> None:
    (directory / "lock").unlink(missing_ok=True)
    (directory / "lock").mkdir()


def replace_context_by_link(directory: Path) -> None:
    file = newest(directory, "context")
    file.rename(directory.parent / "elsewhere")
    file.symlink_to(directory.parent / "elsewhere")


@pytest.mark.parametrize(
    "change",
    [
        add_snapshot,
        add_older_work,
        add_newer_format,
        damage,
        add_note,
        replace_lock,
        pytest.param(replace_context_by_link, marks=posix),
    ],
)
def test_a_session_with_anything_worth_keeping_stays_as_it_is(tmp_path: Path, change: Callable[[Path], None]) -> None:
    directory = without_work(tmp_path)
    change(directory)
    before = sorted(path.name for path in directory.iterdir())
    remove_if_empty(str(directory))
    assert sorted(path.name for path in directory.iterdir()) == before


def test_a_session_that_lives_stays(tmp_path: Path) -> None:
    directory = without_work(tmp_path)
    owner = FileSessionStore(tmp_path)
    owner.claim("default")
    before = sorted(path.name for path in directory.iterdir())
    remove_if_empty(str(directory))
    assert sorted(path.name for path in directory.iterdir()) == before


def test_a_session_that_is_gone_already_is_no_error_and_is_not_made_again(tmp_path: Path) -> None:
    remove_if_empty(str(tmp_path / "gone"))
    assert list(tmp_path.iterdir()) == []


def leave_work(root: Path, count: int, age: timedelta = timedelta()) -> list[str]:
    """Free sessions with work of one image, the oldest first."""
    files = FileSessionStore(root, lambda: EPOCH - age)
    ids = [files.claim("default", identity_of(number)).session_id for number in range(count)]
    for session_id in ids:
        files.save_record(session_id, RECORD)
        files.save_context(session_id, NEW)
    for session_id in ids:
        files.release(session_id)
    return ids


MONTH = timedelta(days=SESSION_KEPT_DAYS + 1)


def test_each_save_cleans_up_one_old_session_and_after_the_next_start_it_goes_on(tmp_path: Path) -> None:
    count = SESSIONS_CLEANED + 5
    leave_work(tmp_path, count + SESSIONS_KEPT, MONTH)
    *_, used = leave_work(tmp_path, SESSIONS_KEPT)  # each of which cleans up one
    for left in (5, 0):
        files = FileSessionStore(tmp_path, lambda: EPOCH)
        assert files.claim("default").session_id == used
        assert len(sessions(tmp_path)) == count + SESSIONS_KEPT
        files.save_record(used, RECORD)
        assert len(sessions(tmp_path)) == count + SESSIONS_KEPT - 1
        for _ in range(SESSIONS_CLEANED + 1):
            files.save_record(used, RECORD)
        files.release(used)
        assert len(sessions(tmp_path)) == left + SESSIONS_KEPT
        count = left


def test_nothing_is_cleaned_up_while_another_process_claims(tmp_path: Path) -> None:
    old = set(leave_work(tmp_path, 2, MONTH))
    *kept, used = leave_work(tmp_path, SESSIONS_KEPT)
    files = FileSessionStore(tmp_path, lambda: EPOCH)
    files.claim("default")
    other = SessionLock(str(tmp_path / "claim.lock"))
    assert other.take()
    files.save_record(used, RECORD)
    assert sessions(tmp_path) == {used, *kept, *old}
    other.give_back()
    for _ in range(2):
        files.save_record(used, RECORD)
    assert sessions(tmp_path) == {used, *kept}


def test_a_clock_that_is_ahead_costs_none_of_the_last_few_sessions_with_work(tmp_path: Path) -> None:
    older = set(leave_work(tmp_path, 2))
    last = set(leave_work(tmp_path, SESSIONS_KEPT))
    files = FileSessionStore(tmp_path, lambda: EPOCH + timedelta(days=40))
    claimed = files.claim("default")
    for _ in range(SESSIONS_CLEANED):
        files.save_record(claimed.session_id, RECORD)
    assert claimed.session_id in last
    assert sessions(tmp_path) == last
    assert not sessions(tmp_path) & older


def test_the_only_work_of_an_image_stays_however_old_it_is(tmp_path: Path) -> None:
    (old,) = leave_work(tmp_path, 1, MONTH)
    files = FileSessionStore(tmp_path, lambda: EPOCH)
    claimed = files.claim("default", identity_of("another image"))
    files.save_record(claimed.session_id, RECORD)
    assert sessions(tmp_path) == {old, claimed.session_id}


@pytest.mark.parametrize("change", [add_newer_format, add_note, replace_lock])
def test_an_old_session_with_a_file_that_is_not_ours_to_judge_stays_as_it_is(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    directory = stored(tmp_path, NEW)
    change(directory)
    before = contents(directory)
    assert not remove_if_outlived(str(directory), EPOCH + timedelta(days=9_999))
    assert contents(directory) == before


def test_an_old_session_goes_with_its_snapshots_and_damaged_files(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    add_snapshot(directory)
    damage(directory)
    assert not remove_if_outlived(str(directory), EPOCH)
    assert remove_if_outlived(str(directory), EPOCH + timedelta(days=9_999))
    assert not directory.exists()
