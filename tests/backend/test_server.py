from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from stui_supervisor.backend import BackendSettings
from stui_supervisor.backend.server import Backend
from stui_supervisor.backend.state_file import load
from stui_supervisor.config import MESSAGE_MAX_BYTES
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.wire.dialects import Dialect
from tests.support.files.denied_writing import deny_writing, plain_account
from tests.support.files.stored_files import posix
from tests.support.processes.plain_client import PlainClient

_ENDS_WITHIN_S = 5


@contextmanager
def serving(**changes: Any) -> Iterator[tuple[Backend, PlainClient]]:
    """A backend in a thread of this process, and a client of it."""
    backend = Backend(BackendSettings(**{"bind": "tcp://127.0.0.1:*"} | changes))
    backend.open()
    thread = threading.Thread(target=backend.serve, name="backend")
    thread.start()
    try:
        with PlainClient(backend.endpoint) as client:
            yield backend, client
    finally:
        backend.stop()
        thread.join(_ENDS_WITHIN_S)
        assert not thread.is_alive()


def test_both_dialects_are_served_on_one_socket() -> None:
    with serving() as (_, client):
        assert client.ask("evaluate", code="3 + 4 * 2")["result"]["result"] == "14"
        response = client.ask_in_envelope("Evaluate", code="3 + 4 * 2", return_string=True)
        assert (response["response_type"], response["data"]["result"]) == ("Evaluate", "14")


def test_an_error_comes_in_the_dialect_of_the_question() -> None:
    with serving() as (_, client):
        reply = client.ask("restore_session", session_id="gone")
        assert (reply["status"], reply["error_type"]) == ("error", "SessionNotFound")
        response = client.ask_in_envelope("RestoreSession", session_id="gone")
        assert (response["response_type"], response["data"]["code"]) == ("Error", "ObjectNotFound")


def test_a_session_is_used_through_the_envelope() -> None:
    with serving() as (_, client):
        session_id = client.ask_in_envelope("CreateSession", client_id="c")["data"]["session_id"]
        client.ask_in_envelope("SaveContext", session_id=session_id, context={"a": 1})
        assert client.ask_in_envelope("RestoreSession", session_id=session_id)["data"]["state"] == {"a": 1}
        loaded = client.ask_in_envelope("LoadContext", session_id=session_id)["data"]
        assert (loaded["loaded"], loaded["context"]) == (True, {"a": 1})


def test_the_largest_state_that_a_message_can_bring_can_be_restored() -> None:
    with serving() as (_, client):
        session_id = client.result("create_session", client_id="c")["session_id"]
        state = {"text": "x" * (MESSAGE_MAX_BYTES - 1_000)}
        client.result("update_session_state", session_id=session_id, state_data=state)
        assert client.result("restore_session", session_id=session_id)["session_state"] == state


def test_a_server_of_one_dialect_answers_the_other_with_its_own_error() -> None:
    with serving(dialects=frozenset([Dialect.COMMAND])) as (_, client):
        reply = client.exchange(b'{"id":"m","payload":{"data":{"request_type":"Ping"}}}')
        assert (reply["id"], reply["status"], reply["error_type"]) == ("m", "error", "InvalidRequest")
        assert client.ask("ping")["status"] == "success"
    with serving(dialects=frozenset([Dialect.ENVELOPE])) as (_, client):
        reply = client.ask("ping")
        assert (reply["id"], reply["payload"]["data"]["response_type"]) == ("m1", "Error")
        assert client.ask_in_envelope("Ping")["data"]["status"] == "ready"


def test_a_server_may_answer_with_ids_of_its_own() -> None:
    with serving(own_ids=True) as (_, client):
        first, second = client.ask("ping")["id"], client.ask("ping")["id"]
        assert len({first, second, "m1"}) == 3


def test_bad_frames_get_an_error_and_the_next_request_its_answer() -> None:
    with serving() as (_, client):
        for frames in [(b"garbage",), (b"",), (b"{}", b"second"), (b"[" * 100_000,)]:
            assert client.exchange(*frames)["error_type"] == "InvalidRequest"
        assert client.ask("ping")["status"] == "success"


@settings(max_examples=10)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=20))
def test_no_garbage_ends_a_backend(bodies: list[bytes]) -> None:
    with serving() as (_, client):
        for body in bodies:
            assert client.exchange(body)["error_type"] == "InvalidRequest"


