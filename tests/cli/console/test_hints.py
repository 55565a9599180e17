"""Hints name commands that help when they are followed to the letter."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.backend import BackendSettings
from stui_supervisor.cli.console.hints import command as command_line
from stui_supervisor.cli.console.hints import way_out
from stui_supervisor.failures import FAILURES, FailureKind
from stui_supervisor.profile import Profile
from stui_supervisor.session.records import SessionRecord
from tests.support.files.canary import CANARY
from tests.support.files.stored_files import posix
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.command import Command

OPTIONS = argparse.Namespace(home="h", profile="work", json=False)
A, B = "tcp://127.0.0.1:5601", "tcp://127.0.0.1:5602"


def keep(home: Path, profile: Profile) -> None:
    FileProfileStore(home / "profiles.json").change(profile.name, lambda _: profile)


def leave(home: Path, record: SessionRecord) -> None:
    files = FileSessionStore(home / "sessions")
    session_id = files.claim(record.profile).session_id
    files.save_record(session_id, record)
    files.release(session_id)


@posix
def test_a_command_has_the_home_and_the_profile_that_were_given_and_can_be_pasted() -> None:
    given = argparse.Namespace(home="/a home", profile="work", json=False)
    words = ["stui-supervisor", "--home", "/a home", "--profile", "work", "eval", "3 + 4"]
    assert shlex.split(command_line(given, "eval", "3 + 4")) == words
    assert shlex.split(command_line(given, "login", profile="play"))[-2:] == ["play", "login"]


@pytest.mark.parametrize("profile", ["default", None])
def test_a_command_has_no_option_that_was_not_given(profile: str | None) -> None:
    assert command_line(argparse.Namespace(home=None, profile=profile, json=False), "run") == "stui-supervisor run"


@pytest.mark.parametrize("words", [("status",), ("sessions", "list")], ids=" ".join)
def test_with_nothing_stored_the_first_endpoint_of_the_profile_is_offered(
    words: tuple[str, ...], command: Command
) -> None:
    keep(command.home, Profile(name="work", endpoints=(A, B)))

    ended = command("--profile", "work", "--home", str(command.home), *words)

    offered = command_line(argparse.Namespace(home=str(command.home), profile="work", json=False), "run", A)
    assert ended.err.endswith(f": {offered}\n")


def test_where_the_link_was_last_goes_before_what_was_tried_and_what_is_settled(command: Command) -> None:
    keep(command.home, Profile(name="default", endpoints=(A,)))
    leave(command.home, SessionRecord(profile="default", status={"endpoint": B}))
    assert command("status").err.endswith(f": stui-supervisor run {B}\n")

    leave(command.home, SessionRecord(profile="default", endpoint="ipc:///last", status={"endpoint": B}))
    assert command("status").err.endswith(": stui-supervisor run ipc:///last\n")


@pytest.mark.parametrize("words", [("run",), ("eval", "3"), ("login",)])
def test_a_relative_path_that_was_stored_is_not_followed_from_another_directory_and_is_told(
    words: tuple[str, ...], command: Command
) -> None:
    leave(command.home, SessionRecord(profile="default", endpoint="ipc://stui.sock"))

    told = command(*words, "--json")

    error = told.answers[-1]["error"]
    assert (told.code, error["type"], "'ipc://stui.sock' is a relative path" in error["message"]) == (
        2,
        "ConfigurationError",
        True,
    )


@pytest.mark.parametrize("words", [("eval", "3"), ("login",)])
def test_an_endpoint_that_came_with_a_file_has_to_be_named_first(words: tuple[str, ...], command: Command) -> None:
    leave(command.home, SessionRecord(profile="default", endpoint=B, endpoint_from_file=True))

    told = command(*words, "--json")

    assert (told.code, told.answer["error"]["hint"]) == (
        2,
        f"if it is right, connect once with: stui-supervisor run {B}",
    )


def test_a_profile_that_nobody_knows_is_told_also_by_run_and_is_not_made(command: Command) -> None:
    keep(command.home, Profile(name="work", endpoints=(A,)))

    told = [command("--profile", "wrok", *words, "--json") for words in (("run",), ("status",), ("eval", "3"))]

    hint = "known profiles: work; begin a new one with: stui-supervisor --profile wrok run tcp://127.0.0.1:5555"
    error = {"type": "ConfigurationError", "message": "the profile 'wrok' is not known", "hint": hint}
    assert [(ended.code, ended.answer) for ended in told] == [(2, {"error": error})] * 3
    assert not (command.home / "sessions").exists()


@posix
def test_a_refused_token_is_answered_with_the_login_that_helps(command: Command, tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "other"))
    with BackendProcess(BackendSettings(bind="tcp://127.0.0.1:*", token=CANARY)) as backend:
        keep(tmp_path / "other", Profile(name="work", endpoints=(backend.endpoint,)))
        words = ("--profile", "work", "--json")
        run, asked = command(*home, *words, "run"), command(*home, *words, "eval", "3")
        wrong = command(*home, *words, "eval", "3", environment={"STUI_TOKEN": "another token than the right one"})

    login = f"stui-supervisor {' '.join(home)} --profile work login {backend.endpoint}"
    hint = f"give the right token with: {login}, or set STUI_TOKEN for one run"
    assert [ended.answers[-1]["error"]["hint"] for ended in (run, asked)] == [hint, hint]
    assert "reconnect" not in run.out
    assert wrong.answer["error"]["hint"] == f"set STUI_TOKEN to the right token, or unset it and use: {login}"


def test_after_a_refusal_it_is_said_that_no_link_was_established_and_what_helps_first(command: Command) -> None:
    with BackendProcess(BackendSettings(bind="tcp://127.0.0.1:*", token=CANARY)) as backend:
        assert command("run", backend.endpoint).code == 4

    error = command("eval", "3", "--json").answer["error"]

    assert error["message"] == f"no link to {backend.endpoint} was ever established"
    login = f"give the right token with: stui-supervisor login {backend.endpoint}, or set STUI_TOKEN for one run"
    status = command("status")
    assert status.err.endswith(f"First: {login}. Then start one with: stui-supervisor run {backend.endpoint}\n")
    assert error["hint"] == f"{login}; then connect once with: stui-supervisor run {backend.endpoint}"


@pytest.mark.parametrize("kind", FailureKind)
def test_each_failure_has_its_own_way_out(kind: FailureKind) -> None:
    confirm = "stui-supervisor --home h --profile work profiles confirm work"
    own = f"see that profiles.json can be read, or decide what holds with: {confirm}; or give --without-profile"
    expected = own if kind is FailureKind.PROFILE else FAILURES[kind].hint
    assert way_out(kind, OPTIONS) == expected


def test_without_a_failure_the_backend_is_what_to_look_at() -> None:
    assert way_out(None, OPTIONS) == "see whether the backend runs there, and is not busy"


@posix
@pytest.mark.parametrize("name", [b"h\xff", b"a 'home'\nof mine", "дом".encode()])
@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_what_is_advised_runs_in_bash_for_the_very_home_that_was_given(
    name: bytes, locale: str, tmp_path: Path
) -> None:
    home = os.fsencode(tmp_path) + b"/" + name
    environment = {**Command(tmp_path / "other").environment(), "LC_ALL": locale}
    program = [os.fsencode(sys.executable), b"-m", b"stui_supervisor"]

    told = subprocess.run(
        [*program, b"--home", home, b"sessions", b"list"], capture_output=True, check=True, env=environment, timeout=40
    )
    (advised,) = re.findall(rb"One begins with: (stui-supervisor .*)", told.stderr)
    listed = advised.replace(b" run tcp://127.0.0.1:5555", b" profiles add work tcp://127.0.0.1:5601")
    here = b"stui-supervisor() { " + shlex.quote(sys.executable).encode() + b' -m stui_supervisor "$@"; }\n'
    script = here + listed + b"\n"
    subprocess.run(["/usr/bin/env", "bash"], input=script, capture_output=True, check=True, env=environment, timeout=40)

    assert os.path.exists(home + b"/profiles.json")  # noqa: PTH110  # the name is no text
