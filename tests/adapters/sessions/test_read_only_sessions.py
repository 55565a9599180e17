"""A home that can be read and not written: what is there is restored, and written once that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.errors import StoreError
from tests.support.files.denied_writing import allow_writing, deny_writing, plain_account
from tests.support.files.stored_files import NEW, OLD, RECORD, codes_of, contents, newest, posix, stored

pytestmark = posix

NEWER = {"x": OLD["x"], "y": NEW["x"]}


@pytest.fixture
def root() -> Iterator[Path]:
    with plain_account() as directory:
        yield directory


@pytest.mark.parametrize("locks", ["there", "gone"])
def test_the_newest_session_is_handed_out_and_the_user_is_told(root: Path, locks: str) -> None:
    stored(root, OLD)
    directory = stored(root, NEW)
    if locks == "gone":
        for lock in [*root.rglob("lock"), root / "claim.lock"]:
            lock.unlink()
    deny_writing(root)
    before = contents(directory)
    claimed = FileSessionStore(root).claim("default")
    assert (claimed.session_id, claimed.record, claimed.sections, claimed.fresh) == (directory.name, RECORD, NEW, False)
    (notice,) = claimed.notices
    assert notice.code == "read_only"
    assert (
        notice.message == f"session {directory.name} was restored, but nothing can be saved there (Permission denied)"
    )
    assert notice.hint.startswith("give your account read and write access there")
    assert contents(directory) == before


def test_saving_fails_until_the_disk_can_be_written_and_then_owns_the_session(root: Path) -> None:
    directory = stored(root, OLD)
    deny_writing(root)
    files = FileSessionStore(root)
    session_id = files.claim("default").session_id
    for save in (lambda: files.save_record(session_id, RECORD), lambda: files.save_context(session_id, NEW)):
        with pytest.raises(StoreError, match="Permission denied"):
            save()
    allow_writing(root)
    files.save_context(session_id, NEW)
    files.save_record(session_id, RECORD)
    other = FileSessionStore(root)
    assert other.claim("default").fresh
    files.release(session_id)
    claimed = other.claim("default")
    assert (claimed.session_id, claimed.sections, claimed.notices) == (directory.name, NEW, ())


def test_what_another_process_owns_by_now_is_not_written(root: Path) -> None:
    directory = stored(root, OLD)
    deny_writing(root)
    files = FileSessionStore(root)
    session_id = files.claim("default").session_id
    allow_writing(root)
    other = FileSessionStore(root)
    assert other.claim("default").session_id == session_id
    before = contents(directory)
    with pytest.raises(StoreError, match="another process owns the session now") as caught:
        files.save_context(session_id, NEW)
    assert "in a session of its own" in (caught.value.hint or "")
    assert contents(directory) == before
    files.release(session_id)
    other.save_context(session_id, NEWER)


def test_what_another_process_has_continued_is_never_written(root: Path) -> None:
    directory = stored(root, OLD)
    deny_writing(root)
    files = FileSessionStore(root)
    session_id = files.claim("default").session_id
    allow_writing(root)
    other = FileSessionStore(root)
    other.claim("default")
    other.save_context(session_id, NEWER)
    other.release(session_id)
    before = contents(directory)
    for save in (
        lambda: files.save_context(session_id, NEW),
        lambda: files.save_record(session_id, RECORD),
        lambda: files.save_snapshot(session_id, NEW),
    ):
        with pytest.raises(StoreError, match="another process has continued the session"):
            save()
    assert contents(directory) == before
    assert other.claim("default").sections == NEWER


def test_what_was_removed_meanwhile_is_not_made_again_by_who_only_read_it(root: Path) -> None:
    directory = stored(root, OLD)
    deny_writing(root)
    files = FileSessionStore(root)
    files.claim("default")
    allow_writing(root)
    shutil.rmtree(directory)
    with pytest.raises(StoreError):
        files.save_context(directory.name, NEW)
    assert not directory.exists()


def test_a_living_process_keeps_its_session_to_itself(root: Path) -> None:
    spare, taken = stored(root, OLD), stored(root, NEW)
    owner = FileSessionStore(root)
    assert owner.claim("default").session_id == taken.name
    deny_writing(root)
    files = FileSessionStore(root)
    assert {session.session_id: session.live for session in files.read_newest()} == {
        taken.name: True,
        spare.name: False,
    }
    assert files.claim("default").session_id == spare.name
    owner.release(taken.name)


def test_a_store_hands_out_what_it_only_reads_once(root: Path) -> None:
    older, newer = stored(root, OLD), stored(root, NEW)
    deny_writing(root)
    files = FileSessionStore(root)
    assert [files.claim("default").session_id for _ in range(2)] == [newer.name, older.name]
    with pytest.raises(StoreError, match="cannot claim a session"):
        files.claim("default")
    allow_writing(root)
    assert files.claim("default").fresh


def test_a_damaged_file_stays_where_it_is_and_is_told_once(root: Path) -> None:
    directory = stored(root, OLD, NEW)
    newest(directory, "context").write_bytes(b"damaged")
    deny_writing(root)
    before = contents(directory)
    claimed = FileSessionStore(root).claim("default")
    assert (claimed.sections, codes_of(claimed.notices)) == (OLD, ["damaged_file", "read_only"])
    assert contents(directory) == before


READ_ONLY_DISK = """
import subprocess, sys
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.errors import StoreError
root = sys.argv[1]
def mounted(*options):
    subprocess.run(["mount", *options, root], check=True)
mounted("--bind", root)
mounted("-o", "remount,ro,bind")
files = FileSessionStore(root)
claimed = files.claim("default")
print(claimed.session_id, claimed.sections["x"].value.decode(), [notice.hint for notice in claimed.notices])
try:
    files.save_record(claimed.session_id, claimed.record)
except StoreError as error:
    print(error)
mounted("-o", "remount,rw,bind")
files.save_record(claimed.session_id, claimed.record)
"""


def can_mount() -> bool:
    if shutil.which("unshare") is None or os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0  # noqa: S607 - found above


@pytest.mark.skipif(os.name == "nt" or not can_mount(), reason="needs a mount of its own")
@posix
def test_a_disk_that_is_mounted_read_only_is_restored_from(tmp_path: Path) -> None:
    directory = stored(tmp_path, NEW)
    seqs = len(list(directory.glob("endpoint.*")))
    ran = subprocess.run(
        ["unshare", "-m", sys.executable, "-c", READ_ONLY_DISK, str(tmp_path)],  # noqa: S607 - found above
        check=True,
        capture_output=True,
        text=True,
    )
    first, second = ran.stdout.splitlines()
    assert first.startswith(f'{directory.name} "new" [\'the disk is read-only: mount it for writing')
    assert "Read-only file system" in second
    assert len(list(directory.glob("endpoint.*"))) == seqs + 1
