"""Ctrl-C at any moment ends a command without a traceback."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.support.processes.command import Command

posix = pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: Windows ends a process without a signal")

# Sends itself Ctrl-C when the named module is looked for: the same moment each time, on every machine.
AT_IMPORT = """
import signal, sys

class Press:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Press())
sys.argv = ["stui-supervisor", *{words!r}]
from stui_supervisor.cli.main import main
sys.exit(main())
"""


def pressed_at_import(module: str, words: list[str], command: Command) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", AT_IMPORT.format(module=module, words=words)],
        capture_output=True,
        check=False,
        text=True,
        env=command.environment(),
        timeout=20,
    )


@posix
@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("stui_supervisor.cli.command_line", ["status"]),
        ("stui_supervisor.cli.parser", ["status"]),
        ("stui_supervisor.cli.commands.status_action", ["status"]),
        ("stui_supervisor.cli.commands.run_action", ["run", "tcp://127.0.0.1:1"]),
        ("stui_supervisor.cli.demo.story", ["demo"]),
        ("stui_supervisor.backend.server", ["backend", "--bind", "tcp://127.0.0.1:*"]),
    ],
)
def test_ctrl_c_while_a_command_loads_ends_it_without_a_word(module: str, words: list[str], command: Command) -> None:
    done = pressed_at_import(module, words, command)

    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@posix
def test_ctrl_c_that_was_switched_off_stays_so(command: Command) -> None:
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            ignoring + AT_IMPORT.format(module="stui_supervisor.cli.commands.status_action", words=["status"]),
        ],
        capture_output=True,
        check=False,
        text=True,
        env=command.environment(),
        timeout=20,
    )

    assert done.returncode == 3
    assert "disconnected" in done.stdout
