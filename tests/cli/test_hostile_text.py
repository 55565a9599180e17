"""Whatever a backend or a file says, a terminal gets printable lines and a program valid JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor.adapters.host.clock import directories
from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.cli.console.event_lines import event_line
from stui_supervisor.cli.console.terminal import Terminal
from stui_supervisor.cli.demo.narrator import Narrator
from stui_supervisor.cli.main import main
from stui_supervisor.context.context import Section
from stui_supervisor.errors import BackendError, NotSent, SupervisorError
from stui_supervisor.events import Event, Problem, SessionSwitched, Transition
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.peer.backend_session import BackendSession
from stui_supervisor.printable import printable
from stui_supervisor.problems import ProblemCode
from stui_supervisor.profile import Profile
from stui_supervisor.session.records import SessionRecord
from tests.support.core.hostile_replies import ESCAPES
from tests.support.processes.command import Command
from tests.support.processes.strange_servers import Frames, ScriptedServer, success

NAME = f"Pharo {ESCAPES} 12"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OWN_COLOUR = re.compile(r"\x1b\[\d+m")
MOVED = Transition(
    at=AT,
    from_state=State.CONNECTED,
    to_state=State.RECOVERING,
    trigger=Trigger.ATTEMPT_FAILED,
    reason=NAME,
    endpoint="tcp://127.0.0.1:1",
)
Ran = Callable[..., tuple[str, str]]


def refusal(body: bytes, error_type: str) -> bytes:
    error = {"id": json.loads(body)["id"], "status": "error", "error": NAME, "error_type": error_type}
    return json.dumps(error).encode()


def speaks_in_escapes(token: bytes, body: bytes) -> Iterable[Frames]:
    """An image whose every text is hostile; it refuses sessions, and the code says what becomes of an evaluation."""
    asked = json.loads(body)
    match asked["command"], asked["parameters"].get("code"):
        case "ping", _:
            reply = success(body, image_id=NAME, server=NAME, capabilities=[NAME], notifications=NAME)
        case "evaluate", "text":
            reply = success(body, result=NAME, result_type=NAME)
        case "evaluate", "object":
            reply = success(body, result={NAME: [NAME]})
        case "evaluate", "failure":
            reply = success(body, result=NAME, has_error=True)
        case _:
            reply = refusal(body, NAME)
    return [(token, b"", reply)]


def lets_nobody_in(token: bytes, body: bytes) -> Iterable[Frames]:
    return [(token, b"", refusal(body, "AuthenticationFailed"))]


def assert_harmless(text: str) -> None:
    assert [line for line in text.split("\n") if not line.isprintable()] == []


@pytest.fixture
def ran(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ran:
    """A command in this process, on a home where every text of the files is hostile; what it wrote."""

    def run(*words: str) -> tuple[str, str]:
        main(["--home", str(tmp_path), *words])
        out, err = capsys.readouterr()
        return out, err

    return run


def leave(home: Path, endpoint: str) -> str:
    """A session and a profile whose texts are all hostile; the session's id."""
    places = directories(home)
    files = FileSessionStore(places.sessions_root)
    session_id = files.claim("default").session_id
    status = {"state": "connected", "image_id": NAME, "session_id": NAME, "last_error": NAME, "dialect": NAME}
    record = SessionRecord(
        profile="default", endpoint=endpoint, image_id=NAME, session=BackendSession(NAME), status=status
    )
    files.save_record(session_id, record)
    files.save_context(session_id, {NAME: Section(json.dumps(NAME).encode(), 1, "me")})
    files.release(session_id)
    profile = Profile(name="default", endpoints=(NAME,), recent=(NAME,), topics=(NAME,), pin_image=NAME)
    FileProfileStore(places.profiles).change("default", lambda _known: profile)
    return session_id


