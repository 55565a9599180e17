from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stui_supervisor.adapters.generations import Header, Kind, encode, file_name
from stui_supervisor.adapters.session_bodies import encode_record
from stui_supervisor.adapters.session_files import SessionFiles, StoredSession
from stui_supervisor.adapters.session_lock import SessionLock
from stui_supervisor.config import (
    CLAIM_WAIT_S,
    CONTEXT_FILE_MAX_BYTES,
    GENERATIONS_KEPT,
    QUARANTINE_MAX_FILES,
    RECORD_MAX_BYTES,
)
from stui_supervisor.context import Section
from stui_supervisor.errors import StoreError
from stui_supervisor.record import SessionRecord
from tests.support.stored_files import newest, with_body, with_header

RECORD = SessionRecord(profile="default", endpoint="tcp://127.0.0.1:5555", status={"state": "connected"})
OLD = {"x": Section(b'"old"', 1, "me")}
NEW = {"x": Section(b'"new"', 2, "me")}
NOTHING = {"x": Section(None, 3, "me")}
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

posix = pytest.mark.skipif(os.name == "nt", reason="modes, links and limits of POSIX systems")


class Ticking:
    """A wall clock that is a second later at each look."""

    def __init__(self) -> None:
        self.now = EPOCH

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def stored(root: Path, *contexts: dict[str, Section]) -> Path:
    """A free session that holds these generations; its directory."""
    files = SessionFiles(root)
    session_id = files.claim("nobody's").session_id
    files.save_record(session_id, RECORD)
    for sections in contexts:
        files.save_context(session_id, sections)
    files.release(session_id)
    return root / session_id


def codes_of(notices: tuple[object, ...]) -> list[str]:
    return [getattr(notice, "code", "") for notice in notices]


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def test_nothing_is_made_before_the_first_claim(tmp_path: Path) -> None:
    files = SessionFiles(tmp_path / "sessions")
    assert (list(files.read_newest("default")), files.known_profiles()) == ([], set())
    assert list(tmp_path.iterdir()) == []


