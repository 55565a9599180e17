"""Runs ``stui-supervisor`` as a user does: as a process, with its own home and a plain environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

COMMAND = (sys.executable, "-m", "stui_supervisor")
_LIMIT_S = 40.0
_NOT_OURS = ("STUI_", "NO_COLOR", "TERM", "PYTHONIOENCODING", "PYTHONUTF8")


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        """The only object on stdout."""
        return json.loads(self.out)

    @property
    def answers(self) -> list[Any]:
        """One object per line of stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Command:
    """The command with one home, where nothing of the tester's own machine is seen."""

    home: Path

    def __call__(self, *words: str, stdin: str = "", environment: Mapping[str, str | None] | None = None) -> Ended:
        """Run it to its end."""
        done = subprocess.run(
            [*COMMAND, *words],
            input=stdin,
            capture_output=True,
            check=False,
            encoding="utf-8",
            env=self.environment(environment),
            timeout=_LIMIT_S,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def running(
        self, *words: str, stdout: int | IO[Any] = subprocess.PIPE, environment: Mapping[str, str | None] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """Have it run inside the block; it is killed if it has not ended by then."""
        process = subprocess.Popen(
            [*COMMAND, *words],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=self.environment(environment),
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def environment(self, more: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """The tester's environment without what would change our output, and with our home.

        ``more`` is added; a name with None is taken out.
        """
        plain = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
        wanted = {**plain, "STUI_SUPERVISOR_HOME": str(self.home), **(more or {})}
        return {name: value for name, value in wanted.items() if value is not None}
