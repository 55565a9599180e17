from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from stui_supervisor.backend import BackendSettings
from stui_supervisor.backend.server import Backend
from stui_supervisor.backend.state_file import load
from stui_supervisor.backend.state_lock import take_lock
from stui_supervisor.errors import ConfigurationError, StoreError
from tests.support.files.denied_writing import deny_writing, plain_account
from tests.support.files.stored_files import posix
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.plain_client import PlainClient


def settings(state_file: Path) -> BackendSettings:
    return BackendSettings(bind="tcp://127.0.0.1:*", state_file=state_file)


def test_a_second_backend_on_one_state_file_is_refused_in_words_until_the_first_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    with BackendProcess(settings(path)) as first, PlainClient(first.endpoint) as client:
        session_id = client.result("create_session", client_id="c")["session_id"]
        with closing(Backend(settings(path))) as second, pytest.raises(ConfigurationError) as caught:
            second.open()
        assert caught.value.message == f"another backend uses {path}"
        assert caught.value.hint == "stop that one, or name another state file"
        assert client.result("restore_session", session_id=session_id)["is_active"] is True
        first.kill()
    with closing(Backend(settings(path))) as third:
        third.open()
        assert list(third.image.sessions.all) == [session_id]


def test_a_damaged_state_file_is_an_error_in_words_and_its_lock_is_released(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    path.write_bytes(b"{")
    with closing(Backend(settings(path))) as backend, pytest.raises(ConfigurationError, match="to start afresh"):
        backend.open()
    take_lock(path).release()


@posix
def test_one_file_under_two_names_is_one_file(tmp_path: Path) -> None:
    path, link = tmp_path / "sessions.json", tmp_path / "link"
    path.write_text('{"format": 1, "sessions": []}')
    link.symlink_to(path)
    lock = take_lock(path)
    with pytest.raises(StoreError, match="another backend uses"):
        take_lock(link)
    lock.release()


@posix
def test_a_lock_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "taken.lock").mkdir()
    with pytest.raises(StoreError, match=r"taken\.lock cannot be written \(Is a directory\)"):
        take_lock(tmp_path / "taken")
    with plain_account() as root:
        deny_writing(root)
        with pytest.raises(StoreError, match=r"sessions\.json\.lock cannot be written \(Permission denied\)"):
            take_lock(root / "sessions.json")


def test_whenever_a_backend_is_killed_its_state_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    with BackendProcess(settings(path)) as backend:
        with PlainClient(backend.endpoint) as client:
            session_id = client.result("create_session", client_id="c")["session_id"]
        for turn in range(5):
            with PlainClient(backend.endpoint) as client:
                state = {"turn": turn, "text": "x" * 500_000}
                client.result("update_session_state", session_id=session_id, state_data=state)
                client.send("update_session_state", session_id=session_id, state_data={**state, "last": True})
                backend.kill()
            (stored,) = load(path).sessions
            assert stored.state in (state, {**state, "last": True})
            backend.start()
            with PlainClient(backend.endpoint) as client:
                assert client.result("restore_session", session_id=session_id)["session_state"] == stored.state
    assert json.loads(path.read_text())["format"] == 1