def test_a_session_is_two_kinds_of_files_and_a_lock(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    assert sorted(contents(directory)) == ["context.1.json", "endpoint.1.json", "endpoint.2.json", "lock"]
    assert (directory / "context.1.json").read_text().splitlines()[1:] == [
        '{"sections":{',
        '"x":{"counter":1,"writer":"me","value":"old"}',
        "}}",
    ]


def test_only_the_newest_generations_are_kept(tmp_path: Path) -> None:
    directory = stored(tmp_path, *[OLD] * (GENERATIONS_KEPT + 4))
    assert sorted(path.name for path in directory.glob("context.*")) == [
        "context.5.json",
        "context.6.json",
        "context.7.json",
    ]


def test_the_last_work_outlives_any_number_of_empty_saves(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW, *[NOTHING] * 5)
    assert sorted(path.name for path in directory.glob("context.*")) == [
        "context.2.json",
        "context.5.json",
        "context.6.json",
        "context.7.json",
    ]


def test_the_last_work_is_still_kept_by_the_next_process(tmp_path: Path) -> None:
    directory = stored(tmp_path, NEW, *[NOTHING] * 5)
    files = SessionFiles(tmp_path)
    session_id = files.claim("default").session_id
    for _ in range(5):
        files.save_context(session_id, NOTHING)
    assert (directory / "context.1.json").exists()
    for _ in range(3):
        files.save_context(session_id, OLD)
    assert not (directory / "context.1.json").exists()


def test_temporaries_of_a_save_that_was_cut_off_are_swept(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    (directory / ".context.2.json.0badf00d.tmp").write_bytes(b"half")
    files = SessionFiles(tmp_path)
    files.save_record(files.claim("default").session_id, RECORD)
    assert not list(directory.glob(".*"))


@posix
@pytest.mark.parametrize("mask", [0, 0o777])
def test_only_the_owner_can_read_anything(tmp_path: Path, mask: int) -> None:
    old = os.umask(mask)
    try:
        directory = stored(tmp_path / "home" / "sessions", OLD)
        newest(directory, "context").write_bytes(b"damaged")
        SessionFiles(tmp_path / "home" / "sessions").claim("default")
    finally:
        os.umask(old)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home").rglob("*")}
    assert len(modes) > 6
    assert modes == {path: 0o700 if path.is_dir() else 0o600 for path in modes}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with one session: two records, and a context before and after a change."""
    root = tmp_path_factory.mktemp("template")
    stored(root, OLD, NEW)
    return root


@contextmanager
def copied(template: Path) -> Iterator[tuple[SessionFiles, Path]]:
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(template, Path(scratch) / "sessions")
        (directory,) = (path for path in (Path(scratch) / "sessions").iterdir() if path.is_dir())
        yield SessionFiles(Path(scratch) / "sessions"), directory


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
    files = SessionFiles(tmp_path)
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
    files = SessionFiles(tmp_path)
    files.save_context(files.claim("default").session_id, NEW)
    assert sorted(path.name for path in directory.glob("context.*")) == ["context.1.json", "context.3.json"]


def test_the_quarantine_is_bounded(tmp_path: Path) -> None:
    files = SessionFiles(tmp_path, Ticking())
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
    files = SessionFiles(tmp_path)
    claimed = files.claim("default")
    assert (claimed.fresh, claimed.sections) == (True, {})
    assert codes_of(claimed.notices) == ["damaged_file"] * 4
    assert files.claim("default").notices == ()


def test_work_without_its_record_is_not_lost(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    for path in directory.glob("endpoint.*"):
        path.write_bytes(b"damaged")
    files = SessionFiles(tmp_path)
    profile = json.loads(newest(directory, "context").read_bytes().partition(b"\n")[0])["profile"]
    claimed = files.claim(profile)
    assert (claimed.record, claimed.sections) == (SessionRecord(profile=profile), NEW)


def test_a_session_whose_work_turns_out_damaged_gives_way_to_one_with_work(tmp_path: Path) -> None:
    other = stored(tmp_path, OLD)
    damaged = stored(tmp_path, NEW)
    path = damaged / "context.1.json"
    path.write_bytes(path.read_bytes()[:-1])
    files = SessionFiles(tmp_path)
    claimed = files.claim("default")
    assert (claimed.session_id, claimed.sections) == (other.name, OLD)
    assert codes_of(claimed.notices) == ["damaged_file"]
    assert files.claim("default").session_id == damaged.name


def plant_directory(path: Path) -> None:
    path.mkdir()


def plant_link(path: Path) -> None:
    target = path.parent.parent / "planted"
    target.write_bytes((path.parent / "context.2.json").read_bytes())
    path.symlink_to(target)


def plant_endless_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def plant_fifo(path: Path) -> None:
    os.mkfifo(path)  # type: ignore[attr-defined, unused-ignore]


@posix
@pytest.mark.parametrize("plant", [plant_directory, plant_link, plant_endless_link, plant_fifo])
def test_what_is_no_regular_file_is_never_followed_and_never_blocks(
    tmp_path: Path, plant: Callable[[Path], None]
) -> None:
    directory = stored(tmp_path, OLD, NEW)
    plant(directory / "context.9.json")
    files = SessionFiles(tmp_path)
    claimed = files.claim("default")
    assert (claimed.sections, codes_of(claimed.notices)) == (NEW, ["damaged_file"])
    files.save_context(claimed.session_id, OLD)
    assert sorted(path.name for path in directory.glob("context.*")) == [
        "context.1.json",
        "context.10.json",
        "context.2.json",
    ]


@posix
def test_a_link_in_place_of_a_session_is_not_a_session(tmp_path: Path) -> None:
    elsewhere = stored(tmp_path / "elsewhere", OLD)
    (tmp_path / "sessions").mkdir()
    (tmp_path / "sessions" / elsewhere.name).symlink_to(elsewhere)
    before = contents(elsewhere)
    assert SessionFiles(tmp_path / "sessions").claim("default").fresh
    assert contents(elsewhere) == before


def test_a_file_longer_than_any_of_ours_is_not_read(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    with (directory / "context.2.json").open("wb") as file:
        file.truncate(CONTEXT_FILE_MAX_BYTES + 1)
    claimed = SessionFiles(tmp_path).claim("default")
    assert (claimed.sections, codes_of(claimed.notices)) == (OLD, ["damaged_file"])


def test_a_copy_under_another_name_is_not_taken_for_the_newest(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    shutil.copy(directory / "context.1.json", directory / "context.5.json")
    assert SessionFiles(tmp_path).claim("default").sections == NEW


@pytest.mark.parametrize("kind", ["endpoint", "context"])
def test_a_session_of_a_later_version_is_left_as_it_is(tmp_path: Path, kind: str) -> None:
    directory = stored(tmp_path, OLD, NEW)
    path = newest(directory, kind)
    path.write_bytes(with_header(path.read_bytes(), major=2))
    before = contents(directory)
    files = SessionFiles(tmp_path)
    claimed = files.claim("default")
    files.save_context(claimed.session_id, OLD)
    assert (claimed.fresh, codes_of(claimed.notices)) == (True, ["newer_format"])
    assert contents(directory) == before


def test_a_damaged_file_that_may_be_of_a_later_version_stays_where_it_is(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    path = newest(directory, "context")
    content = path.read_bytes().replace(b'"major":1', b'"major":3')
    path.write_bytes(content)
    files = SessionFiles(tmp_path)
    claimed = files.claim("default")
    assert (claimed.sections, codes_of(claimed.notices)) == (OLD, ["unusable_file"])
    for _ in range(5):
        files.save_context(claimed.session_id, NEW)
    assert path.read_bytes() == content


def test_what_a_newer_minor_added_survives(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    context, endpoint = newest(directory, "context"), newest(directory, "endpoint")
    body = b'{"sections":{"x":{"counter":1,"writer":"me","value":"old","hue":5}},"later":[1]}'
    context.write_bytes(with_header(with_body(context.read_bytes(), body), minor=4, more=True))
    body = encode_record(replace(RECORD, extra={"later": {"a": 1}}))
    endpoint.write_bytes(with_header(with_body(endpoint.read_bytes(), body), minor=4))
    files = SessionFiles(tmp_path)
    claimed = files.claim("default")
    assert (claimed.sections, claimed.record.extra, claimed.notices) == (OLD, {"later": {"a": 1}}, ())
    files.save_context(claimed.session_id, NEW)
    files.save_record(claimed.session_id, claimed.record)
    files.release(claimed.session_id)
    saved = json.loads(newest(directory, "context").read_bytes().partition(b"\n")[2])
    assert saved == {"sections": {"x": {"counter": 2, "writer": "me", "hue": 5, "value": "new"}}, "later": [1]}
    assert files.claim("default").record == claimed.record


def test_the_order_of_claims_is_that_of_the_headers_not_of_the_files(tmp_path: Path) -> None:
    older, newer = stored(tmp_path, OLD), stored(tmp_path, NEW)
    os.utime(newest(older, "context"))
    os.utime(newest(newer, "context"), (0, 0))
    assert SessionFiles(tmp_path).claim("default").session_id == newer.name


def test_a_status_that_does_not_fit_is_left_out(tmp_path: Path) -> None:
    files = SessionFiles(tmp_path)
    session_id = files.claim("default").session_id
    files.save_record(session_id, replace(RECORD, status={"last_error": "x" * RECORD_MAX_BYTES}))
    files.release(session_id)
    assert files.claim("default").record == replace(RECORD, status={})


def test_a_record_that_cannot_be_kept_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    files = SessionFiles(tmp_path)
    session_id = files.claim("default").session_id
    files.save_record(session_id, RECORD)
    for wrong in ({"x": float("nan")}, {"x": object()}):
        with pytest.raises(StoreError, match="unharmed"):
            files.save_record(session_id, replace(RECORD, status=wrong))
    with pytest.raises(StoreError, match="4,096 are allowed"):
        files.save_record(session_id, replace(RECORD, image_id="x" * RECORD_MAX_BYTES))
    files.release(session_id)
    assert files.claim("default").record == RECORD


@posix
def test_a_session_directory_that_vanished_is_made_again_with_all_its_content(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    files = SessionFiles(tmp_path)
    claimed = files.claim("default")
    for save, expected in (
        (lambda: files.save_record(claimed.session_id, RECORD), OLD),
        (lambda: files.save_context(claimed.session_id, NEW), NEW),
    ):
        shutil.rmtree(directory)
        save()
        assert SessionFiles(tmp_path).claim("default").session_id != claimed.session_id
        files.release(claimed.session_id)
        again = files.claim("default")
        assert (again.session_id, again.record, again.sections) == (claimed.session_id, RECORD, expected)


def test_a_claim_for_a_name_that_fits_in_no_file_still_works(tmp_path: Path) -> None:
    assert SessionFiles(tmp_path).claim("x" * RECORD_MAX_BYTES).fresh


def test_a_root_that_cannot_be_made_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    files = SessionFiles(tmp_path / "file" / "sessions")
    for call in (lambda: files.claim("default"), lambda: list(files.read_newest("default"))):
        with pytest.raises(StoreError, match="a file is where a directory should be") as caught:
            call()
        assert isinstance(caught.value.__cause__, OSError)
    (tmp_path / "file").unlink()
    assert files.claim("default").fresh


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
    files = SessionFiles(tmp_path)
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
    files = SessionFiles(tmp_path)
    with files_of_at_most(10):
        claimed = files.claim("default")
        with pytest.raises(StoreError):
            files.save_record(claimed.session_id, RECORD)
    files.save_record(claimed.session_id, RECORD)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is denied to root")
def test_a_directory_without_rights_is_an_error_that_says_so(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    files = SessionFiles(tmp_path)
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
    files = SessionFiles(tmp_path)

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
    files = SessionFiles(tmp_path, clock)
    for profile in ("default", "other"):
        session_id = files.claim(profile).session_id
        files.save_record(session_id, replace(RECORD, profile=profile))
        files.save_context(session_id, NEW)
        if profile == "default":
            files.release(session_id)
    listed = list(SessionFiles(tmp_path).read_newest(None))
    assert listed == [
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
            saved_at=clock.now - timedelta(seconds=3),
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
    assert SessionFiles(tmp_path).claim("default").session_id == directory.name
    assert CLAIM_WAIT_S <= time.monotonic() - began < CLAIM_WAIT_S + 2
    frozen.give_back()


def test_the_listing_changes_no_file(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NEW)
    newest(directory, "context").write_bytes(b"damaged")
    (directory / "lock").unlink()
    shutil.rmtree(tmp_path / "quarantine", ignore_errors=True)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    (listed,) = SessionFiles(tmp_path).read_newest("default")
    assert (listed.record, listed.live, listed.live_sections) == (RECORD, False, 1)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


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
    claimed = SessionFiles(tmp_path / "sessions").claim("default")
    assert claimed.session_id == f"00000000-0000-0000-0000-{ages.index(249):012d}"
