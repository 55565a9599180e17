from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stui_supervisor.adapters.files.file_format import Header, Kind, decode, encode
from stui_supervisor.adapters.files.lock import SessionLock
from stui_supervisor.adapters.profiles.repair import confirm
from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.config import PROFILES_MAX_BYTES
from stui_supervisor.errors import ConfigurationError, StoreError
from stui_supervisor.profile import Profile
from tests.support.files.stored_files import EPOCH, codes_of, contents, failing, posix, with_body, with_header

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
    file = FileProfileStore(tmp_path / FILE)
    file.change("work", put(OLD))
    file.change("work", put(NEW))
    return tmp_path


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As ``home``, to be copied."""
    root = tmp_path_factory.mktemp("template")
    for profile in (OLD, NEW):
        FileProfileStore(root / FILE).change("work", put(profile))
    return root


@contextmanager
def copied(template: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(shutil.copytree(template, Path(scratch) / "home"))


def pin(home: Path) -> str | None:
    """What a start reads."""
    return FileProfileStore(home / FILE).read("work")[0].pin_image


def seq(path: Path) -> int:
    return decode(path.read_bytes())[0].seq


# What is there


def test_nothing_is_made_before_the_first_change(tmp_path: Path) -> None:
    assert FileProfileStore(tmp_path / "home" / FILE).read_all() == ({}, None)
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_one_as_generations_are_and_its_seq_grows(home: Path) -> None:
    header, body = decode((home / FILE).read_bytes())
    assert (header.kind, header.seq, header.profile, header.live_sections) == (Kind.PROFILES, 2, "", 0)
    assert b'"pin_image": "two"' in body


def test_the_backup_is_the_file_as_it_was_before_the_last_change(tmp_path: Path) -> None:
    file = FileProfileStore(tmp_path / FILE)
    file.change("work", put(OLD))
    before = (tmp_path / FILE).read_bytes()
    file.change("work", put(NEW))
    assert (tmp_path / BACKUP).read_bytes() == before


def test_a_change_that_changes_nothing_writes_nothing(home: Path) -> None:
    before = contents(home)
    FileProfileStore(home / FILE).change("work", lambda known: known)
    assert contents(home) == before


def test_a_profile_that_was_forgotten_is_not_there_any_more(home: Path) -> None:
    file = FileProfileStore(home / FILE)
    file.change("play", put(Profile(name="play")))
    file.change("work", lambda _: None)
    assert file.read_all() == ({"play": Profile(name="play")}, None)


def test_a_change_that_is_refused_changes_nothing_and_is_raised_as_it_is(home: Path) -> None:
    before = contents(home)
    with pytest.raises(ConfigurationError, match="no such profile"):
        FileProfileStore(home / FILE).change("work", refuse)
    assert contents(home) == before


def test_what_a_later_minor_version_added_survives_a_change_of_another_profile(home: Path) -> None:
    content = (home / FILE).read_bytes()
    later = b'{"profiles":{"work":{"colour":"red"}},"groups":[1]}\n'
    (home / FILE).write_bytes(with_header(with_body(content, later), minor=7))
    file = FileProfileStore(home / FILE)
    file.change("play", put(Profile(name="play")))
    assert file.read("work") == (Profile(name="work", extra={"colour": "red"}), ())
    assert b'"groups":[1]' in (home / FILE).read_bytes()


@posix
@pytest.mark.parametrize("mask", [0, 0o777])
def test_only_the_owner_can_read_anything(tmp_path: Path, mask: int) -> None:
    old = os.umask(mask)
    try:
        file = FileProfileStore(tmp_path / "home" / FILE)
        file.change("work", put(OLD))
        file.change("work", put(NEW))
        (tmp_path / "home" / FILE).write_bytes(b"damaged")
        confirm(file, None)
    finally:
        os.umask(old)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home").rglob("*")}
    assert {path.name for path in modes} >= {FILE, BACKUP, "quarantine"}
    assert modes == {path: 0o700 if path.is_dir() else 0o600 for path in modes}


def test_more_profiles_than_the_file_may_hold_are_refused_and_the_others_stay(home: Path) -> None:
    before = contents(home)
    huge = Profile(name="huge", extra={"later": "x" * PROFILES_MAX_BYTES})
    with pytest.raises(StoreError, match="forget some of them"):
        FileProfileStore(home / FILE).change("huge", put(huge))
    assert contents(home) == before


def test_what_a_change_that_was_cut_off_left_behind_is_swept(home: Path) -> None:
    (home / f".{FILE}.0123abcd.tmp").write_bytes(b"half")
    (home / f".{BACKUP}.0123abcd.tmp").write_bytes(b"half")
    (home / ".another.tmp").write_bytes(b"not ours")
    FileProfileStore(home / FILE).change("work", put(OLD))
    assert sorted(path.name for path in home.glob("*.tmp")) == [".another.tmp"]


# What is not known


def doubt(home: Path, name: str = "work") -> str:
    """What a start is told that cannot read the profile."""
    with pytest.raises(StoreError) as caught:
        FileProfileStore(home / FILE).read(name)
    return str(caught.value)


def unchanged(home: Path) -> bool:
    """True when neither a start nor a command changes anything."""
    before, file = contents(home), FileProfileStore(home / FILE)
    for call in (
        lambda: file.read("work"),
        lambda: file.read("play"),
        file.read_all,
        lambda: file.change("play", put(Profile(name="play"))),
        lambda: file.note_link("work", "x", wanted=True),
    ):
        with suppress(StoreError):
            call()
    return contents(home) == before


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_after_one_flipped_byte_the_profile_is_as_it_was_or_not_known_and_nothing_is_touched(
    template: Path, data: st.DataObject
) -> None:
    with copied(template) as home:
        content = bytearray((home / FILE).read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        (home / FILE).write_bytes(content)
        with suppress(StoreError):
            profile, notices = FileProfileStore(home / FILE).read("work")
            assert (profile, codes_of(notices)) == (NEW, ["damaged_file"])
        assert "profiles.json is damaged" in doubt(home, "another")
        assert unchanged(home)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_file_that_was_cut_off_is_not_taken_for_one_without_the_profile(template: Path, data: st.DataObject) -> None:
    with copied(template) as home:
        content = (home / FILE).read_bytes()
        (home / FILE).write_bytes(content[: data.draw(st.integers(0, content.index(b'"sha256":"', 400)))])
        assert "profiles.json is damaged" in doubt(home)
        assert unchanged(home)


def test_a_profile_whose_own_checksum_is_right_is_known_whatever_became_of_the_others(home: Path) -> None:
    file = FileProfileStore(home / FILE)
    file.change("play", put(Profile(name="play", uses_token=True)))
    (home / FILE).write_bytes((home / FILE).read_bytes().replace(b'"pin_image": "two"', b'"pin_image": "2"'))
    profile, (notice,) = file.read("play")
    assert profile == Profile(name="play", uses_token=True)
    assert notice.message == (
        "profiles.json is damaged (its checksum does not match); "
        "what is settled for the profile play could still be read"
    )
    assert doubt(home) == (
        "profiles.json is damaged (its checksum does not match): put it back as it was, "
        "or decide what holds from now on with: stui-supervisor profiles confirm work"
    )
    known, why = file.read_all()
    assert (list(known), why is not None) == (["play"], True)
    assert unchanged(home)


def test_of_a_file_of_an_earlier_version_only_the_whole_can_be_known(home: Path) -> None:
    line = b'"work":{"endpoints": [], "failover": false, "pin_image": "two", "server_keys": {}}'
    body = b'{"profiles":{\n' + line + b"\n}}\n"
    (home / FILE).write_bytes(encode(Header(kind=Kind.PROFILES, seq=3, saved_at=EPOCH, profile=""), body) + body)
    assert FileProfileStore(home / FILE).read("work") == (NEW, ())
    assert FileProfileStore(home / FILE).read("play") == (Profile(name="play"), ())
    (home / FILE).write_bytes((home / FILE).read_bytes() + b"\n")
    assert "profiles.json is damaged" in doubt(home)


def test_a_checksum_that_an_earlier_version_carried_along_says_nothing(home: Path) -> None:
    content = (home / FILE).read_bytes().replace(b'"pin_image": "two"', b'"pin_image": "six"')
    (home / FILE).write_bytes(with_header(with_body(content, content.partition(b"\n")[2]), minor=0))
    assert FileProfileStore(home / FILE).read("work") == (replace(NEW, pin_image="six"), ())


def test_a_name_that_stands_there_twice_in_a_damaged_file_is_not_known(home: Path) -> None:
    old = (home / BACKUP).read_bytes().splitlines(keepends=True)
    new = (home / FILE).read_bytes().splitlines(keepends=True)
    (home / FILE).write_bytes(b"".join([*new[:3], old[2], *new[3:]]))
    assert "profiles.json is damaged" in doubt(home)


def test_a_file_that_is_gone_and_a_backup_that_is_not_are_no_file(home: Path) -> None:
    (home / FILE).unlink()
    assert doubt(home).startswith("profiles.json is missing, and there is profiles.backup.json: ")
    assert unchanged(home)


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE, errno.ENOTDIR])
def test_a_backup_that_cannot_be_looked_for_is_not_taken_for_none(
    number: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / FILE).unlink()
    monkeypatch.setattr(os, "lstat", failing(os.lstat, BACKUP, number))
    assert os.strerror(number) in doubt(home)
    with pytest.raises(StoreError, match=os.strerror(number)):
        FileProfileStore(home / FILE).change("work", put(OLD))


def test_a_file_that_was_read_once_and_is_gone_without_a_trace_is_not_taken_for_none(home: Path) -> None:
    file = FileProfileStore(home / FILE)
    assert file.read("work") == (NEW, ())
    away = home.with_name("away")
    home.rename(away)
    for call in (lambda: file.read("work"), lambda: file.change("work", put(OLD)), file.read_all):
        with pytest.raises(StoreError, match=r"profiles.json was there and is gone: put it back"):
            call()
    away.rename(home)
    assert file.read("work") == (NEW, ())
    assert FileProfileStore(home.with_name("other") / FILE).read("work") == (Profile(name="work"), ())


def test_a_copy_in_quarantine_shows_that_there_was_a_file(home: Path) -> None:
    (home / "quarantine").mkdir()
    (home / FILE).rename(home / "quarantine" / f"20260101T000000000000-{FILE}")
    (home / BACKUP).unlink()
    assert f"profiles.json is missing, and there is {Path('quarantine') / '20260101T000000000000-profiles.json'}" in (
        doubt(home)
    )
    assert unchanged(home)


def test_a_damaged_backup_is_replaced_by_the_next_change(home: Path) -> None:
    (home / BACKUP).write_bytes(b"damaged")
    before, file = (home / FILE).read_bytes(), FileProfileStore(home / FILE)
    assert file.read("work") == (NEW, ())
    file.change("work", put(OLD))
    assert (home / BACKUP).read_bytes() == before


def test_a_file_of_a_session_in_its_place_is_damage(home: Path) -> None:
    body = b'{"profiles":{}}\n'
    header = Header(kind=Kind.CONTEXT, seq=9, saved_at=EPOCH, profile="work")
    (home / FILE).write_bytes(encode(header, body) + body)
    assert "it was written under another name" in doubt(home)


def _directory(path: Path) -> None:
    path.mkdir()
    (path / "inside").write_text("x")


def _link_to_nothing(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def _link_to_a_directory(path: Path) -> None:
    path.symlink_to(path.parent)


def _link_into_an_open_directory(path: Path) -> None:
    place = path.parent / "open"
    place.mkdir()
    place.chmod(0o777)
    shutil.copy(path.with_name(BACKUP), place / FILE)
    path.symlink_to(place / FILE)


def _fifo(path: Path) -> None:
    os.mkfifo(path)


IN_ITS_PLACE: dict[str, tuple[Callable[[Path], None], str]] = {
    "directory": (_directory, "it is not a regular file"),
    "FIFO": (_fifo, "it is not a regular file"),
    "link to nothing": (_link_to_nothing, "it is a link, and leads to nothing that is there"),
    "link to itself": (_link_to_itself, "it is a link, and leads back to itself"),
    "link to a directory": (_link_to_a_directory, "it is a link, and does not lead to a file"),
    "link others can change": (
        _link_into_an_open_directory,
        "it is a link, and leads into a directory that others may change",
    ),
}


@posix
@pytest.mark.parametrize("what", IN_ITS_PLACE)
def test_another_thing_in_its_place_is_left_there_and_the_profile_is_not_known(what: str, home: Path) -> None:
    plant, words = IN_ITS_PLACE[what]
    (home / FILE).unlink()
    plant(home / FILE)
    before, began = sorted(home.iterdir()), time.monotonic()
    assert words in doubt(home)
    assert time.monotonic() - began < START_S
    with pytest.raises(StoreError):
        FileProfileStore(home / FILE).change("work", put(NEW))
    assert sorted(home.iterdir()) == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only on POSIX can root give a file away")
@pytest.mark.parametrize("whose", ["the file", "its directory"])
def test_a_link_to_what_belongs_to_another_user_is_not_followed(whose: str, home: Path) -> None:
    place = home / "foreign"
    place.mkdir()
    (home / FILE).rename(place / FILE)
    (home / FILE).symlink_to(place / FILE)
    os.chown(place / FILE if whose == "the file" else place, 4711, 4711)
    program = (
        "import os, sys; from pathlib import Path\n"
        "from stui_supervisor.adapters.profiles.store import FileProfileStore\n"
        "os.setuid(4712)\ntry: FileProfileStore(Path(sys.argv[1])).read('work')\nexcept Exception as e: print(e)"
    )
    for path in (home, place, *home.parents):
        path.chmod(path.stat().st_mode | 0o055)
    (place / FILE).chmod(0o644)
    said = subprocess.run(
        [sys.executable, "-c", program, str(home / FILE)], capture_output=True, text=True, check=True
    ).stdout
    assert "of another user" in said


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only on POSIX can root give a directory away")
@pytest.mark.parametrize("leads", ["there", "there and back"])
def test_root_follows_no_link_into_a_directory_of_somebody_else(leads: str, home: Path) -> None:
    place = home / "foreign"
    place.mkdir()
    if leads == "there":
        (home / FILE).rename(place / FILE)
    else:
        (home / FILE).rename(home / "elsewhere")
        (place / FILE).symlink_to(home / "elsewhere")
    (home / FILE).symlink_to(place / FILE)
    os.chown(place, 4711, 4711)
    assert "leads into a directory of another user" in doubt(home)
    os.chown(home, 4711, 4711)  # root in somebody's own home
    assert FileProfileStore(home / FILE).read("work") == (NEW, ())


@posix
def test_a_link_to_a_file_of_ours_is_read_and_written_through_and_never_moved(home: Path) -> None:
    place = home / "dotfiles"
    place.mkdir(mode=0o755)
    (home / FILE).rename(place / FILE)
    (home / FILE).symlink_to(place / FILE)
    file = FileProfileStore(home / FILE)
    assert file.read("work") == (NEW, ())
    file.change("work", put(OLD))
    assert (home / FILE).is_symlink()
    assert (pin(home), FileProfileStore(place / FILE).read("work")[0].pin_image) == ("one", "one")
    assert not (home / "quarantine").exists()


@posix
@pytest.mark.parametrize("plant", [_directory, _fifo])
def test_another_thing_in_the_backups_place_stops_no_change(plant: Callable[[Path], None], home: Path) -> None:
    (home / BACKUP).unlink()
    plant(home / BACKUP)
    FileProfileStore(home / FILE).change("work", put(OLD))
    assert pin(home) == "one"


@posix
def test_a_link_in_the_backups_place_that_leads_nowhere_refuses_the_change(home: Path) -> None:
    (home / BACKUP).unlink()
    _link_to_nothing(home / BACKUP)
    with pytest.raises(StoreError, match="leads to nothing that is there"):
        FileProfileStore(home / FILE).change("work", put(OLD))
    assert (pin(home), (home / BACKUP).is_symlink()) == ("two", True)


# Later versions


def test_a_later_versions_file_is_left_untouched_and_says_what_to_do(home: Path) -> None:
    (home / FILE).write_bytes(with_header((home / FILE).read_bytes(), major=2))
    before, file = contents(home), FileProfileStore(home / FILE)
    for call in (
        file.read_all,
        lambda: file.read("work"),
        lambda: file.change("work", put(OLD)),
        lambda: file.note_link("work", "x", wanted=True),
        lambda: confirm(file, None),
    ):
        with pytest.raises(StoreError, match=r"a later version \(format 2\) and are left as they are"):
            call()
    assert contents(home) == before


# What changed


def test_the_signature_tells_a_change_and_nothing_else(home: Path) -> None:
    file = FileProfileStore(home / FILE)
    before = file.signature()
    file.read("work")
    assert file.signature() == before
    file.change("work", put(OLD))
    after = file.signature()
    (home / FILE).unlink()
    assert len({before, after, file.signature()}) == 3


# The lock


def test_a_change_waits_for_the_lock_no_longer_than_it_was_told_to(home: Path) -> None:
    lock, before = SessionLock(str(home / "profiles.lock")), contents(home)
    assert lock.take()
    try:
        with pytest.raises(StoreError, match="another process holds the profiles"):
            FileProfileStore(home / FILE).change("work", put(OLD), wait_s=0.05)
        with pytest.raises(StoreError, match="another process holds the profiles"):
            FileProfileStore(home / FILE).note_link("work", "x", wanted=True)
        assert pin(home) == "two"
    finally:
        lock.give_back()
    assert contents(home) == before


@posix
def test_another_thing_in_the_locks_place_stops_changes_but_no_start(home: Path) -> None:
    (home / "profiles.lock").unlink(missing_ok=True)
    _directory(home / "profiles.lock")
    assert pin(home) == "two"
    with pytest.raises(StoreError, match="is not a file: remove it"):
        FileProfileStore(home / FILE).change("work", put(OLD))


# The disk


def test_a_home_that_cannot_be_made_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    file = FileProfileStore(tmp_path / "file" / FILE)
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
            FileProfileStore(home / FILE).change("work", put(OLD))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.EFBIG
    assert contents(home) == before
