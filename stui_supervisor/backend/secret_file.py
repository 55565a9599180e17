"""Reads a secret of the backend from a file, since other users can see a process's arguments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from stui_supervisor.errors import ConfigurationError

_NOT_OURS: Final = 0o077  # the rights that others must not have
_MAX_BYTES: Final = 4_096
_READ: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def read_secret(path: Path) -> str:
    """The line in the file. Raises ConfigurationError for an empty one, a link, and a file that others can read."""
    try:
        with os.fdopen(os.open(path, _READ), "rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & _NOT_OURS:
                raise ConfigurationError(f"others can read the secret in {path}", hint=f"chmod 600 {path}")
            secret = file.read(_MAX_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigurationError(f"{path} cannot be read ({reason})", hint="name another file") from error
    if not secret:
        raise ConfigurationError(f"{path} is empty", hint="write the secret into it, on one line")
    return secret
