"""A directory tree that may be read and not written, for root too."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ACCOUNT = 65_534  # nobody's on every POSIX system


@contextmanager
def plain_account() -> Iterator[Path]:
    """A directory of an account that rights apply to; root takes on another one for so long."""
    root = Path(tempfile.mkdtemp())
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(root, _ACCOUNT, _ACCOUNT)
        os.seteuid(_ACCOUNT)
    try:
        yield root
    finally:
        if is_root:
            os.seteuid(0)
        allow_writing(root)
        shutil.rmtree(root)


def deny_writing(root: Path) -> None:
    """As a read-only disk does; locks that exist are denied too."""
    for path in [*root.rglob("*"), root]:
        path.chmod(0o500 if path.is_dir() else 0o400)


def allow_writing(root: Path) -> None:
    """Undo it."""
    for path in [root, *root.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
