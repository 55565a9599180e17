from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stui_supervisor.adapters.generations import Header, Kind, decode, encode
from stui_supervisor.adapters.profile_file import ProfileFile
from stui_supervisor.adapters.session_lock import SessionLock
from stui_supervisor.config import PROFILES_MAX_BYTES, QUARANTINE_MAX_FILES
from stui_supervisor.errors import ConfigurationError, StoreError
from stui_supervisor.profile import Profile
from tests.support.stored_files import EPOCH, Ticking, codes_of, contents, posix, with_body, with_header

FILE, BACKUP = "profiles.json", "profiles.backup.json"
OLD = Profile(name="work", pin_image="one")
NEW = replace(OLD, pin_image="two")
START_S = 2.0


def put(profile: Profile) -> Callable[[Profile | None], Profile]:
    return lambda _: profile


def refuse(_: Profile | None) -> Profile:
    raise ConfigurationError("no such profile")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Holds NEW, and OLD as the backup."""
    file = ProfileFile(tmp_path / FILE)
    file.change("work", put(OLD))
    file.change("work", put(NEW))
    return tmp_path


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As ``home``, to be copied."""
    root = tmp_path_factory.mktemp("template")
    for profile in (OLD, NEW):
        ProfileFile(root / FILE).change("work", put(profile))
    return root