def texts_of(value: Any) -> Iterator[str]:
    """Every text within a JSON value, the names included."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from texts_of(item)
        case dict():
            for name, item in value.items():
                yield name
                yield from texts_of(item)
        case _:
            pass


@pytest.mark.parametrize(
    "words",
    [("eval", "text"), ("eval", "object"), ("eval", "failure"), ("eval", "?"), ("request", "ping"), ("request", "?")],
    ids=" ".join,
)
def test_what_an_image_answers_is_harmless(words: tuple[str, ...], ran: Ran, tmp_path: Path) -> None:
    with ScriptedServer(speaks_in_escapes) as server:
        leave(tmp_path, server.endpoint)
        out, err = ran(*words)
        as_json, _ = ran("--json", *words)
    assert_harmless(out + err + as_json)
    assert "Pharo" in out + err
    assert any(NAME in text or printable(NAME) in text for text in texts_of(json.loads(as_json)))


@pytest.mark.parametrize(
    "words",
    [("status",), ("sessions", "list"), ("profiles", "list"), ("profiles", "show", "default"), ("eval", "3 + 4")],
    ids=" ".join,
)
def test_what_files_hold_is_harmless(words: tuple[str, ...], ran: Ran, tmp_path: Path) -> None:
    leave(tmp_path, f"ipc://{NAME}")
    out, err = ran(*words)
    as_json, _ = ran("--json", *words)
    assert_harmless(out + err + as_json)
    assert "Pharo" in out + err
    assert "Pharo" in str(list(texts_of(json.loads(as_json))))


def test_what_a_session_holds_is_harmless_when_it_is_shown_restored_exported_and_imported(
    ran: Ran, tmp_path: Path
) -> None:
    session_id, file = leave(tmp_path, "tcp://127.0.0.1:1"), str(tmp_path / "exported")
    for words in (["show", session_id], ["export", session_id, file], ["import", file], ["restore", session_id]):
        out, err = ran("sessions", *words)
        assert_harmless(out + err)
        assert out
    shown, _ = ran("--json", "sessions", "show", session_id)
    assert NAME in texts_of(json.loads(shown))


def test_what_run_tells_of_an_image_that_refuses_its_session_is_harmless(tmp_path: Path) -> None:
    with ScriptedServer(speaks_in_escapes) as server:
        for option in ([], ["--json"]):
            with Command(tmp_path / str(len(option))).running("run", server.endpoint, *option) as process:
                assert process.stdout is not None
                lines: list[str] = []
                while not lines or "did not take the session" not in lines[-1]:
                    lines.append(process.stdout.readline())
                    assert lines[-1]
            assert_harmless("".join(lines))


def test_what_run_tells_of_an_image_that_lets_nobody_in_is_harmless(tmp_path: Path) -> None:
    with ScriptedServer(lets_nobody_in) as server:
        ended = Command(tmp_path / "home")("run", server.endpoint)
        as_json = Command(tmp_path / "other")("run", server.endpoint, "--json")
        status = Command(tmp_path / "home")("status")
    assert (ended.code, as_json.code, status.code) == (4, 4, 4)
    assert_harmless(ended.out + ended.err + as_json.out + as_json.err + status.out + status.err)
    assert printable(NAME) in ended.err
    assert printable(NAME) in as_json.answers[-1]["error"]["message"]
    assert printable(NAME) in status.out


@pytest.mark.parametrize(
    "event",
    [
        MOVED,
        Problem(at=AT, code=ProblemCode.STORE_FAILED, message=NAME, hint=NAME),
        SessionSwitched(at=AT, session_id=NAME, image_id=NAME, reason=NAME),
    ],
    ids=lambda event: type(event).__name__,
)
@pytest.mark.parametrize("is_live", [False, True])
def test_an_event_is_harmless_on_a_terminal_too(event: Event, is_live: bool) -> None:
    line = event_line(event, Terminal(as_json=False, is_live=is_live))
    assert line is not None
    assert_harmless(OWN_COLOUR.sub("", line))
    assert printable(NAME) in line


def test_what_the_demo_tells_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    Narrator(Terminal(as_json=False))._tell(MOVED)
    Narrator(Terminal(as_json=True))._tell(MOVED)
    plain, as_json = capsys.readouterr().out.splitlines()
    assert_harmless(plain + as_json)
    assert printable(NAME) in plain
    assert json.loads(as_json)["reason"] == NAME


@pytest.mark.parametrize("error", [BackendError(NAME, error_type=NAME), NotSent(NAME, hint=NAME)])
@pytest.mark.parametrize("as_json", [False, True])
def test_an_error_is_harmless(error: SupervisorError, as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(as_json=as_json).error(error)
    out, err = capsys.readouterr()
    assert_harmless(out + err)
    assert printable(NAME) in out + err
