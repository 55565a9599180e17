"""``backend``: the reference backend under the roof of the command."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from tests.support.processes.command import Command


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: Windows ends a process without a signal")
def test_the_backend_says_where_it_listens_and_serves_until_a_signal(command: Command) -> None:
    with command.running("--json", "backend", "--bind", "tcp://127.0.0.1:*") as process:
        assert process.stdout is not None
        listening = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)

    assert listening["listening"].startswith("tcp://127.0.0.1:")
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--bind", "foo"), "'foo' has no scheme"),
        (("--bind", "tcp://foo"), "'tcp://foo' is not a host and a port"),
        (("--publish", "foo"), "'foo' has no scheme"),
        (("--session-timeout", "x"), "'x' is not a number of seconds"),
        (("--session-timeout", "0"), "a session timeout of 0 s"),
    ],
)
def test_what_cannot_be_is_wrong_usage_and_ends_with_2(words: tuple[str, ...], said: str, command: Command) -> None:
    plain, as_json = command("backend", *words), command("backend", *words, "--json")

    error = as_json.answer["error"]
    assert (plain.code, plain.out, as_json.code) == (2, "", 2)
    assert plain.err == f"stui-supervisor: {error['message']}\n  {error['hint']}\n"
    assert said in error["message"]


def test_what_the_system_refuses_ends_with_1_in_the_layout_of_every_command(command: Command, tmp_path: Path) -> None:
    log = tmp_path / "missing" / "log"

    ended = command("backend", "--bind", "tcp://127.0.0.1:*", "--executed-log", str(log))

    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"stui-supervisor: {log} cannot be written (No such file or directory)\n  name another log\n"
