from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor.backend import BackendSettings
from stui_supervisor.backend.errors import Refusal
from stui_supervisor.backend.image import Image
from stui_supervisor.backend.sessions import Session
from stui_supervisor.backend.settings import STATE_MAX_BYTES
from stui_supervisor.backend.smalltalk.evaluator import evaluate
from stui_supervisor.backend.smalltalk.values import Delay, Workspace
from stui_supervisor.backend.state_file import StoredState, load, save
from stui_supervisor.config import MESSAGE_MAX_DEPTH
from stui_supervisor.errors import StoreError
from stui_supervisor.wire.dialects import Dialect, Operation, encode
from stui_supervisor.wire.service import decode_request, encode_result
from tests.support.files.denied_writing import plain_account
from tests.support.files.stored_files import posix

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_session() -> Session:
    session = Session("s1", "c1", 1.5, 2.5, 3.5, state={"text": "\u03bb", "n": 2**70})
    code = "x := 1/3. d := Delay forSeconds: 2. t := 'it''s'. big := 2 ** 20000. s := #'a b'. nothing := nil"
    evaluate(code, session.workspace, wait=lambda _seconds: None)
    return session


def test_sessions_and_keys_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    stored = StoredState([a_session()], ["k1", "k2"])
    save(path, stored)
    assert load(path) == stored
    assert [entry.name for entry in tmp_path.iterdir()] == ["sessions.json"]


def test_a_file_of_an_older_backend_has_no_keys(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    path.write_text('{"format": 1, "sessions": []}')
    assert load(path) == StoredState([], [])


def test_without_a_file_there_are_no_sessions(tmp_path: Path) -> None:
    assert load(tmp_path / "missing.json") == StoredState([], [])


@pytest.mark.skipif(os.name == "nt", reason="only on POSIX: file modes")
def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    save(tmp_path / "sessions.json", StoredState([], []))
    assert (tmp_path / "sessions.json").stat().st_mode & 0o777 == 0o600


def refusal(path: Path) -> StoreError:
    """Why a state file is not used."""
    with pytest.raises(StoreError) as caught:
        load(path)
    assert len(caught.value.message) < len(str(path)) + 150
    return caught.value


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"format":' + b"9" * 100_000 + b"}",
        b'{"format":NaN,"sessions":[]}',
        b'{"format":true,"sessions":[]}',
        b'{"format":1,"sessions":[{}]}',
        b'{"format":1,"sessions":5}',
        b'{"format":1,"sessions":[],"keys":[1]}',
        json.dumps(
            {"format": 1, "sessions": [dict.fromkeys(["session_id", "client_id"], "s") | {"variables": {"x": "1 +"}}]}
        ).encode(),
    ],
    ids=lambda content: repr(content[:30]),
)
def test_a_damaged_file_is_an_error_that_says_what_to_do_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sessions.json"
    path.write_bytes(content)
    assert "remove it to start afresh" in refusal(path).hint
    assert path.read_bytes() == content


def use(stored: StoredState) -> None:
    """Ask an image that took this up everything about its sessions; what it says has to fit on the wire."""
    image = Image(BackendSettings(), wait=lambda _seconds: None, publish=lambda _topic, _content: None)
    image.sessions.all.update({session.session_id: session for session in stored.sessions})
    image.guarantees.remember(stored.keys)
    for session in stored.sessions:
        about = {"session_id": session.session_id}
        questions: dict[str, dict[str, Any]] = {
            "get_session_info": about,
            "list_client_sessions": {"client_id": session.client_id},
            "restore_session": about,
            "inspect": {**about, "objectId": "x"},
            "evaluate": {**about, "code": "x"},
            "update_session_state": {**about, "state_data": {}},
            "close_session": about,
        }
        for command, parameters in questions.items():
            request = decode_request(encode(Dialect.COMMAND, Operation(command, parameters), message_id="m", at=NOW))
            with suppress(Refusal):
                encode_result(request, image.answer(request, NOW.timestamp()), at=NOW)


def read_or_refused(path: Path, content: bytes) -> bool:
    """Whether this content is used; else it is refused in words and stays. One or the other has to be."""
    path.write_bytes(content)
    stored = None
    with suppress(StoreError):
        stored = load(path)
    assert path.read_bytes() == content
    if stored is not None:
        use(stored)
    return stored is not None


def a_small_session() -> Session:
    session = Session("s1", "c1", 1.5, 2.5, NOW.timestamp(), state={"text": "\u03bb", "list": [1, {"b": None}]})
    evaluate("x := 1/3. d := Delay forSeconds: 2", session.workspace, wait=lambda _seconds: None)
    return session


def test_no_file_that_is_cut_or_has_one_bit_flipped_makes_a_backend_fail(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    save(path, StoredState([a_small_session()], ["k1"]))
    whole = path.read_bytes()
    flipped = [
        whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :] for at in range(len(whole)) for bit in range(8)
    ]

    assert not any(read_or_refused(path, whole[:length]) for length in range(len(whole)))
    assert {read_or_refused(path, content) for content in flipped} == {True, False}


