"""``login`` and ``logout``, with a real Secret Service where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.backend import BackendSettings
from stui_supervisor.cli.commands.login_actions import ask_keyring, checked_token
from stui_supervisor.config import TOKEN_MAX_LENGTH
from stui_supervisor.errors import ConfigurationError, CredentialError
from stui_supervisor.profile import Profile
from stui_supervisor.session.records import SessionRecord
from tests.support.files.canary import CANARY
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.command import COMMAND, Command
from tests.support.processes.secret_service import secret_service

TOKEN = CANARY
ENDPOINT = "tcp://127.0.0.1:5555"
NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[dict[str, str]]:
    (tmp_path / "service").mkdir()
    with secret_service(tmp_path / "service") as environment:
        yield environment


def uses_token(command: Command) -> bool:
    return FileProfileStore(command.home / "profiles.json").read("default")[0].uses_token


def test_a_token_from_stdin_links_to_a_backend_that_wants_it_and_is_in_no_file(
    command: Command, service: dict[str, str]
) -> None:
    with BackendProcess(BackendSettings(bind="tcp://127.0.0.1:*", token=TOKEN)) as backend:
        ended = command("login", backend.endpoint, stdin=f"{TOKEN}\n", environment=service)
        assert (ended.code, ended.out) == (
            0,
            f"The token for {backend.endpoint} is in the keyring; the profile default uses it.\n",
        )
        with command.running("run", backend.endpoint, "--json", environment=service) as process:
            assert process.stdout is not None
            seen = [process.stdout.readline() for _ in range(3)]
            process.terminate()
            process.communicate()
        assert '"to": "connected"' in seen[2]
        asked = command("eval", "3 + 4", environment=service)
        assert (asked.code, asked.out) == (0, "7\n")
    files = [path for path in command.home.rglob("*") if path.is_file()]
    assert len(files) > 2
    assert [path for path in files if TOKEN.encode() in path.read_bytes()] == []


def test_who_logs_in_to_an_endpoint_by_name_has_named_it(command: Command, service: dict[str, str]) -> None:
    with BackendProcess(BackendSettings(bind="tcp://127.0.0.1:*", token=TOKEN)) as backend:
        record = SessionRecord(profile="default", endpoint=backend.endpoint, endpoint_from_file=True)
        files = FileSessionStore(command.home / "sessions")
        session_id = files.claim("default").session_id
        files.save_record(session_id, record)
        files.release(session_id)
        assert command("eval", "3 + 4", environment=service).code == 2
        assert command("login", backend.endpoint, stdin=TOKEN, environment=service).code == 0
        asked = command("eval", "3 + 4", environment=service)
        assert (asked.code, asked.out) == (0, "7\n")


def test_login_and_logout_change_what_the_profile_says_and_tell_whether_anything_changed(
    command: Command, service: dict[str, str]
) -> None:
    told = [
        command("login", ENDPOINT, "--json", stdin=TOKEN, environment=service).answer,
        command("login", ENDPOINT, "--json", stdin=TOKEN, environment=service).answer,
    ]
    assert uses_token(command)
    told.append(command("logout", ENDPOINT, "--json", environment=service).answer)
    assert not uses_token(command)
    told.append(command("logout", ENDPOINT, "--json", environment=service).answer)
    answer = {"profile": "default", "endpoint": ENDPOINT}
    assert told == [{**answer, "changed": changed} for changed in (True, False, True, False)]


def test_a_profile_that_cannot_be_read_takes_no_token_but_lets_go_of_one(
    command: Command, service: dict[str, str]
) -> None:
    command("login", ENDPOINT, stdin=TOKEN, environment=service)
    (command.home / "profiles.json").write_bytes(b"damaged")
    refused = command("login", "tcp://127.0.0.1:5556", stdin=TOKEN, environment=service)
    left = command("logout", ENDPOINT, environment=service)
    assert (refused.code, "profiles confirm default" in refused.err) == (1, True)
    assert left.code == 1
    assert f"The token for {ENDPOINT} is gone. The profile could not be told:" in left.err
    assert (command.home / "profiles.json").read_bytes() == b"damaged"


def keyring(verb: str, name: str, service: dict[str, str], stdin: str = "") -> str:
    """What the library's own command says of one of our items."""
    words = [sys.executable, "-m", "keyring", verb, "stui-supervisor", name]
    environment = {**os.environ, **service}
    return subprocess.run(words, input=stdin, env=environment, capture_output=True, check=False, text=True).stdout


@pytest.mark.parametrize(
    ("named", "earlier", "kept_in"),
    [
        ("tcp://[::1]:5555", "tcp://[0:0:0:0:0:0:0:1]:5555", "nothing"),
        ("tcp://[::1]:5555", "tcp://[0::0:0001]:5555", "another profile"),
        ("tcp://[::1]:5555", "tcp://[0:0::001]:5555", "a session"),
    ],
)
def test_what_an_earlier_version_kept_under_another_spelling_is_gone_too(
    named: str, earlier: str, kept_in: str, command: Command, service: dict[str, str]
) -> None:
    if kept_in == "another profile":
        elsewhere = Profile(name="elsewhere", endpoints=(earlier,))
        FileProfileStore(command.home / "profiles.json").change("elsewhere", lambda _: elsewhere)
    if kept_in == "a session":
        files = FileSessionStore(command.home / "sessions")
        session_id = files.claim("elsewhere").session_id
        files.save_record(session_id, SessionRecord(profile="elsewhere", endpoint=earlier))
        files.release(session_id)
    keyring("set", earlier, service, TOKEN)
    assert keyring("get", earlier, service).strip() == TOKEN
    assert command("logout", named, environment=service).out == f"The token for {named} is gone.\n"
    assert keyring("get", earlier, service) == ""
    assert command("logout", named, environment=service).out == f"No token was found for {named}.\n"


