"""Hosts of our own, each a network namespace of Linux: what happens in their networks happens nowhere else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def hosts(*names: str) -> Iterator[None]:
    """Hosts of these names, each with a loopback that is up, until the ``with`` block ends."""
    if sys.platform != "linux":
        pytest.skip("only on Linux")
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2 to make network namespaces")
    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)  # noqa: S607  # as below


def ip(*words: str, said: str = "") -> None:
    """What the system's own tool of this name does; ``said`` are the lines that it reads."""
    subprocess.run(["ip", *words], input=said, text=True, check=True)  # noqa: S607  # wherever the system has it


def module_at(host: str, module: str, *words: str) -> list[str]:
    """The command that runs one of our modules at a host."""
    return ["ip", "netns", "exec", host, sys.executable, "-m", module, *words]
