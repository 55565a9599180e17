from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from stui_supervisor.adapters.profiles.repair import NOWHERE, Decision, confirm
from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.errors import StoreError
from stui_supervisor.profile import Profile
from tests.support.files.stored_files import Ticking, contents, posix

FILE, BACKUP = "profiles.json", "profiles.backup.json"
WORK = Profile(name="work", pin_image="one", endpoints=("tcp://127.0.0.1:5555",))
PLAY = Profile(name="play", uses_token=True)
NEWER = replace(WORK, pin_image="two")


@pytest.fixture
def file(tmp_path: Path) -> FileProfileStore:
    """Holds NEWER and PLAY, and WORK and PLAY as the backup."""
    file = FileProfileStore(tmp_path / FILE, Ticking())
    for profile in (WORK, PLAY, NEWER):
        file.change(profile.name, lambda _, profile=profile: profile)  # type: ignore[misc]
    return file


def damage(file: FileProfileStore, found: bytes = b'"pin_image": "two"') -> bytes:
    path = Path(file.path(FILE))
    content = path.read_bytes()
    assert found in content
    path.write_bytes(content.replace(found, found.swapcase()))
    return path.read_bytes()


def kept(file: FileProfileStore) -> dict[str, bytes]:
    """What is in quarantine, by the name that each file had."""
    directory = Path(file.path("quarantine"))
    return {path.name.partition("-")[2]: path.read_bytes() for path in sorted(directory.iterdir())}


def test_where_nothing_is_in_doubt_nothing_is_done(file: FileProfileStore, tmp_path: Path) -> None:
    before = contents(tmp_path)
    assert (confirm(file, None), confirm(file, "work"), confirm(file, "unheard of")) == ([], [], [])
    assert contents(tmp_path) == before
    assert confirm(FileProfileStore(tmp_path / "none" / FILE), None) == []


def test_everything_is_written_anew_from_what_can_be_read_and_what_was_there_is_kept(file: FileProfileStore) -> None:
    damaged, backup = damage(file), Path(file.path(BACKUP)).read_bytes()
    decided = confirm(file, None)
    assert decided == [Decision(PLAY, FILE), Decision(WORK, BACKUP)]
    assert file.read_all() == ({"work": WORK, "play": PLAY}, None)
    assert kept(file) == {FILE: damaged, BACKUP: backup}


def test_one_name_decides_on_that_profile_alone_and_the_others_stay_unknown(file: FileProfileStore) -> None:
    for profile in ("work", "play"):
        damage(file, f'"{profile}"'.encode())
    Path(file.path(BACKUP)).write_bytes(b"damaged")
    assert confirm(file, "work") == [Decision(Profile(name="work"), NOWHERE)]
    assert file.read("work") == (Profile(name="work"), ())
    with pytest.raises(StoreError, match="other profiles in it could not be read any more"):
        file.read("play")
    with pytest.raises(StoreError, match="profiles confirm play"):
        file.change("play", lambda _: PLAY)
    file.change("work", lambda _: NEWER)
    with pytest.raises(StoreError, match="profiles confirm play"):
        file.read("play")
    assert confirm(file, "play") == [Decision(Profile(name="play"), NOWHERE)]
    assert file.read_all()[0] == {"work": NEWER, "play": Profile(name="play")}
    assert confirm(file, None) == []
    assert file.read_all()[1] is None


def test_a_profile_of_the_backup_is_found_later_too(file: FileProfileStore) -> None:
    for profile in ("work", "play"):
        damage(file, f'"{profile}"'.encode())
    assert confirm(file, "work") == [Decision(WORK, BACKUP)]
    file.change("work", lambda _: NEWER)
    (decided,) = confirm(file, "play")
    assert decided.profile == PLAY


def test_a_file_that_is_gone_is_written_anew_from_its_backup(file: FileProfileStore) -> None:
    os.unlink(file.path(FILE))  # noqa: PTH108  # as the file names it
    assert confirm(file, None) == [Decision(WORK, BACKUP), Decision(PLAY, BACKUP)]
    assert file.read("work") == (WORK, ())


def test_a_directory_in_its_place_is_kept_too(file: FileProfileStore) -> None:
    path = Path(file.path(FILE))
    path.unlink()
    path.mkdir()
    (path / "inside").write_text("x")
    confirm(file, None)
    assert file.read("work") == (WORK, ())
    (directory,) = (one for one in Path(file.path("quarantine")).iterdir() if one.is_dir())
    assert (directory / "inside").read_text() == "x"


def test_what_was_there_is_there_again_when_the_new_one_cannot_be_written(
    file: FileProfileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = damage(file)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(file, "write", full)
        with pytest.raises(StoreError, match="No space left"):
            confirm(file, "work")
    assert Path(file.path(FILE)).read_bytes() == damaged
    assert confirm(file, "work") == [Decision(WORK, BACKUP)]


@posix
def test_a_link_stays_and_what_it_leads_to_is_written_over_after_a_copy_is_kept(
    file: FileProfileStore, tmp_path: Path
) -> None:
    damaged, place = damage(file), tmp_path / "dotfiles"
    place.mkdir()
    (tmp_path / FILE).rename(place / FILE)
    (tmp_path / FILE).symlink_to(place / FILE)
    confirm(file, "work")
    assert (tmp_path / FILE).is_symlink()
    assert FileProfileStore(place / FILE).read("work")[0] == WORK
    assert kept(file)[FILE] == damaged


@posix
def test_a_link_that_leads_elsewhere_is_no_matter_for_this(file: FileProfileStore, tmp_path: Path) -> None:
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).symlink_to(tmp_path / "nothing")
    with pytest.raises(StoreError, match="it is a link, and leads to nothing that is there"):
        confirm(file, "work")
    assert (tmp_path / FILE).is_symlink()


@posix
@pytest.mark.parametrize("name", ["work", None])
def test_a_link_to_a_file_of_somebody_else_is_refused_before_anything_is_kept(
    file: FileProfileStore, tmp_path: Path, name: str | None
) -> None:
    (tmp_path / FILE).unlink()
    (tmp_path / "notes").write_bytes(b"of the user")
    (tmp_path / FILE).symlink_to(tmp_path / "notes")
    before = contents(tmp_path)
    with pytest.raises(StoreError, match="it is a link, and leads to a file that is none of ours"):
        confirm(file, name)
    assert (contents(tmp_path), Path(file.path("quarantine")).exists()) == (before, False)
