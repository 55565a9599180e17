from __future__ import annotations

import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from stui_supervisor.adapters.files.file_format import Header, Kind, encode
from stui_supervisor.adapters.files.lock import SessionLock
from stui_supervisor.adapters.sessions.codec import encode_record
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.adapters.sessions.stored_session import StoredSession
from stui_supervisor.config import (
    CLAIM_WAIT_S,
    RECORD_MAX_BYTES,
)
from stui_supervisor.context.context import Section
from stui_supervisor.errors import StoreError
from tests.support.files.stored_files import (
    EPOCH,
    NEW,
    OLD,
    RECORD,
    Ticking,
    contents,
    newest,
    posix,
    stored,
    with_header,
)


def test_nothing_is_made_before_the_first_claim(tmp_path: Path) -> None:
    files = FileSessionStore(tmp_path / "sessions")
    assert (list(files.read_newest("default")), files.known_profiles()) == ([], set())
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.parametrize("mask", [0, 0o777])
def test_only_the_owner_can_read_anything(tmp_path: Path, mask: int) -> None:
    old = os.umask(mask)
    try:
        directory = stored(tmp_path / "home" / "sessions", OLD)
        newest(directory, "context").write_bytes(b"damaged")
        FileSessionStore(tmp_path / "home" / "sessions").claim("default")
    finally:
        os.umask(old)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home").rglob("*")}
    assert len(modes) > 6
    assert modes == {path: 0o700 if path.is_dir() else 0o600 for path in modes}


def test_the_order_of_claims_is_that_of_the_headers_not_of_the_files(tmp_path: Path) -> None:
    older, newer = stored(tmp_path, OLD), stored(tmp_path, NEW)
    os.utime(newest(older, "context"))
    os.utime(newest(newer, "context"), (0, 0))
    assert FileSessionStore(tmp_path).claim("default").session_id == newer.name


def test_a_claim_for_a_name_that_fits_in_no_file_still_works(tmp_path: Path) -> None:
    assert FileSessionStore(tmp_path).claim("x" * RECORD_MAX_BYTES).fresh


def test_a_root_that_cannot_be_made_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    files = FileSessionStore(tmp_path / "file" / "sessions")
    for call in (lambda: files.claim("default"), lambda: list(files.read_newest("default"))):
        with pytest.raises(StoreError, match="a file is where a directory should be") as caught:
            call()
        assert isinstance(caught.value.__cause__, OSError)
    (tmp_path / "file").unlink()
    assert files.claim("default").fresh


@pytest.mark.skipif(os.name != "nt", reason="only on Windows are there such names")
@pytest.mark.parametrize("root", ["NUL", "a?b", "con:", "q:\\nowhere"])
def test_a_root_with_a_name_that_the_system_keeps_is_an_error_that_says_so(root: str) -> None:
    with pytest.raises(StoreError, match="name another directory with home"):
        FileSessionStore(root).claim("default")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    import resource  # noqa: PLC0415 - not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@posix
