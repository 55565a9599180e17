"""A session whose directory is elsewhere, with a link in its place, counts as the others, or is told to be left out."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stui_supervisor.adapters.sessions.removal import remove_if_empty, remove_if_outlived
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.config import CONTEXT_FILE_MAX_BYTES, SESSIONS_KEPT
from stui_supervisor.errors import StoreError
from stui_supervisor.peer.identity import identity_of
from tests.support.files.stored_files import EPOCH, NEW, NOTHING, OLD, RECORD, codes_of, contents, newest, posix, stored

pytestmark = posix
LATER = EPOCH + timedelta(days=9_999)
MEMORY = Path("/dev/shm")  # noqa: S108  # a disk of its own


def moved(directory: Path) -> Path:
    """Move the session elsewhere and leave a link; where it is now."""
    elsewhere = directory.parent.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    target = elsewhere / f"work of {directory.name}"
    directory.rename(target)
    directory.symlink_to(target)
    return target


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "home" / "sessions"


def test_a_session_behind_a_link_is_listed_and_claimed_with_its_work(root: Path) -> None:
    directory = stored(root, OLD, NEW)
    moved(directory)
    files = FileSessionStore(root)
    (listed,) = files.read_newest("default")
    assert (listed.session_id, listed.record, listed.live_sections) == (directory.name, RECORD, 1)
    assert (files.known_profiles(), files.left_out()) == ({"default"}, {})
    claimed = files.claim("default")
    assert (claimed.session_id, claimed.sections, claimed.notices) == (directory.name, NEW, ())


def test_a_session_behind_a_link_is_live_while_it_is_owned_and_can_be_claimed_by_name(root: Path) -> None:
    directory = stored(root, NEW)
    moved(directory)
    owner = FileSessionStore(root)
    assert owner.claim_this(directory.name).sections == NEW
    assert [session.live for session in FileSessionStore(root).read_newest()] == [True]
    assert FileSessionStore(root).claim("default").fresh


def test_what_is_saved_after_the_session_was_moved_is_there_at_the_next_start(root: Path) -> None:
    directory = stored(root, OLD)
    files = FileSessionStore(root)
    files.claim("default")
    target = moved(directory)
    files.save_context(directory.name, NEW)
    files.release(directory.name)
    assert newest(target, "context").name == "context.2.json"
    assert FileSessionStore(root).claim("default").sections == NEW


def test_damaged_files_of_a_session_behind_a_link_are_set_aside_as_any_other(root: Path) -> None:
    directory = stored(root, OLD, NEW)
    target = moved(directory)
    for file in target.glob("*.json"):
        file.write_bytes(b"damaged")
    claimed = FileSessionStore(root).claim("default")
    assert (claimed.fresh, set(codes_of(claimed.notices))) == (True, {"damaged_file"})
    assert list(target.glob("*.json")) == []


@pytest.fixture
def another_disk() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY) as place:
        yield Path(place)


@pytest.mark.skipif(not MEMORY.is_dir(), reason="only where there is a disk in memory")
@pytest.mark.parametrize("damage", [b"damaged", b"x" * (CONTEXT_FILE_MAX_BYTES + 1)])
def test_a_damaged_file_on_another_disk_is_set_aside_unless_it_is_too_long(
    root: Path, another_disk: Path, damage: bytes
) -> None:
    directory = stored(root, OLD, NEW)
    if another_disk.stat().st_dev == root.stat().st_dev:
        pytest.skip("it is the same disk")
    shutil.move(directory, another_disk / "moved")
    directory.symlink_to(another_disk / "moved")
    file = newest(another_disk / "moved", "context")
    file.write_bytes(damage)
    claimed = FileSessionStore(root).claim("default")
    assert (claimed.sections, codes_of(claimed.notices)) == (OLD, ["damaged_file"])
    is_kept = damage == b"damaged"
    assert (file.exists(), list(contents(root / "quarantine").values())) == (not is_kept, [damage] if is_kept else [])
    assert ("It is kept as" if is_kept else "could not be set aside") in claimed.notices[0].message


def lead_to_nothing(_link: Path, target: Path) -> None:
    target.rename(target.with_name("not mounted"))


def lead_to_itself(link: Path, _target: Path) -> None:
    link.unlink()
    link.symlink_to(link.name)


def lead_to_a_file(link: Path, _target: Path) -> None:
    link.unlink()
    (link.parent.parent / "file").write_text("a person's own")
    link.symlink_to(link.parent.parent / "file")


def let_others_write(_link: Path, target: Path) -> None:
    target.chmod(0o777)


def lead_to_something_else(link: Path, target: Path) -> None:
    link.unlink()
    (target.parent / "letters").mkdir()
    (target.parent / "letters" / "letter.txt").write_text("a person's own")
    link.symlink_to(target.parent / "letters")


def lead_to_an_empty_directory(link: Path, target: Path) -> None:
    link.unlink()
    (target.parent / "empty").mkdir()
    link.symlink_to(target.parent / "empty")


def tree(place: Path) -> dict[str, bytes | None]:
    found = sorted(path for path in place.rglob("*") if path.name != "claim.lock")
    return {str(path.relative_to(place)): path.read_bytes() if path.is_file() else None for path in found}


unusable = pytest.mark.parametrize(
    ("change", "why"),
    [
        (lead_to_nothing, "leads to nothing that is there"),
        (lead_to_itself, "leads back to itself"),
        (lead_to_a_file, "does not lead to a directory"),
        (let_others_write, "leads into a directory that others may change"),
        (lead_to_something_else, "leads to a directory without a session"),
        (lead_to_an_empty_directory, "leads to a directory without a session"),
    ],
)


@unusable
def test_a_link_that_leads_to_no_session_of_ours_is_told_and_left_as_it_is(
    root: Path, change: Callable[[Path, Path], None], why: str
) -> None:
    directory = stored(root, NEW)
    change(directory, moved(directory))
    elsewhere = root.parent / "elsewhere"
    before = tree(elsewhere)
    files = FileSessionStore(root, lambda: LATER)
    assert (list(files.read_newest()), files.prune(None, 0)) == ([], [])
    (told,) = files.left_out().values()
    assert told.message == f"session {directory.name} is left out: it is a link, and {why}"
    assert "a directory of yours" in told.hint
    with pytest.raises(StoreError) as caught:
        files.claim_this(directory.name)
    assert (caught.value.message, caught.value.hint) == (told.message, told.hint)
    claimed = files.claim("default")
    assert (claimed.fresh, claimed.notices) == (True, (told,))
    assert (directory.is_symlink(), tree(elsewhere)) == (True, before)


def test_a_directory_that_others_may_change_is_written_to_no_more(root: Path) -> None:
    directory = stored(root, OLD)
    files = FileSessionStore(root)
    files.claim("default")
    target = moved(directory)
    target.chmod(0o777)
    before = contents(target)
    with pytest.raises(StoreError, match="it is a link, and leads into a directory that others may change"):
        files.save_context(directory.name, NEW)
    assert contents(target) == before
    target.chmod(0o700)
    files.save_context(directory.name, NEW)
    files.release(directory.name)
    assert FileSessionStore(root).claim("default").sections == NEW


def test_one_directory_with_two_names_counts_once(root: Path) -> None:
    directory = stored(root, NEW)
    second = root / f"0{directory.name[1:]}" if directory.name[0] != "0" else root / f"1{directory.name[1:]}"
    second.symlink_to(directory)
    files = FileSessionStore(root, lambda: LATER)
    assert [session.session_id for session in files.read_newest()] == [directory.name]
    (told,) = files.left_out().values()
    assert told.message.endswith("it is a link, and leads to a session that has another name here")
    moved(directory)
    assert [session.session_id for session in files.read_newest()] == [min(directory.name, second.name)]


def leave_work(root: Path, count: int) -> list[str]:
    """Free sessions with work of one image, the oldest first."""
    files = FileSessionStore(root, lambda: EPOCH)
    ids = [files.claim("default", identity_of(number)).session_id for number in range(count)]
    for session_id in ids:
        files.save_record(session_id, RECORD)
        files.save_context(session_id, NEW)
    for session_id in ids:
        files.release(session_id)
    return ids


def test_pruning_removes_the_files_the_directory_and_the_link_and_nothing_around(root: Path) -> None:
    ids = leave_work(root, SESSIONS_KEPT + 1)
    for session_id in ids:
        moved(root / session_id)
    (removed,) = FileSessionStore(root, lambda: LATER).prune(None, 30)
    assert not os.path.lexists(root / removed)
    left = {f"work of {session_id}" for session_id in ids} - {f"work of {removed}"}
    assert {path.name for path in (root.parent / "elsewhere").iterdir()} == left


def test_a_session_without_work_goes_with_its_link(root: Path) -> None:
    directory = stored(root, NOTHING)
    target = moved(directory)
    remove_if_empty(str(directory))
    assert (os.path.lexists(directory), target.exists(), target.parent.exists()) == (False, False, True)


def test_an_old_session_behind_a_link_with_a_file_that_is_not_ours_stays(root: Path) -> None:
    directory = stored(root, NEW)
    target = moved(directory)
    (target / "note.txt").write_text("a person's own")
    before = contents(target)
    assert not remove_if_outlived(str(directory), LATER)
    assert (directory.is_symlink(), contents(target)) == (True, before)


def test_an_old_session_that_others_may_change_is_not_removed_through_its_link(root: Path) -> None:
    directory = stored(root, NEW)
    target = moved(directory)
    target.chmod(0o777)
    assert not remove_if_outlived(str(directory), LATER)
    assert newest(target, "context").exists()


def test_a_directory_that_cannot_go_is_left_empty_and_the_link_goes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that a disk is mounted on."""
    directory = stored(root, NEW)
    target = moved(directory)

    def busy(path: str) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy", path)

    monkeypatch.setattr(os, "rmdir", busy)
    assert remove_if_outlived(str(directory), LATER)
    assert (os.path.lexists(directory), list(target.iterdir())) == (False, [])


def test_a_file_that_somebody_puts_there_while_the_session_goes_keeps_directory_and_link(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = stored(root, NEW)
    target = moved(directory)
    rmdir = os.rmdir

    def too_late(path: str) -> None:
        (target / "note.txt").write_text("a person's own")
        rmdir(path)

    monkeypatch.setattr(os, "rmdir", too_late)
    assert not remove_if_outlived(str(directory), LATER)
    assert (directory.is_symlink(), contents(target)) == (True, {"note.txt": b"a person's own"})


def test_a_process_without_descriptors_does_not_take_a_session_for_left_out(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = stored(root, NEW)
    target = moved(directory)
    listdir = os.listdir

    def refused(path: str) -> list[str]:
        if path == str(target):
            raise OSError(errno.EMFILE, "Too many open files")
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refused)
    with pytest.raises(StoreError, match="Too many open files"):
        FileSessionStore(root).left_out()
