"""Reads a command line, runs its command, and turns the end of that into an exit code."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Final

from stui_supervisor.cli.console.exit_codes import ExitCode, exit_code_of
from stui_supervisor.cli.console.terminal import Terminal, make_streams_safe, silence_stdout
from stui_supervisor.cli.parser import asks_for_json, parse
from stui_supervisor.errors import SupervisorError
from stui_supervisor.printable import printable

_READER_LEFT: Final = (errno.EPIPE, errno.EINVAL)  # the latter on Windows


def execute(words: Sequence[str]) -> int:
    """Run one command line and return its exit code; raises SystemExit for ``--help`` and ``--version`` only."""
    make_streams_safe()
    try:
        try:
            arguments = parse(words)
            return int(arguments.run(arguments))
        except SupervisorError as error:
            Terminal(as_json=asks_for_json(words)).error(error)
            return exit_code_of(error)
    except OSError as error:  # stdout is a full disk, or a pipe that nobody reads any more
        silence_stdout()
        if error.errno not in _READER_LEFT:
            Terminal(as_json=False).note(f"stui-supervisor: {printable(str(error))}")
        return ExitCode.FAILED
