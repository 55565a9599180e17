"""The entry point of the command ``stui-supervisor``. It sets up Ctrl-C before it imports the rest."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; raises SystemExit for ``--help`` and ``--version`` only.

    Without ``argv`` it is that of the process. Ctrl-C then ends the process as it ends a C program, without
    a traceback; commands that have to clean up handle it themselves.
    """
    if argv is None:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        if os.getpid() == 1:
            _end_by_signals()

    from stui_supervisor.cli.command_line import execute  # noqa: PLC0415  see the top

    return execute(sys.argv[1:] if argv is None else argv)


def _end_by_signals() -> None:
    """Let SIGINT and SIGTERM end this process: on Linux neither ends the first one of a container by default."""

    def end(number: int, _frame: FrameType | None) -> None:
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup asks for
            signal.signal(number, end)
