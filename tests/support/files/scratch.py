"""Directories for tests that make thousands of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_IN_MEMORY = Path("/dev/shm")  # noqa: S108  # ours below it is made private by tempfile


@contextmanager
def scratch() -> Iterator[Path]:
    """A new one, in memory where the system has such a place."""
    with TemporaryDirectory(dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None) as path:
        yield Path(path)
