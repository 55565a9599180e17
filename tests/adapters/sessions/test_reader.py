from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stui_supervisor.adapters.files.file_format import Kind, file_name
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.config import (
    CONTEXT_FILE_MAX_BYTES,
    QUARANTINE_MAX_FILES,
)
from stui_supervisor.session.records import SessionRecord
from tests.support.files.stored_files import (
    NEW,
    OLD,
    RECORD,
    Ticking,
    codes_of,
    contents,
    newest,
    posix,
    stored,
    with_header,
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with one session: two records, and a context before and after a change."""
    root = tmp_path_factory.mktemp("template")
    stored(root, OLD, NEW)
    return root


@contextmanager
def copied(template: Path) -> Iterator[tuple[FileSessionStore, Path]]:
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(template, Path(scratch) / "sessions")
        (directory,) = (path for path in (Path(scratch) / "sessions").iterdir() if path.is_dir())
        yield FileSessionStore(Path(scratch) / "sessions"), directory


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_one_flipped_byte_in_the_newest_context_brings_the_previous_one(template: Path, data: st.DataObject) -> None:
    with copied(template) as (files, directory):
        path = newest(directory, "context")
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        claimed = files.claim("default")
        files.release(claimed.session_id)
        assert (claimed.sections, claimed.record, len(claimed.notices)) == (OLD, RECORD, 1)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_one_flipped_byte_in_the_newest_record_brings_the_previous_one(template: Path, data: st.DataObject) -> None:
    with copied(template) as (files, directory):
        path = newest(directory, "endpoint")
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        claimed = files.claim("nobody's")
        files.release(claimed.session_id)
        assert (claimed.record, claimed.sections, len(claimed.notices)) == (SessionRecord(profile="nobody's"), NEW, 1)


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1, exclude_max=True))
def test_a_truncated_newest_context_brings_the_previous_one(template: Path, part: float) -> None:
    with copied(template) as (files, directory):
        path = newest(directory, "context")
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
        claimed = files.claim("default")
        files.release(claimed.session_id)
        assert (claimed.sections, codes_of(claimed.notices)) == (OLD, ["damaged_file"])


def test_a_damaged_file_is_kept_for_support_and_told_once(tmp_path: Path) -> None:
    path = newest(stored(tmp_path, OLD, NEW), "context")
    path.write_bytes(b"damaged")
    files = FileSessionStore(tmp_path)
    first = files.claim("default")
    files.release(first.session_id)
    (kept,) = (tmp_path / "quarantine").iterdir()
    assert (kept.read_bytes(), path.exists()) == (b"damaged", False)
    (notice,) = first.notices
    assert (notice.code, str(kept) in notice.message) == ("damaged_file", True)
    assert files.claim("default").notices == ()


def test_saving_after_damage_never_uses_a_name_again(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    newest(directory, "context").write_bytes(b"damaged")
    files = FileSessionStore(tmp_path)
    files.save_context(files.claim("default").session_id, NEW)
    assert sorted(path.name for path in directory.glob("context.*")) == ["context.1.json", "context.3.json"]


def test_the_quarantine_is_bounded(tmp_path: Path) -> None:
    files = FileSessionStore(tmp_path, Ticking())
    directory = stored(tmp_path, OLD)
    for number in range(QUARANTINE_MAX_FILES + 3):
        (directory / file_name(Kind.CONTEXT, 100 + number)).write_bytes(b"damaged %d" % number)
        files.release(files.claim("default").session_id)
    kept = sorted((tmp_path / "quarantine").iterdir())
    assert [path.read_bytes() for path in kept] == [b"damaged %d" % number for number in range(3, 3 + len(kept))]
    assert len(kept) == QUARANTINE_MAX_FILES


def test_a_session_without_one_whole_file_is_cleared_and_a_new_one_begins(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    for path in directory.glob("*.json"):
        path.write_bytes(b"damaged")
    files = FileSessionStore(tmp_path)
    claimed = files.claim("default")
    assert (claimed.fresh, claimed.sections) == (True, {})
    (notice,) = claimed.notices
    assert (notice.code, f"They are kept in {tmp_path / 'quarantine'}. " in notice.message) == ("damaged_file", True)
    assert notice.message.endswith("Nothing of its work can be used, and what was known of the link is gone")
    assert files.claim("default").notices == ()


def test_work_without_its_record_is_not_lost(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    for path in directory.glob("endpoint.*"):
        path.write_bytes(b"damaged")
    files = FileSessionStore(tmp_path)
    profile = json.loads(newest(directory, "context").read_bytes().partition(b"\n")[0])["profile"]
    claimed = files.claim(profile)
    assert (claimed.record, claimed.sections) == (SessionRecord(profile=profile), NEW)


def test_a_session_whose_work_turns_out_damaged_gives_way_to_one_with_work(tmp_path: Path) -> None:
    other = stored(tmp_path, OLD)
    damaged = stored(tmp_path, NEW)
    path = damaged / "context.1.json"
    path.write_bytes(path.read_bytes()[:-1])
    files = FileSessionStore(tmp_path)
    claimed = files.claim("default")
    assert (claimed.session_id, claimed.sections) == (other.name, OLD)
    assert codes_of(claimed.notices) == ["damaged_file"]
    assert files.claim("default").session_id == damaged.name


def plant_directory(path: Path) -> None:
    path.mkdir()


def plant_foreign_copy(path: Path) -> None:
    target = path.parent.parent / "planted"
    target.write_bytes((path.parent / "context.2.json").read_bytes())
    path.symlink_to(target)


def plant_endless_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def plant_fifo(path: Path) -> None:
    os.mkfifo(path)  # type: ignore[attr-defined, unused-ignore]


@posix
@pytest.mark.parametrize("plant", [plant_directory, plant_fifo])
def test_what_is_no_regular_file_is_set_aside_and_never_blocks(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    directory = stored(tmp_path, OLD, NEW)
    plant(directory / "context.9.json")
    files = FileSessionStore(tmp_path)
    claimed = files.claim("default")
    assert (claimed.sections, codes_of(claimed.notices)) == (NEW, ["damaged_file"])
    files.save_context(claimed.session_id, OLD)
    assert sorted(path.name for path in directory.glob("context.*")) == [
        "context.1.json",
        "context.10.json",
        "context.2.json",
    ]


@posix
@pytest.mark.parametrize("plant", [plant_foreign_copy, plant_endless_link])
def test_a_link_that_is_no_generation_of_ours_is_told_and_left_where_it_is(
    tmp_path: Path, plant: Callable[[Path], None]
) -> None:
    directory = stored(tmp_path, OLD, NEW)
    plant(directory / "context.9.json")
    files = FileSessionStore(tmp_path)
    claimed = files.claim("default")
    assert (claimed.sections, codes_of(claimed.notices)) == (NEW, ["unusable_file"])
    files.save_context(claimed.session_id, OLD)
    assert (directory / "context.9.json").is_symlink()


@posix
def test_a_link_to_a_generation_of_ours_is_read(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    (tmp_path / "elsewhere").mkdir()
    (directory / "context.2.json").rename(tmp_path / "elsewhere" / "kept")
    (directory / "context.2.json").symlink_to(tmp_path / "elsewhere" / "kept")
    claimed = FileSessionStore(tmp_path).claim("default")
    assert (claimed.sections, codes_of(claimed.notices)) == (NEW, [])


def test_a_file_longer_than_any_of_ours_is_not_read(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    with (directory / "context.2.json").open("wb") as file:
        file.truncate(CONTEXT_FILE_MAX_BYTES + 1)
    claimed = FileSessionStore(tmp_path).claim("default")
    assert (claimed.sections, codes_of(claimed.notices)) == (OLD, ["damaged_file"])


def test_a_copy_under_another_name_is_not_taken_for_the_newest(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    shutil.copy(directory / "context.1.json", directory / "context.5.json")
    assert FileSessionStore(tmp_path).claim("default").sections == NEW


@pytest.mark.parametrize("kind", ["endpoint", "context"])
def test_a_session_of_a_later_version_is_left_as_it_is(tmp_path: Path, kind: str) -> None:
    directory = stored(tmp_path, OLD, NEW)
    path = newest(directory, kind)
    path.write_bytes(with_header(path.read_bytes(), major=2))
    before = contents(directory)
    files = FileSessionStore(tmp_path)
    claimed = files.claim("default")
    files.save_context(claimed.session_id, OLD)
    assert (claimed.fresh, codes_of(claimed.notices)) == (True, ["newer_format"])
    assert contents(directory) == before


def test_a_damaged_file_that_may_be_of_a_later_version_stays_where_it_is(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    path = newest(directory, "context")
    content = path.read_bytes().replace(b'"major":1', b'"major":3')
    path.write_bytes(content)
    files = FileSessionStore(tmp_path)
    claimed = files.claim("default")
    assert (claimed.sections, codes_of(claimed.notices)) == (OLD, ["unusable_file"])
    for _ in range(5):
        files.save_context(claimed.session_id, NEW)
    assert path.read_bytes() == content


def test_whose_work_it_is_without_a_record_is_what_a_whole_file_says(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    for file in directory.glob("endpoint.*"):
        file.unlink()
    newest = max(directory.glob("context.*"), key=lambda file: int(file.name.split(".")[1]))
    newest.write_bytes(newest.read_bytes().replace(b'"profile":"default"', b'"profile":"defaulu"'))
    claimed = FileSessionStore(tmp_path).claim("default")
    assert (claimed.session_id, claimed.sections) == (directory.name, OLD)