def test_a_result_too_large_for_a_message_is_an_error() -> None:
    with serving() as (_, client):
        code = "s := String new: 6000000 withAll: $'"
        reply = client.ask("evaluate", code=code)
        assert reply["error_type"] == "RuntimeError"
        assert "STUI allows 10,000,000" in reply["error"]


def test_an_id_that_leaves_no_room_for_an_error_is_left_out() -> None:
    with serving() as (_, client):
        whole = b'{"id":"%s","command":"nothing"}' % (b"x" * (MESSAGE_MAX_BYTES - 40))
        reply = client.exchange(whole)
        assert (reply["id"], reply["status"], reply["error"]) == ("", "error", "the answer is too large")
        assert client.ask("ping")["status"] == "success"


def test_a_large_result_arrives() -> None:
    with serving() as (_, client):
        result = client.ask("evaluate", code="String new: 9000000 withAll: $x")["result"]["result"]
        assert len(result) == 9_000_002


def test_a_message_above_the_limit_of_stui_costs_its_sender_the_link_and_nobody_else() -> None:
    with serving() as (backend, client), PlainClient(backend.endpoint) as other:
        client.ask("ping")
        monitor = client.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        client.socket.send(b"x" * (MESSAGE_MAX_BYTES + 1))
        assert monitor.poll(_ENDS_WITHIN_S * 1_000)
        client.socket.disable_monitor()
        assert other.ask("ping")["status"] == "success"


def test_a_busy_backend_answers_nobody(tmp_path: Path) -> None:
    log = tmp_path / "executed.jsonl"
    with serving(executed_log=log) as (backend, client), PlainClient(backend.endpoint) as other:
        client.send("evaluate", code="(Delay forSeconds: 0.4) wait")
        ends_s = time.monotonic() + _ENDS_WITHIN_S
        while not log.read_text():
            assert time.monotonic() < ends_s
        other.ask("ping")
        assert client.socket.poll(50) == zmq.POLLIN  # the delay was over before the ping was answered
        assert client.receive()["result"]["execution_time"] >= 400
    assert [json.loads(line)["command"] for line in log.read_text().splitlines()] == ["evaluate", "ping"]


def test_changes_and_errors_are_published() -> None:
    with serving(publish="tcp://127.0.0.1:*") as (backend, client):
        assert backend.publishing is not None
        assert client.result("ping")["notifications"] == backend.publishing
        context = zmq.Context()
        try:
            listener = context.socket(zmq.SUB)
            listener.setsockopt(zmq.RCVTIMEO, 5_000)
            listener.subscribe(b"")
            monitor = listener.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
            listener.connect(backend.publishing)
            assert monitor.poll(5_000)
            heard = _first_heard(client, listener)
            assert heard[0] == b"session-updates"
            content = json.loads(heard[1])
            assert (content["change"], sorted(content)) == ("created", ["change", "session_id", "timestamp"])
            client.ask("evaluate", code="1 / 0")
            topics = set()
            while b"errors" not in topics:
                topics.add(listener.recv_multipart()[0])
        finally:
            listener.disable_monitor()
            context.destroy(linger=0)


def _first_heard(client: PlainClient, listener: zmq.Socket[bytes]) -> list[bytes]:
    # A subscription takes a moment to arrive; what is published before is not heard.
    for number in range(100):
        client.ask("create_session", client_id=str(number))
        if listener.poll(50):
            return listener.recv_multipart()
    raise AssertionError("nothing was ever heard")


def test_each_request_is_logged_before_it_runs_and_without_the_token(tmp_path: Path) -> None:
    log = tmp_path / "executed.jsonl"
    with serving(executed_log=log) as (_, client):
        client.ask("ping", auth_token="secret of somebody")  # noqa: S106  # guards nothing
        client.ask("evaluate", code="1 / 0")
        client.exchange(b"garbage")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all(line.pop("at").endswith("Z") for line in lines)
    assert lines == [
        {"id": "m1", "command": "ping", "parameters": {"auth_token": "********"}},
        {"id": "m1", "command": "evaluate", "parameters": {"code": "1 / 0"}},
    ]


