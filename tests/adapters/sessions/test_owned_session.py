from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from stui_supervisor.adapters.files.file_format import Kind, decode
from stui_supervisor.adapters.sessions.codec import decode_context, encode_record
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.config import (
    CONTEXT_FILE_MAX_BYTES,
    ERROR_TEXT_MAX_LENGTH,
    GENERATIONS_KEPT,
    RECORD_MAX_BYTES,
    SNAPSHOTS_KEPT,
)
from stui_supervisor.context.context import Section
from stui_supervisor.errors import StoreError
from tests.support.files.stored_files import (
    NEW,
    NOTHING,
    OLD,
    RECORD,
    contents,
    newest,
    posix,
    stored,
    with_body,
    with_header,
)


def test_a_session_is_two_kinds_of_files_and_a_lock(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    lock = [] if os.name == "nt" else ["lock"]  # there it goes with its owner
    assert sorted(contents(directory)) == ["context.1.json", "endpoint.1.json", "endpoint.2.json", *lock]
    assert (directory / "context.1.json").read_text().splitlines()[1:] == [
        '{"sections":{',
        '"x":{"counter":1,"writer":"me","value":"old"}',
        "}}",
    ]


def test_the_newest_generations_are_kept_and_the_last_copy_of_this_hour(tmp_path: Path) -> None:
    directory = stored(tmp_path, *[OLD] * (GENERATIONS_KEPT + 4))
    assert sorted(path.name for path in directory.glob("context.*")) == [
        "context.4.json",
        "context.5.json",
        "context.6.json",
        "context.7.json",
    ]


def test_the_newest_snapshots_are_kept_across_processes_and_are_whole_files(tmp_path: Path) -> None:
    directory = stored(tmp_path, NEW)
    for _ in range(2):
        files = FileSessionStore(tmp_path)
        assert files.claim("default").sections == NEW
        for _ in range(SNAPSHOTS_KEPT - 1):
            files.save_snapshot(directory.name, OLD)
        files.release(directory.name)
    seqs = sorted(int(path.name.split(".")[1]) for path in directory.glob("snapshot.*.json"))
    assert seqs == list(range(SNAPSHOTS_KEPT - 1, 2 * SNAPSHOTS_KEPT - 1))
    header, body = decode(newest(directory, "snapshot").read_bytes())
    assert (header.kind, header.seq, header.live_sections) == (Kind.SNAPSHOT, seqs[-1], 1)
    assert decode_context(body).sections == OLD
    assert sorted(path.name for path in directory.glob("context.*")) == ["context.1.json"]


def test_a_snapshot_does_not_pass_for_the_last_work(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD, NOTHING)
    files = FileSessionStore(tmp_path)
    files.claim("default")
    for _ in range(4):
        files.save_snapshot(directory.name, NEW)
    for _ in range(5):
        files.save_context(directory.name, NOTHING)
    assert (directory / "context.1.json").exists()


def test_a_snapshot_that_is_too_large_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    directory = stored(tmp_path, NEW)
    files = FileSessionStore(tmp_path)
    files.claim("default")
    before = contents(directory)
    with pytest.raises(StoreError, match="the snapshot has"):
        files.save_snapshot(directory.name, {"x": Section(b'"%s"' % (b"x" * CONTEXT_FILE_MAX_BYTES), 1, "me")})
    assert contents(directory) == before


@posix  # elsewhere nobody can remove what is locked
def test_a_snapshot_brings_a_removed_session_back_as_a_whole(tmp_path: Path) -> None:
    directory = stored(tmp_path, NEW)
    files = FileSessionStore(tmp_path)
    files.claim("default")
    shutil.rmtree(directory)
    files.save_snapshot(directory.name, OLD)
    files.release(directory.name)
    claimed = FileSessionStore(tmp_path).claim("default")
    assert (claimed.session_id, claimed.record, claimed.sections) == (directory.name, RECORD, NEW)
    assert [path.name for path in directory.glob("snapshot.*")] == ["snapshot.1.json"]


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
    files = FileSessionStore(tmp_path)
    session_id = files.claim("default").session_id
    for _ in range(5):
        files.save_context(session_id, NOTHING)
    assert (directory / "context.1.json").exists()
    for _ in range(4):
        files.save_context(session_id, OLD)
    assert not (directory / "context.1.json").exists()


def test_temporaries_of_a_save_that_was_cut_off_are_swept(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    (directory / ".context.2.json.0badf00d.tmp").write_bytes(b"half")
    files = FileSessionStore(tmp_path)
    files.save_record(files.claim("default").session_id, RECORD)
    assert not list(directory.glob(".*"))


def test_what_a_newer_minor_added_survives(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    context, endpoint = newest(directory, "context"), newest(directory, "endpoint")
    body = b'{"sections":{"x":{"counter":1,"writer":"me","value":"old","hue":5}},"later":[1]}'
    context.write_bytes(with_header(with_body(context.read_bytes(), body), minor=4, more=True))
    body = encode_record(replace(RECORD, extra={"later": {"a": 1}}))
    endpoint.write_bytes(with_header(with_body(endpoint.read_bytes(), body), minor=4))
    files = FileSessionStore(tmp_path)
    claimed = files.claim("default")
    assert (claimed.sections, claimed.record.extra, claimed.notices) == (OLD, {"later": {"a": 1}}, ())
    files.save_context(claimed.session_id, NEW)
    files.save_record(claimed.session_id, claimed.record)
    files.release(claimed.session_id)
    saved = json.loads(newest(directory, "context").read_bytes().partition(b"\n")[2])
    assert saved == {"sections": {"x": {"counter": 2, "writer": "me", "hue": 5, "value": "new"}}, "later": [1]}
    assert files.claim("default").record == claimed.record


def test_of_a_status_that_does_not_fit_the_words_go_first(tmp_path: Path) -> None:
    files = FileSessionStore(tmp_path)
    session_id = files.claim("default").session_id
    words = 2 * "\0" * ERROR_TEXT_MAX_LENGTH
    files.save_record(session_id, replace(RECORD, status={"rejected": True, "last_error": words, "problems": [words]}))
    files.release(session_id)
    assert files.claim("default").record == replace(RECORD, status={"rejected": True, "last_error": None})


def test_a_status_that_does_not_fit_is_left_out(tmp_path: Path) -> None:
    files = FileSessionStore(tmp_path)
    session_id = files.claim("default").session_id
    files.save_record(session_id, replace(RECORD, status={"state": "x" * RECORD_MAX_BYTES}))
    files.release(session_id)
    assert files.claim("default").record == replace(RECORD, status={})


def test_a_record_that_cannot_be_kept_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    files = FileSessionStore(tmp_path)
    session_id = files.claim("default").session_id
    files.save_record(session_id, RECORD)
    for wrong in ({"x": float("nan")}, {"x": object()}):
        with pytest.raises(StoreError, match="unharmed"):
            files.save_record(session_id, replace(RECORD, status=wrong))
    with pytest.raises(StoreError, match="4,096 are allowed"):
        files.save_record(session_id, replace(RECORD, endpoint="x" * RECORD_MAX_BYTES))
    files.release(session_id)
    assert files.claim("default").record == RECORD


@posix
def test_a_session_directory_that_vanished_is_made_again_with_all_its_content(tmp_path: Path) -> None:
    directory = stored(tmp_path, OLD)
    files = FileSessionStore(tmp_path)
    claimed = files.claim("default")
    for save, expected in (
        (lambda: files.save_record(claimed.session_id, RECORD), OLD),
        (lambda: files.save_context(claimed.session_id, NEW), NEW),
    ):
        shutil.rmtree(directory)
        save()
        assert FileSessionStore(tmp_path).claim("default").session_id != claimed.session_id
        files.release(claimed.session_id)
        again = files.claim("default")
        assert (again.session_id, again.record, again.sections) == (claimed.session_id, RECORD, expected)