def places_in(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value in a JSON value."""
    yield way
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from places_in(inner, (*way, name))


def replaced(value: Any, way: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value in one place."""
    if not way:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[way[0]] = replaced(value[way[0]], way[1:], new)
    return copy


STRANGE = [
    *("null", "true", "0", "-1", "1e308", "1e999", "NaN", "-Infinity", "9" * 400, "-" + "9" * 5_000),
    *('""', '"nan"', '"x"', '"\\ud800"', '"' + "x" * 300 + '"', '"1 / 0"', '"10000 factorial"'),
    *("[]", "{}", "[[]]", '{"":{}}', '{"a":1,"a":2}', "[" * 66 + "]" * 66, "[" * 100_000, ""),
]


@pytest.mark.parametrize("strange", STRANGE, ids=lambda text: text[:12] or "nothing")
def test_no_value_in_any_place_makes_a_backend_fail(strange: str, tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    save(path, StoredState([a_small_session()], ["k1"]))
    whole = json.loads(path.read_bytes())
    for way in places_in(whole):
        text = json.dumps(replaced(whole, way, "in its place")).replace('"in its place"', strange)
        read_or_refused(path, text.encode())
    (tmp_path / "plain.json").write_text(json.dumps(replaced(whole, ("sessions", 0, "used_at"), 10**400)))
    assert refusal(tmp_path / "plain.json").message.endswith("session 1: used_at is no time in seconds since 1970")


@posix
def test_what_is_no_file_is_an_error_that_says_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "to_nothing").symlink_to("nothing")
    (tmp_path / "to_itself").symlink_to("to_itself")
    for path, what in {
        tmp_path: "is a directory",
        tmp_path / "fifo": "is no regular file",
        Path("/dev/zero"): "is no regular file",
        tmp_path / "to_nothing": "is a link to nothing",
        tmp_path / "to_itself": "cannot be read (Too many levels of symbolic links)",
    }.items():
        for use_it in (load, lambda path: save(path, StoredState([], []))):
            with pytest.raises(StoreError) as caught:
                use_it(path)
            assert caught.value.message == f"{path} {what}"
            assert "name another state file" in caught.value.hint


@posix
def test_a_file_that_may_not_be_read_is_an_error_that_says_what_to_do() -> None:
    with plain_account() as root:
        path = root / "sessions.json"
        path.touch(0o200)
        error = refusal(path)
    assert (error.message, error.hint) == (
        f"{path} cannot be read (Permission denied)",
        "give your account the right to read it, or name another state file",
    )


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    with path.open("wb") as file:
        file.truncate(500_000_000)
    assert refusal(path).message.endswith("500,000,000 bytes, and 100,000,000 are the limit")


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    save(path, StoredState([], ["k1"]))
    session = Session("s1", "c1", 1.5, 2.5, 3.5, state={"text": "x" * STATE_MAX_BYTES})
    with pytest.raises(StoreError, match="the sessions are too large for"):
        save(path, StoredState([session], []))
    assert load(path) == StoredState([], ["k1"])


def test_what_is_nested_as_deeply_as_a_message_may_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    levels = MESSAGE_MAX_DEPTH - 3  # the state of a session is the third level of a request
    body = b'{"id":"m","command":"update_session_state","parameters":{"state_data":{"a":%s%s}}}'
    state = decode_request(body % (b"[" * levels, b"]" * levels)).parameters["state_data"]
    stored = StoredState([Session("s1", "c1", 1.5, 2.5, 3.5, state=state)], [])
    save(path, stored)
    assert load(path) == stored


@posix
def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "link"
    path.symlink_to("sessions.json")
    save(tmp_path / "sessions.json", StoredState([], ["k1"]))
    save(path, StoredState([], [*load(path).keys, "k2"]))
    assert path.is_symlink()
    assert load(tmp_path / "sessions.json") == StoredState([], ["k1", "k2"])


@pytest.mark.parametrize(
    "code",
    [
        *("2 ** 149999", "0 - (2 ** 149999)", "1 / (2 ** 149999)", "2 ** 149999 / 3"),
        *("String new: 9000000 withAll: $'", "Delay forSeconds: 86400", "Delay forMilliseconds: 1"),
    ],
)
def test_a_variable_of_any_size_comes_back(code: str, tmp_path: Path) -> None:
    session = a_session()
    evaluate(f"x := {code}", session.workspace, wait=lambda _seconds: None)
    save(tmp_path / "sessions.json", StoredState([session], []))
    assert load(tmp_path / "sessions.json").sessions == [session]


def test_what_a_variable_has_waited_for_is_not_waited_for_again(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    save(path, StoredState([Session("s1", "c1", 1.5, 2.5, 3.5, workspace=Workspace({"x": 7}))], []))
    path.write_text(path.read_text().replace('"7"', '"(Delay forSeconds: 60) wait"'))
    assert load(path).sessions[0].workspace.values == {"x": Delay(60)}


def test_variables_that_take_too_much_work_are_refused_soon(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    save(path, StoredState([Session("s1", "c1", 1.5, 2.5, 3.5, workspace=Workspace({"x": 7}))], []))
    many = ",".join(f'"v{number}":"10000 factorial. 1"' for number in range(60_000))
    path.write_text(path.read_text().replace('"x": "7"', many))
    assert refusal(path).message.endswith("session 1: the evaluation takes too much work")


def test_a_half_written_file_of_a_killed_backend_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    (tmp_path / "sessions.json.tmp").write_bytes(b'{"format": 1, "sess')
    save(path, StoredState([], ["k1"]))
    assert load(path) == StoredState([], ["k1"])
    assert [entry.name for entry in tmp_path.iterdir()] == ["sessions.json"]


def test_a_file_that_cannot_be_replaced_stays_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    (tmp_path / "sessions.json.tmp").mkdir()
    with pytest.raises(StoreError, match=r"sessions\.json\.tmp cannot be written"):
        save(tmp_path / "sessions.json", StoredState([], []))
    assert [entry.name for entry in tmp_path.iterdir()] == ["sessions.json.tmp"]


def test_another_format_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    path.write_text('{"format": 2, "sessions": []}')
    with pytest.raises(StoreError, match="has the format 2"):
        load(path)


def test_a_directory_that_is_not_there_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="name another state file"):
        save(tmp_path / "missing" / "sessions.json", StoredState([], []))
