"""The reference backend as a child process, for the demo: started, killed and brought back."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress

from stui_supervisor.adapters.keyring.environment import TOKEN_VARIABLE
from stui_supervisor.config import BACKEND_START_TIMEOUT_S
from stui_supervisor.errors import SupervisorError


class EmbeddedBackend:
    """One backend at a time, always at the ``endpoint`` that the first one found free."""

    def __init__(self) -> None:
        self.endpoint = "tcp://127.0.0.1:*"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the backend and wait until it listens. Raises SupervisorError when it does not."""
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "stui_supervisor.backend"),  # -P: no module of the working directory
            *("--json", "--until-eof", "--bind", self.endpoint),
            env={name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE},
            stdin=asyncio.subprocess.PIPE,  # nothing is written: it closes when we end, even by a kill
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None  # noqa: S101  a pipe was asked for
        try:
            line = await asyncio.wait_for(process.stdout.readline(), BACKEND_START_TIMEOUT_S)
            self.endpoint = str(json.loads(line)["listening"])
        except (TimeoutError, ValueError, KeyError, TypeError) as error:
            said = await self.kill()
            reason = said.splitlines()[-1] if said else "it said nothing"
            raise SupervisorError(
                f"the embedded backend did not start: {reason}", hint="try: stui-supervisor backend"
            ) from error

    async def kill(self) -> str:
        """Kill the backend and wait for its end. Returns what it wrote to stderr."""
        if self._process is None:
            return ""
        if self._process.stdout is not None and self._process.stdout.at_eof():
            # It is ending by itself; a signal now would take its exit code from the loop, which complains on stderr.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), BACKEND_START_TIMEOUT_S)
        with suppress(ProcessLookupError):
            self._process.kill()
        _, said = await self._process.communicate()
        self._process = None
        return said.decode(errors="replace").strip()
