"""Homes as other versions left them. The files in ``tests/golden`` are frozen: no release may need them changed.

There is no format older than 1.0, so there is nothing to migrate.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor.adapters.sessions.export import decode_export
from stui_supervisor.adapters.sessions.history import SessionHistory
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.context.context import Section
from stui_supervisor.peer.backend_session import BackendSession
from stui_supervisor.session.records import SessionRecord
from tests.support.files.stored_files import codes_of, contents, newest, sealed

GOLDEN = Path(__file__).parents[1] / "golden"
SESSION = "6f1d3a52-8c0e-4b7a-9d61-2f0c5e7a4b19"
RECORD = SessionRecord(
    profile="default",
    endpoint="tcp://127.0.0.1:5555",
    dialect="command",
    image_id="Pharo 12.0",
    session=BackendSession("s-1"),
    client_id="c-1",
    status={"state": "connected"},
)
WORKSPACES = Section('[{"name":"Main","text":"3 + 4 → 7"}]'.encode(), 2, "w-1")
CLOSED = Section(None, 5, "w-1")
EARLIER = Section(b'[{"name":"Main","text":"3 + 4"}]', 1, "w-1")
BOOKMARKS = Section(b'{"of a later version":[null,1.5]}', 1, "w-1")
CHANGED = Section(b"[]", 3, "me")


def home(tmp_path: Path, *versions: str) -> Path:
    for version in versions:
        shutil.copytree(GOLDEN / version, tmp_path, dirs_exist_ok=True)
    return tmp_path


def parts(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    header, _, body = file.read_bytes().partition(b"\n")
    return json.loads(header), json.loads(body)


def test_format_1_0_is_read_as_it_was_written(tmp_path: Path) -> None:
    claimed = FileSessionStore(home(tmp_path, "1.0")).claim("default")
    assert (claimed.session_id, claimed.record, claimed.notices) == (SESSION, RECORD, ())
    assert claimed.sections == {"workspaces": WORKSPACES, "closed": CLOSED}
    assert SessionHistory(str(tmp_path), SESSION).sections_of("snapshot.1") == {"workspaces": EARLIER}


def test_an_exported_session_of_format_1_0_is_read_as_it_was_written() -> None:
    record, stored = decode_export((GOLDEN / "export-1.0.json").read_bytes())
    assert record == SessionRecord(
        profile="default",
        endpoint=RECORD.endpoint,
        endpoint_from_file=True,
        dialect="command",
        image_id="Pharo 12.0",
    )
    assert (stored.sections, stored.extra) == ({"workspaces": WORKSPACES, "closed": CLOSED}, {})


def test_a_later_minor_is_used_and_all_that_it_added_is_there_when_it_comes_back(tmp_path: Path) -> None:
    files = FileSessionStore(home(tmp_path, "1.7"))
    claimed = files.claim("default")
    added = {"tags": ["a", "b"], "later": {"deep": [1]}}
    assert (claimed.session_id, claimed.notices, claimed.record.extra) == (SESSION, (), added)
    assert claimed.sections == {"workspaces": WORKSPACES, "bookmarks": BOOKMARKS, "closed": CLOSED}
    for _ in range(5):  # until no file of the later version is left
        files.save_context(SESSION, {**claimed.sections, "workspaces": CHANGED})
        files.save_record(SESSION, claimed.record)
    files.release(SESSION)

    header, body = parts(newest(tmp_path / SESSION, "context"))
    _, before = parts(GOLDEN / "1.7" / SESSION / "context.1.json")
    before["sections"]["workspaces"] |= {"counter": 3, "writer": "me", "value": []}
    assert ((header["major"], header["minor"]), body) == ((1, 1), before)
    _, record = parts(newest(tmp_path / SESSION, "endpoint"))
    assert record == {**parts(GOLDEN / "1.7" / SESSION / "endpoint.1.json")[1], "turn": 1, "endpoint_from_file": False}


def test_a_later_major_is_left_byte_for_byte_and_told_and_work_goes_on_beside_it(tmp_path: Path) -> None:
    before = contents(home(tmp_path, "2.0") / SESSION)
    files = FileSessionStore(tmp_path)
    for _ in range(2):
        claimed = files.claim("default")
        assert (claimed.session_id != SESSION, codes_of(claimed.notices)) == (True, ["newer_format"])
        assert "format 2" in claimed.notices[0].message
        assert "that version again" in claimed.notices[0].hint
        for _ in range(5):
            files.save_context(claimed.session_id, {"workspaces": CHANGED})
        files.release(claimed.session_id)
    assert contents(tmp_path / SESSION) == before
    assert [session.session_id for session in files.read_newest()] == [claimed.session_id]


@pytest.mark.parametrize("kept", ["endpoint.1.json", "context.1.json"])
def test_one_file_of_a_later_major_is_enough_to_leave_a_session_alone(tmp_path: Path, kept: str) -> None:
    home(tmp_path, "1.0")
    later = kept.replace(".1.", ".9.")
    content = (GOLDEN / "2.0" / SESSION / kept).read_bytes()
    fields = json.loads(content.partition(b"\n")[0])
    (tmp_path / SESSION / later).write_bytes(sealed({**fields, "seq": 9}, content.partition(b"\n")[2]))
    before = contents(tmp_path / SESSION)
    assert codes_of(FileSessionStore(tmp_path).claim("default").notices) == ["newer_format"]
    assert contents(tmp_path / SESSION) == before


def test_a_file_that_claims_an_older_major_was_never_written_by_us_and_is_set_aside_unread(tmp_path: Path) -> None:
    home(tmp_path, "1.0")
    header, body = (tmp_path / SESSION / "context.2.json").read_bytes().split(b"\n", 1)
    content = sealed({**json.loads(header), "major": 0, "seq": 3}, body)
    (tmp_path / SESSION / "context.3.json").write_bytes(content)
    claimed = FileSessionStore(tmp_path).claim("default")
    assert (claimed.sections["workspaces"], codes_of(claimed.notices)) == (WORKSPACES, ["damaged_file"])
    assert [path.read_bytes() for path in (tmp_path / "quarantine").iterdir()] == [content]