@contextmanager
def copied(template: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(shutil.copytree(template, Path(scratch) / "home"))


def pin(home: Path) -> str | None:
    """What a start reads."""
    return ProfileFile(home / FILE).read("work")[0].pin_image


def seq(path: Path) -> int:
    return decode(path.read_bytes())[0].seq


# What is there


def test_nothing_is_made_before_the_first_change(tmp_path: Path) -> None:
    assert ProfileFile(tmp_path / "home" / FILE).read_all() == ({}, ())
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_one_as_generations_are_and_its_seq_grows(home: Path) -> None:
    header, body = decode((home / FILE).read_bytes())
    assert (header.kind, header.seq, header.profile, header.live_sections) == (Kind.PROFILES, 2, "", 0)
    assert b'"pin_image": "two"' in body


def test_the_backup_is_the_file_as_it_was_before_the_last_change(tmp_path: Path) -> None:
    file = ProfileFile(tmp_path / FILE)
    file.change("work", put(OLD))
    before = (tmp_path / FILE).read_bytes()
    file.change("work", put(NEW))
    assert (tmp_path / BACKUP).read_bytes() == before


def test_a_change_that_changes_nothing_writes_nothing(home: Path) -> None:
    before = contents(home)
    ProfileFile(home / FILE).change("work", lambda known: known)
    assert contents(home) == before


def test_a_profile_that_was_forgotten_is_not_there_any_more(home: Path) -> None:
    file = ProfileFile(home / FILE)
    file.change("play", put(Profile(name="play")))
    file.change("work", lambda _: None)
    assert file.read_all() == ({"play": Profile(name="play")}, ())


def test_a_change_that_is_refused_changes_nothing_and_is_raised_as_it_is(home: Path) -> None:
    before = contents(home)
    with pytest.raises(ConfigurationError, match="no such profile"):
        ProfileFile(home / FILE).change("work", refuse)
    assert contents(home) == before


def test_what_a_later_minor_version_added_survives_a_change_of_another_profile(home: Path) -> None:
    content = (home / FILE).read_bytes()
    later = b'{"profiles":{"work":{"colour":"red"}},"groups":[1]}\n'
    (home / FILE).write_bytes(with_header(with_body(content, later), minor=7))
    file = ProfileFile(home / FILE)
    file.change("play", put(Profile(name="play")))
    assert file.read("work") == (Profile(name="work", extra={"colour": "red"}), ())
    assert b'"groups":[1]' in (home / FILE).read_bytes()


@posix
@pytest.mark.parametrize("mask", [0, 0o777])
def test_only_the_owner_can_read_anything(tmp_path: Path, mask: int) -> None:
    old = os.umask(mask)
    try:
        file = ProfileFile(tmp_path / "home" / FILE)
        file.change("work", put(OLD))
        file.change("work", put(NEW))
        (tmp_path / "home" / FILE).write_bytes(b"damaged")
        file.read_all()
    finally:
        os.umask(old)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home").rglob("*")}
    assert {path.name for path in modes} >= {FILE, BACKUP, "quarantine"}
    assert modes == {path: 0o700 if path.is_dir() else 0o600 for path in modes}


def test_more_profiles_than_the_file_may_hold_are_refused_and_the_others_stay(home: Path) -> None:
    before = contents(home)
    huge = Profile(name="huge", extra={"later": "x" * PROFILES_MAX_BYTES})
    with pytest.raises(StoreError, match="forget some of them"):
        ProfileFile(home / FILE).change("huge", put(huge))
    assert contents(home) == before


def test_what_a_change_that_was_cut_off_left_behind_is_swept(home: Path) -> None:
    (home / f".{FILE}.0123abcd.tmp").write_bytes(b"half")
    (home / f".{BACKUP}.0123abcd.tmp").write_bytes(b"half")
    (home / ".another.tmp").write_bytes(b"not ours")
    ProfileFile(home / FILE).change("work", put(OLD))
    assert sorted(path.name for path in home.glob("*.tmp")) == [".another.tmp"]


# Damage


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_one_flipped_byte_brings_the_backup_and_the_user_is_told_once(template: Path, data: st.DataObject) -> None:
    with copied(template) as home:
        content = bytearray((home / FILE).read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        (home / FILE).write_bytes(content)
        profile, notices = ProfileFile(home / FILE).read("work")
        assert (profile, codes_of(notices)) == (OLD, ["damaged_file"])
        if "stays where it is" in notices[0].message:  # it looks like a later version's
            assert (home / FILE).read_bytes() == content
            with pytest.raises(StoreError, match="then try again"):
                ProfileFile(home / FILE).change("work", put(NEW))
        else:
            assert ProfileFile(home / FILE).read("work") == (OLD, ())
            assert [path.read_bytes() for path in (home / "quarantine").iterdir()] == [bytes(content)]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_file_that_was_cut_off_brings_the_backup(template: Path, data: st.DataObject) -> None:
    with copied(template) as home:
        content = (home / FILE).read_bytes()
        (home / FILE).write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
        assert pin(home) == "one"


def test_after_damage_the_next_change_goes_on_from_the_backup(home: Path) -> None:
    (home / FILE).write_bytes(b"damaged")
    file = ProfileFile(home / FILE, Ticking())
    changed, notices = file.change("play", put(Profile(name="play")))
    assert (changed, codes_of(notices)) == (Profile(name="play"), ["damaged_file"])
    assert file.read_all() == ({"work": OLD, "play": Profile(name="play")}, ())
    assert seq(home / FILE) == 2


def test_with_both_damaged_the_profiles_begin_anew_and_both_are_kept_for_support(home: Path) -> None:
    for name in (FILE, BACKUP):
        (home / name).write_bytes(name.encode())
    profile, notices = ProfileFile(home / FILE).read("work")
    assert (profile, codes_of(notices)) == (Profile(name="work"), ["damaged_file", "damaged_file"])
    assert all(notice.message.endswith("the profiles begin anew") for notice in notices)
    assert {path.read_bytes() for path in (home / "quarantine").iterdir()} == {FILE.encode(), BACKUP.encode()}
    assert ProfileFile(home / FILE).read("work") == (Profile(name="work"), ())


def test_a_file_that_is_gone_is_brought_back_from_its_backup_and_the_user_is_told_once(home: Path) -> None:
    (home / FILE).unlink()
    profile, notices = ProfileFile(home / FILE).read("work")
    assert (profile, codes_of(notices)) == (OLD, ["damaged_file"])
    assert notices[0].message == "profiles.json is missing, and the backup of before the last change is used"
    assert ProfileFile(home / FILE).read("work") == (OLD, ())


def test_a_damaged_backup_is_replaced_by_the_next_change(home: Path) -> None:
    (home / BACKUP).write_bytes(b"damaged")
    file = ProfileFile(home / FILE)
    assert file.read("work") == (NEW, ())
    file.change("work", put(OLD))
    (home / FILE).unlink()
    assert pin(home) == "two"


def test_a_file_of_a_session_in_its_place_is_damage(home: Path) -> None:
    body = b'{"profiles":{}}\n'
    header = Header(kind=Kind.CONTEXT, seq=9, saved_at=EPOCH, profile="work")
    (home / FILE).write_bytes(encode(header, body) + body)
    assert pin(home) == "one"


def test_noting_a_link_leaves_a_damaged_file_to_the_next_start_which_tells_of_it(home: Path) -> None:
    (home / FILE).write_bytes(b"damaged")
    with pytest.raises(StoreError, match="the next start mends it"):
        ProfileFile(home / FILE).note_link("work", "x")
    profile, notices = ProfileFile(home / FILE).read("work")
    assert (profile, codes_of(notices)) == (OLD, ["damaged_file"])


def test_the_quarantine_stays_small(home: Path) -> None:
    file = ProfileFile(home / FILE, Ticking())
    for _ in range(QUARANTINE_MAX_FILES + 3):
        (home / FILE).write_bytes(b"damaged")
        file.read_all()
    assert len(list((home / "quarantine").iterdir())) == QUARANTINE_MAX_FILES


def _directory(path: Path) -> None:
    path.mkdir()
    (path / "inside").write_text("x")


def _link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


def _fifo(path: Path) -> None:
    os.mkfifo(path)


IN_ITS_PLACE: dict[str, Callable[[Path], None]] = {
    "directory": _directory,
    "link": _link,
    "FIFO": _fifo,
}


@posix
@pytest.mark.parametrize("what", IN_ITS_PLACE)
def test_another_thing_in_its_place_is_set_aside_and_followed_nowhere(what: str, home: Path) -> None:
    (home / "elsewhere").write_bytes((home / FILE).read_bytes())
    (home / FILE).unlink()
    IN_ITS_PLACE[what](home / FILE)
    began = time.monotonic()
    assert pin(home) == "one"
    assert time.monotonic() - began < START_S
    ProfileFile(home / FILE).change("work", put(NEW))
    assert pin(home) == "two"
    assert len(list((home / "quarantine").iterdir())) == 1


@posix
@pytest.mark.parametrize("what", IN_ITS_PLACE)
def test_another_thing_in_the_backups_place_stops_no_change(what: str, home: Path) -> None:
    (home / BACKUP).unlink()
    IN_ITS_PLACE[what](home / BACKUP)
    ProfileFile(home / FILE).change("work", put(OLD))
    assert pin(home) == "one"
    (home / FILE).unlink()
    assert pin(home) == "two"


# Later versions


def test_a_later_versions_file_is_left_untouched_and_says_what_to_do(home: Path) -> None:
    (home / FILE).write_bytes(with_header((home / FILE).read_bytes(), major=2))
    before, file = contents(home), ProfileFile(home / FILE)
    for call in (file.read_all, lambda: file.change("work", put(OLD)), lambda: file.note_link("work", "x")):
        with pytest.raises(StoreError, match=r"a later version \(format 2\) and are left as they are"):
            call()
    assert contents(home) == before


# The lock


def test_a_change_waits_for_the_lock_no_longer_than_it_was_told_to(home: Path) -> None:
    lock, before = SessionLock(str(home / "profiles.lock")), contents(home)
    assert lock.take()
    try:
        with pytest.raises(StoreError, match="another process holds the profiles"):
            ProfileFile(home / FILE).change("work", put(OLD), wait_s=0.05)
        with pytest.raises(StoreError, match="another process holds the profiles"):
            ProfileFile(home / FILE).note_link("work", "x")
        assert pin(home) == "two"
    finally:
        lock.give_back()
    assert contents(home) == before


def test_while_another_process_holds_the_lock_a_damaged_file_stays_and_its_backup_is_read(home: Path) -> None:
    (home / FILE).write_bytes(b"damaged")
    lock = SessionLock(str(home / "profiles.lock"))
    assert lock.take()
    try:
        began = time.monotonic()
        profile, (notice,) = ProfileFile(home / FILE).read("work")
        assert time.monotonic() - began < START_S
    finally:
        lock.give_back()
    assert (profile, (home / FILE).read_bytes()) == (OLD, b"damaged")
    assert "It stays where it is" in notice.message


@posix
def test_another_thing_in_the_locks_place_stops_changes_but_no_start(home: Path) -> None:
    (home / "profiles.lock").unlink(missing_ok=True)
    _directory(home / "profiles.lock")
    assert pin(home) == "two"
    with pytest.raises(StoreError, match="is not a file: remove it"):
        ProfileFile(home / FILE).change("work", put(OLD))
    (home / FILE).write_bytes(b"damaged")
    assert pin(home) == "one"


# The disk


def test_a_home_that_cannot_be_made_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    file = ProfileFile(tmp_path / "file" / FILE)
    for call in (file.read_all, lambda: file.change("work", put(OLD))):
        with pytest.raises(StoreError, match="a file is where a directory should be"):
            call()


@posix
def test_a_disk_that_takes_nothing_more_costs_the_change_and_nothing_else(home: Path) -> None:
    import resource  # noqa: PLC0415 - only on POSIX systems

    before = contents(home)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(StoreError) as caught:
            ProfileFile(home / FILE).change("work", put(OLD))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.EFBIG
    assert contents(home) == before
