"""The command line as a whole: options, usage errors, streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stui_supervisor._version import __version__
from stui_supervisor.cli.main import main
from tests.support.processes.command import Command

WRONG_USAGE = [
    ([], "COMMAND"),
    (["fly"], "fly"),
    (["connect", "tcp://127.0.0.1:5555"], "connect"),
    (["status", "--wat"], "--wat"),
    (["status", "too", "many"], "too many"),
    (["--prof=x", "status"], "--prof"),
    (["diagram", "--form=dot"], "--form"),
    (["status", "--profile"], "--profile"),
    (["request"], "COMMAND"),
    (["eval"], "CODE"),
    (["run", "a", "b"], "b"),
    (["run", "127.0.0.1:5555"], "scheme"),
    (["run", "http://127.0.0.1:80"], "not supported"),
    (["run", "tcp://127.0.0.1"], "tcp://HOST:PORT"),
    (["run", "tcp://127.0.0.1:99999"], "port"),
    (["run", "tcp://127.0.0.1:5555/x"], "tcp://HOST:PORT"),
    (["run", ""], "scheme"),
    (["request", "ping", "3"], "not a JSON object"),
    (["request", "ping", "{"], "not JSON"),
    (["request", "ping", '{"a": NaN}'], "not JSON"),
    (["request", "ping", '{"a": 1, "a": 2}'], "not JSON"),
    (["request", "ping", "{'a': 1}"], "not JSON"),
    (["request", "ping"], "no endpoint is known"),
    (["eval", "3 + 4"], "no endpoint is known"),
    (["eval", "3 + 4", "--profile", "nobody"], "nobody"),
    (["status", "--profile", "nobody"], "nobody"),
    (["diagram", "--format", "png"], "png"),
]
USAGE_IDS = [" ".join(words) or "nothing" for words, _ in WRONG_USAGE]


@pytest.mark.parametrize(("words", "told"), WRONG_USAGE, ids=USAGE_IDS)
def test_wrong_usage_says_what_is_wrong_on_stderr_and_ends_with_2(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--home", str(tmp_path), *words])

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert told in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("words", "told"), WRONG_USAGE, ids=USAGE_IDS)
def test_wrong_usage_with_json_is_one_error_object_on_stdout(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([*words, "--json", "--home", str(tmp_path)])

    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert (code, err) == (2, "")
    assert list(error) == ["type", "message", "hint"]
    assert error["type"] == "ConfigurationError"
    assert told in error["message"] + error["hint"]


@pytest.mark.parametrize(
    "words",
    [
        ["--json", "--profile", "default", "status"],
        ["status", "--json", "--profile", "default"],
        ["--json", "status", "--profile=default"],
        ["--profile", "default", "status", "--json"],
    ],
    ids=" ".join,
)
def test_global_options_are_taken_before_and_after_the_command(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--home", str(tmp_path), *words])

    assert code == 3
    assert json.loads(capsys.readouterr().out)["state"] == "disconnected"


def test_an_option_after_the_command_wins_over_the_same_before_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--home", str(tmp_path), "--profile", "nobody", "status", "--profile", "default", "--json"])

    assert (code, json.loads(capsys.readouterr().out)["profile"]) == (3, "default")


def test_what_follows_two_dashes_is_code_and_no_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--home", str(tmp_path), "eval", "--", "--json"])

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert "no endpoint is known" in err


@pytest.mark.parametrize("words", [["--version"], ["run", "--version"]], ids=" ".join)
def test_the_version_goes_to_stdout(words: list[str], command: Command) -> None:
    ended = command(*words)

    assert (ended.code, ended.out, ended.err) == (0, f"stui-supervisor {__version__}\n", "")


def test_the_version_with_json_is_an_object(command: Command) -> None:
    ended = command("--json", "--version")

    assert (ended.code, ended.answer) == (0, {"version": __version__})


def test_help_names_every_command_and_the_exit_codes(command: Command) -> None:
    ended = command("--help")

    assert (ended.code, ended.err) == (0, "")
    for word in ("demo", "run", "status", "request", "eval", "backend", "diagram", "--home", "--profile", "--json"):
        assert word in ended.out
    assert "3 no link" in ended.out


def test_help_brings_no_library_along(command: Command) -> None:
    heavy = {"zmq", "structlog", "keyring", "filelock", "platformdirs", "tempfile"}
    if sys.platform == "win32":
        heavy.remove("tempfile")  # asyncio brings it along there
    code = f"""
import sys
from stui_supervisor.cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
print(*[name for name in {heavy} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        env=command.environment(),
        timeout=20,
    )

    assert done.stderr.split() == []


def test_a_pipe_that_nobody_reads_ends_the_command_without_a_word(command: Command) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        with command.running("diagram", stdout=write_end) as process:
            _, err = process.communicate(timeout=20)
    finally:
        os.close(write_end)

    assert (process.returncode, err) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only on systems with a device that is always full")
def test_output_that_cannot_be_written_is_an_error_in_words(command: Command) -> None:
    with Path("/dev/full").open("w") as full, command.running("diagram", stdout=full) as process:
        _, err = process.communicate(timeout=20)

    assert (process.returncode, err) == (1, "stui-supervisor: [Errno 28] No space left on device\n")


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: a shell that closes a stream")
def test_a_command_without_a_stdout_does_its_work_in_silence(command: Command) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -m stui_supervisor diagram >&-', sys.executable],
        capture_output=True,
        check=False,
        text=True,
        env=command.environment(),
        timeout=20,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_command_is_installed_under_its_name(command: Command) -> None:
    script = Path(sys.executable).with_name("stui-supervisor.exe" if sys.platform == "win32" else "stui-supervisor")
    done = subprocess.run(
        [script, "--version"], capture_output=True, check=True, text=True, env=command.environment(), timeout=20
    )

    assert done.stdout == f"stui-supervisor {__version__}\n"
