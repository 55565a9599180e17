"""Hosts of our own, each a network namespace of Linux: what happens in their networks happens nowhere else.

Their names tell the process that made them, so that several runs do not meet, and that what a killed one left
is removed by the next.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

_PREFIX: Final = "stui-test"
_numbers = itertools.count()


def host_name(role: str) -> str:
    """A name that no other host has."""
    return f"{_PREFIX}-{os.getpid()}-{next(_numbers)}-{role}"


@contextmanager
def hosts(*names: str, tools: tuple[str, ...] = ()) -> Iterator[None]:
    """Hosts of these names, each with a loopback that is up, until the ``with`` block ends.

    Skips the test where none can be made, or where one of the system's ``tools`` is missing.
    """
    if sys.platform != "linux":
        pytest.skip("only on Linux")
    missing = [tool for tool in ("ip", *tools) if shutil.which(tool) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root and {', '.join(missing) or 'iproute2'} to make network namespaces")
    _remove_stale()
    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        for name in names:
            _remove(name)


def ip(*words: str, said: str = "") -> None:
    """What the system's own tool of this name does; ``said`` are the lines that it reads."""
    subprocess.run(["ip", *words], input=said, text=True, check=True)  # noqa: S607  # wherever the system has it


def at(host: str) -> tuple[str, ...]:
    """The words that go before a command to have it run at a host."""
    return ("ip", "netns", "exec", host)


def module_at(host: str, module: str, *words: str) -> list[str]:
    """The command that runs one of our modules at a host."""
    return [*at(host), sys.executable, "-m", module, *words]


def _remove_stale() -> None:
    """Remove the hosts of processes that have ended, with what still runs there."""
    for line in _output("ip", "netns", "list").splitlines():
        host = line.split()[0]
        if host.startswith(f"{_PREFIX}-") and not Path("/proc", host.split("-")[2]).exists():
            for pid in _output("ip", "netns", "pids", host).split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            _remove(host)


def _remove(host: str) -> None:
    subprocess.run(["ip", "netns", "del", host], check=False, stderr=subprocess.DEVNULL)  # noqa: S607  # as above


def _output(*words: str) -> str:
    return subprocess.run(words, check=False, capture_output=True, text=True).stdout
