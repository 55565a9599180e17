from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pytest

from stui_supervisor.backend import BackendSettings, add_arguments, settings_from
from stui_supervisor.wire.dialects import Dialect
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.plain_client import PlainClient

CLIENT_KEY = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"  # the client's of ZeroMQ's own manual
posix = pytest.mark.skipif(os.name == "nt", reason="only on POSIX: signals")


def parsed(*options: str) -> BackendSettings:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return settings_from(parser.parse_args(options))


def test_without_options_the_settings_are_the_defaults() -> None:
    assert parsed() == BackendSettings()


def test_every_setting_has_an_option(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.touch(0o600)
    token_file.write_text("opensesame\n")
    settings = parsed(
        *("--bind=tcp://127.0.0.1:7", "--publish=tcp://127.0.0.1:8", "--image-id=Pharo 13", "--state-file=s.json"),
        *("--dialect=envelope", "--without-sessions", f"--token-file={token_file}", "--session-timeout=60"),
        *("--executed-log=x.jsonl", "--own-ids", "--curve-secret-file=key", f"--allow-client-key={CLIENT_KEY}"),
    )
    assert settings == BackendSettings(
        bind="tcp://127.0.0.1:7",
        publish="tcp://127.0.0.1:8",
        image_id="Pharo 13",
        state_file=Path("s.json"),
        dialects=frozenset([Dialect.ENVELOPE]),
        with_sessions=False,
        token="opensesame",  # noqa: S106  # guards nothing
        session_timeout_s=60.0,
        executed_log=Path("x.jsonl"),
        own_ids=True,
        curve_secret_file=Path("key"),
        allowed_client_keys=(CLIENT_KEY,),
    )
    defaults = BackendSettings()
    assert all(getattr(settings, field.name) != getattr(defaults, field.name) for field in fields(settings))


def ran(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stui_supervisor.backend", *options]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=20)


def test_an_address_in_use_ends_with_exit_code_one_and_a_clear_message() -> None:
    with BackendProcess() as first:
        plain = ran(f"--bind={first.endpoint}")
        as_json = ran(f"--bind={first.endpoint}", "--json")
    message, hint = f"{first.endpoint} is in use", "stop what listens there, or bind another"
    assert (plain.returncode, plain.stdout, plain.stderr) == (1, "", f"stui-supervisor: {message}\n  {hint}\n")
    error = {"error": {"type": "ConfigurationError", "message": message, "hint": hint}}
    assert (as_json.returncode, json.loads(as_json.stdout), as_json.stderr) == (1, error, "")


def test_an_impossible_option_is_a_mistake_of_usage() -> None:
    result = ran("--session-timeout=-1")
    assert (result.returncode, result.stdout) == (2, "")
    assert "give a positive number" in result.stderr


@posix
def test_a_person_is_told_in_words_where_it_listens() -> None:
    command = [
        sys.executable,
        "-m",
        "stui_supervisor.backend",
        "--bind=tcp://127.0.0.1:*",
        "--publish=tcp://127.0.0.1:*",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
        assert process.wait(5) == 0
    assert line.startswith("listening on tcp://127.0.0.1:")
    assert ", publishing on tcp://127.0.0.1:" in line


def test_a_relative_path_is_one_of_the_directory_in_which_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = parsed("--bind=ipc://stui", "--publish=ipc://*")
    assert (settings.bind, settings.publish) == (f"ipc://{tmp_path.resolve()}/stui", "ipc://*")


@posix
@pytest.mark.parametrize("code", [None, "(Delay forSeconds: 3600) wait"], ids=["idle", "inside a delay"])
def test_a_signal_ends_it_within_a_second(code: str | None, tmp_path: Path) -> None:
    settings = BackendSettings(bind="tcp://127.0.0.1:*", executed_log=tmp_path / "executed.jsonl")
    with BackendProcess(settings) as backend, PlainClient(backend.endpoint) as client:
        if code is not None:
            client.send("evaluate", code=code)
            ends_s = time.monotonic() + 5
            while not backend.executed_codes():
                assert time.monotonic() < ends_s
        began_s = time.monotonic()
        assert backend.stop() == 0
        assert time.monotonic() - began_s < 1


@pytest.mark.parametrize("words", [["stui_supervisor.backend"], ["stui_supervisor", "backend"]], ids=" ".join)
def test_with_until_eof_it_ends_when_its_stdin_does(words: list[str]) -> None:
    command = [sys.executable, "-m", *words, "--bind=tcp://127.0.0.1:*", "--until-eof"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("listening on ")
        _, err = process.communicate("what is written is not looked at\n", timeout=20)

    assert (process.returncode, err) == (0, "")


@posix
def test_with_until_eof_a_signal_ends_it_as_well() -> None:
    command = [sys.executable, "-m", "stui_supervisor.backend", "--bind=tcp://127.0.0.1:*", "--until-eof"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("listening on ")
        process.terminate()
        code, err = process.wait(5), process.stderr.read()

    assert (code, err) == (0, "")


def test_without_until_eof_it_needs_no_stdin() -> None:
    with BackendProcess() as backend, PlainClient(backend.endpoint) as client:  # whose stdin is at its end already
        client.result("ping")
        assert backend.running


def test_a_backend_imports_nothing_heavy_beside_the_package_itself() -> None:
    code = (
        "import sys, stui_supervisor; before = set(sys.modules); import stui_supervisor.backend.server; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=20)
    heavy = {"structlog", "keyring", "tenacity", "transitions", "filelock", "platformdirs", "orjson"}
    assert "stui_supervisor" in result.stdout.split()
    assert not heavy & set(result.stdout.split())