def test_sessions_and_their_variables_survive_a_restart_with_a_state_file(tmp_path: Path) -> None:
    state_file = tmp_path / "sessions.json"
    with serving(state_file=state_file) as (_, client):
        session_id = client.result("create_session", client_id="c")["session_id"]
        client.result("update_session_state", session_id=session_id, state_data={"a": 1})
        client.result("evaluate", code="x := 7", session_id=session_id)
    with serving(state_file=state_file) as (_, client):
        assert client.result("restore_session", session_id=session_id)["session_state"] == {"a": 1}
        assert client.result("evaluate", code="x", session_id=session_id)["result"] == "7"
    state_file.unlink()
    with serving(state_file=state_file) as (_, client):
        assert client.ask("restore_session", session_id=session_id)["error_type"] == "SessionNotFound"


def test_a_state_file_that_cannot_be_written_any_more_is_reported_and_served_without(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "state"
    directory.mkdir()
    with serving(state_file=directory / "sessions.json") as (_, client):
        shutil.rmtree(directory)
        session_id = client.result("create_session", client_id="c")["session_id"]
        assert client.result("restore_session", session_id=session_id)["is_active"] is True
    lines = capfd.readouterr().err.splitlines()
    assert lines[0].startswith("stui-supervisor: ")
    assert "  name another state file" in lines


def test_what_could_not_be_saved_is_told_once_and_saved_at_the_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    in_the_way = tmp_path / "sessions.json.tmp"
    with serving(state_file=tmp_path / "sessions.json") as (_, client):
        in_the_way.mkdir()
        for _ in range(2):
            session_id = client.result("create_session", client_id="c")["session_id"]
        in_the_way.rmdir()
        client.ask("ping")  # changes nothing
    assert capfd.readouterr().err.count("stui-supervisor: ") == 1
    assert session_id in [session.session_id for session in load(tmp_path / "sessions.json").sessions]


@pytest.mark.parametrize("option", ["state_file", "executed_log"])
def test_a_file_that_cannot_be_written_is_an_error_at_the_start(option: str, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "file"
    settings = BackendSettings(bind="tcp://127.0.0.1:*", **{option: path})  # type: ignore[arg-type]
    with closing(Backend(settings)) as backend, pytest.raises(ConfigurationError) as caught:
        backend.open()
    assert caught.value.message == f"{path} cannot be written (No such file or directory)"
    assert caught.value.hint.startswith("name another")


def test_a_fault_of_the_backend_is_an_error_and_the_next_request_is_served(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    with serving(executed_log=log) as (_, client):
        log.unlink()
        log.mkdir()  # a directory cannot be appended to
        for _ in range(2):
            reply = client.ask("ping")
            assert (reply["error_type"], reply["error"]) == ("RuntimeError", "the backend failed on this request")
    assert "Error" in capfd.readouterr().err


def test_stop_ends_a_delay() -> None:
    with serving() as (_, client):
        client.send("evaluate", code="(Delay forSeconds: 3600) wait")


def test_a_stop_that_comes_with_a_delay_ends_it() -> None:
    with serving() as (backend, client):
        backend._sleep_again()
        backend._stopping = True  # as when the byte that wakes it was read before the request
        client.send("evaluate", code="(Delay forSeconds: 3600) wait")


def test_stopping_twice_is_once() -> None:
    with serving() as (backend, _):
        backend.stop()
        backend.stop()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1", "nonsense", "smoke://127.0.0.1:5555", "tcp://127.0.0.1:x"])
def test_an_address_that_cannot_be_bound_is_an_error_that_says_so(address: str) -> None:
    backend = Backend(BackendSettings(bind=address))
    with pytest.raises(ConfigurationError, match="cannot be bound"):
        backend.open()
    backend.close()


@posix
@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("tcp://127.0.0.1:x", "write tcp://127.0.0.1:5555 or tcp://127.0.0.1:*"),
        ("tcp://192.0.2.1:5555", "bind an address of this machine"),
        ("ipc:///missing/directory/socket", "make its directory, or bind another path"),
    ],
)
def test_the_hint_is_for_what_is_wrong_with_the_address(address: str, hint: str) -> None:
    with closing(Backend(BackendSettings(bind=address))) as backend, pytest.raises(ConfigurationError) as caught:
        backend.open()
    assert caught.value.hint == hint


@posix
def test_a_path_where_we_may_not_write_asks_for_another() -> None:
    with plain_account() as root:
        deny_writing(root)
        settings = BackendSettings(bind=f"ipc://{root}/socket")
        with closing(Backend(settings)) as backend, pytest.raises(ConfigurationError) as caught:
            backend.open()
    assert caught.value.hint == "bind a port above 1023, or a path in a directory of your own"
