"""A reference backend in a process of its own, to be killed, frozen and started again by tests."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from stui_supervisor.backend import BackendSettings
from stui_supervisor.wire.dialects import Dialect

_LISTENS_WITHIN_S: Final = 10.0
_ENDS_WITHIN_S: Final = 10.0


class BackendProcess:
    """Runs while the ``with`` block does; ``async with`` is the same without blocking the loop.

    ``settings`` are those of the backend; by default it takes a free port of 127.0.0.1, which it
    keeps over ``restart``. Each start begins with what the state file holds, if there is one. ``before``
    are the words of a command that runs it, for instance at another host.
    """

    def __init__(self, settings: BackendSettings | None = None, before: Sequence[str] = ()) -> None:
        self._before = before
        self.settings = settings or BackendSettings(bind="tcp://127.0.0.1:*")
        self.endpoint = ""
        self.publishing: str | None = None
        self.curve_key: str | None = None
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """The process that runs, or ran last."""
        assert self._process is not None, "the backend was never started"
        return self._process.pid

    @property
    def port(self) -> int:
        """The port of ``endpoint``."""
        return int(self.endpoint.rpartition(":")[2])

    @property
    def running(self) -> bool:
        """True until the process has ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process and wait until it listens."""
        assert not self.running, "the backend runs already"
        stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115 - the process keeps it, not this method
        command = [*self._before, sys.executable, "-m", "stui_supervisor.backend", "--json", *_options(self.settings)]
        with _token_option(self.settings.token) as token:
            self._process = subprocess.Popen(
                [*command, *token], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
            line = self._first_line()
        if "listening" not in line:
            self.kill()
            stderr.seek(0)
            said = stderr.read()
            stderr.close()
            raise AssertionError(f"the backend does not listen: {line} {said}")
        stderr.close()
        self.endpoint, self.publishing = line["listening"], line["publishing"]
        self.curve_key = line["curve_key"]
        self.settings = replace(self.settings, bind=self.endpoint, publish=self.publishing)

    def kill(self) -> None:
        """End the process as ``kill -9`` does; nothing when it has ended already."""
        if self._process is not None:
            self._process.kill()
            self._ended()

    def stop(self) -> int:
        """End the process as a person does, with SIGTERM; its exit code."""
        assert self._process is not None, "the backend was never started"
        self._process.terminate()
        return self._ended()

    def freeze(self) -> None:
        """Hold the process still, threads and all (not on Windows); returns when it is."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitpid(self.pid, os.WUNTRACED)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def restart(self) -> None:
        """Kill what runs and start again on the same port, with the same settings."""
        self.kill()
        self.start()

    async def arestart(self) -> None:
        """As ``restart``, without blocking the loop."""
        await asyncio.to_thread(self.restart)

    def executed(self) -> list[dict[str, Any]]:
        """The requests that the backend began to execute, over all its starts; needs ``executed_log``."""
        path = self.settings.executed_log
        assert path is not None, "the backend was started without an executed_log"
        whole, _, _ = (path.read_text(encoding="utf-8") if path.exists() else "").rpartition(
            "\n"
        )  # one may be half there
        return [json.loads(line) for line in whole.splitlines()]

    def executed_codes(self) -> list[str]:
        """The code of each evaluation that it began."""
        return [line["parameters"]["code"] for line in self.executed() if line["command"] == "evaluate"]

    def _first_line(self) -> dict[str, Any]:
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        assert self._process is not None
        assert self._process.stdout is not None
        # A thread reads it, because a pipe cannot be waited for on every system.
        threading.Thread(
            target=lambda out: lines.put(out.readline()), args=(self._process.stdout,), daemon=True
        ).start()
        try:
            line = lines.get(timeout=_LISTENS_WITHIN_S)
        except queue.Empty:
            line = ""
        return dict(json.loads(line or "{}"))

    def _ended(self) -> int:
        assert self._process is not None
        code = self._process.wait(_ENDS_WITHIN_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


@contextmanager
def _token_option(token: str | None) -> Iterator[list[str]]:
    """The option that names the token, and its file for as long as it is read."""
    if token is None:
        yield []
        return
    descriptor, path = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(token)
        yield [f"--token-file={path}"]
    finally:
        Path(path).unlink()


def _options(settings: BackendSettings) -> list[str]:
    options = [f"--bind={settings.bind}", f"--image-id={settings.image_id}"]
    options.append(f"--session-timeout={settings.session_timeout_s}")
    valued: dict[str, str | Path | None] = {
        "publish": settings.publish,
        "state-file": settings.state_file,
        "executed-log": settings.executed_log,
        "curve-secret-file": settings.curve_secret_file,
        "dialect": None if settings.dialects == frozenset(Dialect) else next(iter(settings.dialects)),
    }
    options += [f"--{name}={value}" for name, value in valued.items() if value is not None]
    options += [f"--allow-client-key={key}" for key in settings.allowed_client_keys]
    options += ["--own-ids"] if settings.own_ids else []
    return options + ([] if settings.with_sessions else ["--without-sessions"])
