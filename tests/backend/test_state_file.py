from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from stui_supervisor.backend.sessions import Session
from stui_supervisor.backend.smalltalk.evaluator import evaluate
from stui_supervisor.backend.state_file import Kept, load, save
from stui_supervisor.errors import StoreError


def a_session() -> Session:
    session = Session("s1", "c1", 1.5, 2.5, 3.5, state={"text": "\u03bb", "n": 2**70})
    code = "x := 1/3. d := Delay forSeconds: 2. t := 'it''s'. big := 2 ** 20000. s := #'a b'. nothing := nil"
    evaluate(code, session.workspace, wait=lambda _seconds: None)
    return session


def test_sessions_and_keys_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    kept = Kept([a_session()], ["k1", "k2"])
    save(path, kept)
    assert load(path) == kept
    assert [entry.name for entry in tmp_path.iterdir()] == ["sessions.json"]


def test_a_file_of_an_older_backend_has_no_keys(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    path.write_text('{"format": 1, "sessions": []}')
    assert load(path) == Kept([], [])


def test_without_a_file_there_are_no_sessions(tmp_path: Path) -> None:
    assert load(tmp_path / "missing.json") == Kept([], [])


@pytest.mark.skipif(os.name == "nt", reason="only on POSIX: file modes")
def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    save(tmp_path / "sessions.json", Kept([], []))
    assert (tmp_path / "sessions.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"format":1,"sessions":[{}]}',
        b'{"format":1,"sessions":5}',
        json.dumps(
            {"format": 1, "sessions": [dict.fromkeys(["session_id", "client_id"], "s") | {"variables": {"x": "1 +"}}]}
        ).encode(),
    ],
)
def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sessions.json"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="remove it to start afresh"):
        load(path)


def test_another_format_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    path.write_text('{"format": 2, "sessions": []}')
    with pytest.raises(StoreError, match="has the format 2"):
        load(path)


def test_a_directory_that_is_not_there_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="name another state file"):
        save(tmp_path / "missing" / "sessions.json", Kept([], []))
