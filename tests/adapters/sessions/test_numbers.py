"""Files with an enormous number: what is saved after them is what the next process reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.config import SEQ_BELIEVED_MAX, SEQ_MAX
from stui_supervisor.context.context import Section
from stui_supervisor.session.records import SessionLost
from tests.support.files.stored_files import NEW, OLD, RECORD, newest, posix, stored, with_header

LAST = {"x": Section(b'"last"', 9, "me")}
ENORMOUS = [SEQ_BELIEVED_MAX + 1, 10**15 - 1, 10**15, SEQ_MAX - 1, SEQ_MAX]


def seqs(directory: Path, kind: str = "context") -> list[int]:
    return sorted(int(path.name.split(".")[1]) for path in directory.glob(f"{kind}.*.json"))


def plant(directory: Path, kind: str, seq: int) -> Path:
    """A whole file with this number, and the content of the newest."""
    path = directory / f"{kind}.{seq}.json"
    path.write_bytes(with_header(newest(directory, kind).read_bytes(), seq=seq))
    return path


def continued(root: Path, *, first: dict[str, Section], saves: int = 5) -> list[str]:
    """A process claims the session, which holds ``first``, and saves; what the next one is told at its claim."""
    files = FileSessionStore(root)
    claimed = files.claim("default")
    assert claimed.sections == first
    for _ in range(saves):
        files.save_record(claimed.session_id, RECORD)
        files.save_context(claimed.session_id, NEW)
    files.save_context(claimed.session_id, LAST)
    files.save_record(claimed.session_id, RECORD)
    files.release(claimed.session_id)
    again = FileSessionStore(root).claim("default")
    assert (again.session_id, again.record, again.sections) == (claimed.session_id, RECORD, LAST)
    return [notice.code for notice in again.notices]


@pytest.mark.parametrize("seq", ENORMOUS)
@pytest.mark.parametrize("kind", ["context", "endpoint"])
def test_a_damaged_file_is_set_aside_and_numbers_go_on_where_they_were(tmp_path: Path, kind: str, seq: int) -> None:
    directory = stored(tmp_path, OLD)
    (directory / f"{kind}.{seq}.json").write_bytes(b"damaged")
    assert continued(tmp_path, first=OLD) == []
    assert max(seqs(directory, kind)) < 20


@pytest.mark.parametrize("seq", ENORMOUS)
@pytest.mark.parametrize("kind", ["context", "endpoint"])
def test_a_whole_file_is_the_truth_and_is_brought_down_before_the_next_save(
    tmp_path: Path, kind: str, seq: int
) -> None:
    directory = stored(tmp_path, OLD)
    plant(directory, kind, seq)
    assert continued(tmp_path, first=OLD) == []
    assert max(seqs(directory, kind)) < 20


def test_several_whole_files_stay_in_their_order(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    plant(directory, "context", SEQ_MAX - 1)
    newer = stored(tmp_path / "other", LAST)
    (directory / f"context.{SEQ_MAX}.json").write_bytes(with_header(newest(newer, "context").read_bytes(), seq=SEQ_MAX))
    files = FileSessionStore(tmp_path)
    claimed = files.claim("default")
    assert claimed.sections == LAST
    files.save_context(claimed.session_id, NEW)
    files.release(claimed.session_id)
    assert seqs(directory) == [1, 2, 3, 4]
    newest(directory, "context").write_bytes(b"damaged")
    assert FileSessionStore(tmp_path).claim("default").sections == LAST


@pytest.mark.parametrize("content", ["damaged", "whole"])
def test_a_file_that_appears_while_the_session_is_in_use_hides_nothing(tmp_path: Path, content: str) -> None:
    directory = stored(tmp_path, OLD)
    files = FileSessionStore(tmp_path)
    claimed = files.claim("default")
    if content == "whole":
        plant(directory, "context", 10**15 - 1)
    else:
        (directory / f"context.{10**15 - 1}.json").write_bytes(b"damaged")
    files.save_context(claimed.session_id, LAST)
    files.release(claimed.session_id)
    assert FileSessionStore(tmp_path).claim("default").sections == LAST
    assert max(seqs(directory)) < 20


def test_a_gap_is_no_matter(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    plant(directory, "context", 1_000_000)
    assert continued(tmp_path, first=OLD, saves=1) == []
    assert max(seqs(directory)) == 1_000_002


def test_snapshots_are_brought_down_as_well(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    files = FileSessionStore(tmp_path)
    session_id = files.claim("default").session_id
    files.save_snapshot(session_id, OLD)
    plant(directory, "snapshot", 10**15 - 1)
    files.save_snapshot(session_id, NEW)
    assert seqs(directory, "snapshot") == [1, 2, 3]


def test_names_of_more_digits_are_not_ours_and_stay(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    foreign = directory / f"context.{SEQ_MAX + 1}.json"
    foreign.write_bytes(with_header(newest(directory, "context").read_bytes(), seq=SEQ_MAX + 1))
    assert continued(tmp_path, first=OLD) == []
    assert foreign.exists()


def claims_a_later_version(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"major":1', b'"major":3'))


def is_of_a_later_version(path: Path) -> None:
    path.write_bytes(with_header(path.read_bytes(), major=3))


def test_what_must_stay_is_passed_by_a_higher_number(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    kept = plant(directory, "context", 10**15 - 1)
    claims_a_later_version(kept)
    content = kept.read_bytes()
    continued(tmp_path, first=OLD)
    assert kept.read_bytes() == content


@pytest.mark.parametrize("change", [claims_a_later_version, is_of_a_later_version])
def test_where_no_number_is_left_the_save_says_so_and_the_session_is_left(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    directory = stored(tmp_path, OLD)
    files = FileSessionStore(tmp_path)
    session_id = files.claim("default").session_id
    change(plant(directory, "context", SEQ_MAX))
    with pytest.raises(SessionLost, match="the last possible number"):
        files.save_context(session_id, LAST)
    assert seqs(directory) == [1, SEQ_MAX]


# Links


def nothing(place: Path) -> None:
    """The link leads to nothing."""


def damaged(place: Path) -> None:
    place.write_bytes(b"damaged")


def a_directory(place: Path) -> None:
    place.mkdir()


@posix
@pytest.mark.parametrize("make", [nothing, damaged, a_directory])
@pytest.mark.parametrize("kind", ["context", "endpoint"])
def test_a_link_of_no_use_stays_where_it_is_and_hinders_no_save(
    tmp_path: Path, kind: str, make: Callable[[Path], None]
) -> None:
    directory, target = stored(tmp_path / "home", OLD), tmp_path / "elsewhere"
    make(target)
    link = directory / f"{kind}.{10**15}.json"
    link.symlink_to(target)
    files = FileSessionStore(tmp_path / "home")
    session_id = files.claim("default").session_id
    for _ in range(5):
        files.save_context(session_id, NEW)
        files.save_record(session_id, RECORD)
    files.save_context(session_id, LAST)
    files.release(session_id)
    assert link.readlink() == target
    assert not (tmp_path / "home" / "quarantine").exists()
    assert FileSessionStore(tmp_path / "home").claim("default").sections == LAST


@posix
@pytest.mark.parametrize("above", [False, True])
def test_what_is_saved_is_newer_than_the_whole_file_behind_a_link_which_stays(tmp_path: Path, above: bool) -> None:
    directory, target = stored(tmp_path / "home", OLD), tmp_path / "elsewhere"
    link = plant(directory, "context", 10**15)
    link.rename(target)
    link.symlink_to(target)
    content = target.read_bytes()
    if above:
        plant(directory, "context", 10**15 + 7)
    continued(tmp_path / "home", first=OLD)
    assert (link.readlink(), target.read_bytes()) == (target, content)
    assert max(seqs(directory)) > 10**15 + 5


@posix
def test_a_file_that_cannot_be_set_aside_hinders_no_save(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    (tmp_path / "quarantine").symlink_to(tmp_path)
    (directory / f"context.{10**15}.json").write_bytes(b"damaged")
    files = FileSessionStore(tmp_path)
    session_id = files.claim("default").session_id
    files.save_context(session_id, LAST)
    files.release(session_id)
    assert FileSessionStore(tmp_path).claim("default").sections == LAST


@posix
def test_a_link_among_older_files_is_not_cleaned_up(tmp_path: Path) -> None:
    directory, target = stored(tmp_path / "home", OLD), tmp_path / "elsewhere"
    link = newest(directory, "endpoint")
    link.rename(target)
    link.symlink_to(target)
    content = target.read_bytes()
    continued(tmp_path / "home", first=OLD, saves=9)
    assert (link.readlink(), target.read_bytes()) == (target, content)