def test_a_disk_that_takes_no_more_costs_nothing_that_was_saved(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    files = FileSessionStore(tmp_path)
    session_id = files.claim("default").session_id
    before = contents(directory)
    with files_of_at_most(1_000), pytest.raises(StoreError, match="cannot save the context"):
        files.save_context(session_id, {"x": Section(b'"%s"' % (b"x" * 10_000), 2, "me")})
    assert contents(directory) == before
    files.save_context(session_id, NEW)
    files.release(session_id)
    assert files.claim("default").sections == NEW


@posix
def test_a_claim_works_on_a_disk_that_takes_nothing(tmp_path: Path) -> None:
    files = FileSessionStore(tmp_path)
    with files_of_at_most(10):
        claimed = files.claim("default")
        with pytest.raises(StoreError):
            files.save_record(claimed.session_id, RECORD)
    files.save_record(claimed.session_id, RECORD)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is denied to root")
@posix
def test_a_directory_without_rights_is_an_error_that_says_so(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    files = FileSessionStore(tmp_path)
    session_id = files.claim("default").session_id
    directory.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="write access"):
            files.save_context(session_id, NEW)
    finally:
        directory.chmod(0o700)
    files.save_context(session_id, NEW)


@posix
def test_nothing_stays_open_after_a_release(tmp_path: Path) -> None:
    files = FileSessionStore(tmp_path)

    def cycle() -> int:
        session_id = files.claim("default").session_id
        files.save_context(session_id, NEW)
        list(files.read_newest())
        files.release(session_id)
        lowest_free = os.open(os.devnull, os.O_RDONLY)
        os.close(lowest_free)
        return lowest_free

    before = cycle()
    assert [cycle() for _ in range(10)] == [before] * 10


def test_the_listing_shows_the_newest_first_and_who_lives(tmp_path: Path) -> None:
    clock = Ticking()
    files = FileSessionStore(tmp_path, clock)
    for profile in ("default", "other"):
        session_id = files.claim(profile).session_id
        files.save_record(session_id, replace(RECORD, profile=profile))
        files.save_context(session_id, NEW)
        if profile == "default":
            files.release(session_id)
    listed = list(FileSessionStore(tmp_path).read_newest(None))
    assert [one._replace(last_sign=None) for one in listed] == [
        StoredSession(
            session_id=session_id,
            record=replace(RECORD, profile="other"),
            saved_at=clock.now,
            live=True,
            live_sections=1,
        ),
        StoredSession(
            session_id=listed[1].session_id,
            record=RECORD,
            saved_at=clock.now - timedelta(seconds=4),
            live=False,
            live_sections=1,
        ),
    ]
    assert [session.live for session in files.read_newest("other")] == [True]
    assert files.known_profiles() == {"default", "other"}


def test_a_process_that_is_frozen_in_a_claim_holds_up_others_only_briefly(tmp_path: Path) -> None:
    directory = stored(tmp_path, NEW)
    frozen = SessionLock(str(tmp_path / "claim.lock"))
    assert frozen.take()
    began = time.monotonic()
    assert FileSessionStore(tmp_path).claim("default").session_id == directory.name
    assert CLAIM_WAIT_S <= time.monotonic() - began < CLAIM_WAIT_S + 2
    frozen.give_back()


def plant_directory(path: Path) -> None:
    path.mkdir()


def plant_link(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere")


def plant_fifo(path: Path) -> None:
    os.mkfifo(path)


planted = pytest.mark.parametrize(
    "plant", [plant_directory, pytest.param(plant_link, marks=posix), pytest.param(plant_fifo, marks=posix)]
)


@planted
def test_a_claim_needs_no_claim_lock(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    directory = stored(tmp_path, NEW)
    (tmp_path / "claim.lock").unlink(missing_ok=True)
    plant(tmp_path / "claim.lock")
    files = FileSessionStore(tmp_path)
    claimed = files.claim("default")
    assert (claimed.session_id, claimed.sections, claimed.notices) == (directory.name, NEW, ())
    assert [session.live for session in FileSessionStore(tmp_path).read_newest()] == [True]
    assert not (tmp_path / "elsewhere").exists()


@planted
def test_a_session_whose_lock_was_replaced_is_left_out_and_told(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    spare, directory = stored(tmp_path, OLD), stored(tmp_path, NEW)
    (directory / "lock").unlink(missing_ok=True)
    plant(directory / "lock")
    before = contents(directory)
    claimed = FileSessionStore(tmp_path).claim("default")
    assert (claimed.session_id, claimed.sections) == (spare.name, OLD)
    (notice,) = claimed.notices
    assert (notice.code, directory.name in notice.message) == ("unusable_file", True)
    assert "remove 'lock'" in notice.hint
    assert contents(directory) == before
    assert not (directory / "elsewhere").exists()


def times_of_change(directory: Path) -> dict[Path, int]:
    """In nanoseconds; 0 for an empty file: taking a lock may count as a change."""
    found = {path: path.stat() for path in directory.rglob("*")}
    return {path: status.st_mtime_ns if status.st_size else 0 for path, status in found.items()}


def test_the_listing_changes_no_file(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    newest(directory, "context").write_bytes(b"damaged")
    (directory / "lock").unlink(missing_ok=True)
    shutil.rmtree(tmp_path / "quarantine", ignore_errors=True)
    before = times_of_change(tmp_path)
    (listed,) = FileSessionStore(tmp_path).read_newest("default")
    assert (listed.record, listed.live, listed.live_sections) == (RECORD, False, 1)
    assert times_of_change(tmp_path) == before


def test_a_claim_among_five_hundred_old_sessions_finds_the_newest_work(tmp_path: Path) -> None:
    ages = [number * 7_919 % 500 for number in range(500)]  # every age once, in no order
    template = stored(tmp_path / "template", NEW)
    for number, age in enumerate(ages):
        directory = tmp_path / "sessions" / f"00000000-0000-0000-0000-{number:012d}"
        directory.mkdir(parents=True)
        moment = EPOCH + timedelta(minutes=age)
        header = Header(kind=Kind.ENDPOINT, seq=1, saved_at=moment, profile="default")
        body = encode_record(RECORD)
        (directory / "endpoint.1.json").write_bytes(encode(header, body) + body)
        if age < 250:
            content = with_header((template / "context.1.json").read_bytes(), time=moment.isoformat())
            (directory / "context.1.json").write_bytes(content)
    claimed = FileSessionStore(tmp_path / "sessions").claim("default")
    assert claimed.session_id == f"00000000-0000-0000-0000-{ages.index(249):012d}"


def test_a_sign_of_life_says_until_when_a_process_lived_that_is_gone_and_costs_no_save(tmp_path: Path) -> None:
    now = [EPOCH]
    files = FileSessionStore(tmp_path, lambda: now[0])
    session_id = files.claim("default").session_id
    files.save_record(session_id, RECORD)
    before = contents(tmp_path / session_id)
    now[0] = EPOCH + timedelta(hours=1)
    files.sign_of_life()
    assert contents(tmp_path / session_id) == before
    files.release(session_id)

    now[0] = EPOCH + timedelta(hours=2)
    (seen,) = files.read_newest("default")
    assert (seen.last_sign, seen.saved_at) == (EPOCH + timedelta(hours=1), EPOCH)
    claimed = FileSessionStore(tmp_path, lambda: now[0]).claim("default")
    assert claimed.last_sign == EPOCH + timedelta(hours=1)


def test_a_time_after_now_is_no_sign_of_life(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    os.utime(newest(directory, "endpoint"), (time.time() + 1_000, time.time() + 1_000))
    (seen,) = FileSessionStore(tmp_path).read_newest("default")
    assert seen.last_sign is not None
    assert seen.last_sign.timestamp() <= time.time()


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX can a lock that is held be removed")
def test_after_a_sign_of_life_the_session_is_still_known_as_its_owners(tmp_path: Path) -> None:
    files = FileSessionStore(tmp_path)
    session_id = files.claim("default").session_id
    files.save_record(session_id, RECORD)
    files.sign_of_life()
    (tmp_path / session_id / "lock").unlink(missing_ok=True)  # which makes the next save look who was here
    files.save_record(session_id, RECORD)
    assert FileSessionStore(tmp_path).claim(RECORD.profile).session_id != session_id
