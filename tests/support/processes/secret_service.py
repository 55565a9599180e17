"""A real Secret Service of its own: GNOME Keyring on a private D-Bus, unlocked, with nothing in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_SERVE = """
printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null
echo "$DBUS_SESSION_BUS_ADDRESS"
cat >/dev/null
"""


@contextmanager
def secret_service(directory: Path) -> Iterator[dict[str, str]]:
    """Runs inside the block; gives the environment in which a process finds it."""
    if sys.platform != "linux":
        pytest.skip("only on Linux")
    if shutil.which("dbus-run-session") is None or shutil.which("gnome-keyring-daemon") is None:
        pytest.skip("needs the packages dbus and gnome-keyring")
    own = dict.fromkeys(("HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(directory))
    session = subprocess.Popen(
        ["dbus-run-session", "--", "sh", "-c", _SERVE],  # noqa: S607  # the system's own tool
        env={**os.environ, **own},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with session:
        assert session.stdin is not None
        assert session.stdout is not None
        yield {
            "DBUS_SESSION_BUS_ADDRESS": session.stdout.readline().strip(),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring",
        }
        session.stdin.close()