@pytest.mark.skipif(os.name == "nt", reason="only on POSIX systems does IPC have relative paths")
def test_the_token_of_a_relative_path_is_taken_over_where_the_path_is_named_anew(
    command: Command, service: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = Profile(name="default", endpoints=("ipc://s.sock",), uses_token=True)
    FileProfileStore(command.home / "profiles.json").change("default", lambda _: before)
    keyring("set", "ipc://s.sock", service, TOKEN)
    ended = command("profiles", "add", "default", "ipc://s.sock", environment=service)
    assert (ended.code, ended.err) == (0, "")
    assert keyring("get", f"ipc://{tmp_path}/s.sock", service).strip() == TOKEN


@pytest.mark.skipif(os.name == "nt", reason="only on POSIX systems does IPC have relative paths")
def test_a_profile_that_is_added_to_where_there_is_no_keyring_is_kept_and_told_of(command: Command) -> None:
    before = Profile(name="default", uses_token=True)
    FileProfileStore(command.home / "profiles.json").change("default", lambda _: before)
    ended = command("profiles", "add", "default", "ipc:///s.sock", environment=NO_KEYRING)
    assert (ended.code, "Its token could not be looked for: this system has no keyring" in ended.err) == (0, True)


def test_a_profile_with_a_token_elsewhere_goes_on_asking_the_keyring(command: Command, service: dict[str, str]) -> None:
    other = "tcp://127.0.0.1:5556"
    FileProfileStore(command.home / "profiles.json").change(
        "default", lambda known: replace(known or Profile(name="default"), endpoints=(ENDPOINT, other))
    )
    for endpoint in (ENDPOINT, other):
        command("login", endpoint, stdin=TOKEN, environment=service)
    command("logout", ENDPOINT, environment=service)
    assert uses_token(command)


def test_another_profile_of_the_endpoint_that_does_not_use_the_token_is_told_of(
    command: Command, service: dict[str, str]
) -> None:
    for profile in (
        Profile(name="elsewhere", endpoints=("tcp://127.0.0.1:5556",)),
        Profile(name="uses it", endpoints=(ENDPOINT,), uses_token=True),
        Profile(name="work", endpoints=(ENDPOINT,)),
    ):
        FileProfileStore(command.home / "profiles.json").change(profile.name, lambda _, profile=profile: profile)  # type: ignore[misc]

    notes = command("login", ENDPOINT, stdin=TOKEN, environment=service).err.splitlines()

    words = "The profile work does not use it, with the same endpoint; let it with: "
    assert notes[:-1] == [f"{words}stui-supervisor --profile work login {ENDPOINT}"]


def test_without_a_keyring_both_end_with_4_and_say_what_to_do(command: Command) -> None:
    ended = command("login", ENDPOINT, stdin=TOKEN, environment=NO_KEYRING)
    assert (ended.code, ended.out) == (4, "")
    assert "this system has no keyring" in ended.err
    assert "STUI_TOKEN" in ended.err
    assert not uses_token(command)
    error = command("logout", ENDPOINT, "--json", environment=NO_KEYRING).answer["error"]
    assert error["type"] == "CredentialError"


@pytest.mark.parametrize("token", ["", "fifteen-letters", "two lines of\ntext in one", "x" * (TOKEN_MAX_LENGTH + 1)])
def test_what_cannot_be_a_token_is_refused_and_not_shown(token: str, command: Command) -> None:
    ended = command("login", ENDPOINT, "--json", stdin=token, environment=NO_KEYRING)
    assert (ended.code, ended.answer["error"]["type"]) == (2, "ConfigurationError")
    assert not token or token not in ended.out + ended.err


def test_the_shortest_and_the_longest_token_are_taken() -> None:
    assert [len(checked_token("x" * length).reveal()) for length in (16, TOKEN_MAX_LENGTH)] == [16, TOKEN_MAX_LENGTH]


def test_without_an_endpoint_it_is_where_the_link_was_last(command: Command) -> None:
    ended = command("login", "--json", stdin=TOKEN, environment=NO_KEYRING)
    assert (ended.code, ended.answer["error"]["message"]) == (2, "no endpoint is known for the profile default")


def test_no_option_takes_the_token(command: Command) -> None:
    assert command("login", ENDPOINT, TOKEN, stdin=TOKEN, environment=NO_KEYRING).code == 2


def test_a_keyring_that_does_not_answer_is_given_up() -> None:
    release = threading.Event()
    with pytest.raises(CredentialError, match=r"the keyring did not answer within 0.05 s"):
        ask_keyring(release.wait, limit_s=0.05)
    release.set()


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: pseudo terminals")
def test_on_a_terminal_it_is_asked_for_and_what_is_typed_is_not_shown(
    command: Command, service: dict[str, str]
) -> None:
    import pty  # noqa: PLC0415  # on POSIX only

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "login", ENDPOINT],
        env=command.environment(service),
        start_new_session=True,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while b"Token for" not in shown:
        shown += os.read(ours, 1_024)
    os.write(ours, f"{TOKEN}\n".encode())
    with suppress(OSError):  # so a pseudo terminal ends on Linux
        while part := os.read(ours, 1_024):
            shown += part
    os.close(ours)
    assert process.wait() == 0
    assert b"is in the keyring" in shown
    assert TOKEN.encode() not in shown
    assert uses_token(command)


def test_a_refusal_does_not_quote_the_token() -> None:
    with pytest.raises(ConfigurationError) as caught:
        checked_token("short-secret")
    assert "short-secret" not in str(caught.value)
