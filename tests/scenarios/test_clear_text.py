"""What of a token goes by on a network, listened to where it goes by."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.backend import BackendSettings
from stui_supervisor.profile import Profile
from tests.support.processes.backend_process import BackendProcess

TOKEN = "sixteen-characters-or-more"  # noqa: S105  # of a backend in this test
SPACE = "stui-secrets"
ADDRESS = "10.78.1.1"
LIMIT_S = 40.0
SILENT_KEYRING = {"PYTHON_KEYRING_BACKEND": "tests.support.files.keyring_backends.InMemory"}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only on Linux")


@contextmanager
def namespace() -> Iterator[list[str]]:
    """A network of its own with an address that is not loopback's; gives the words that run a command in it."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2 to make network namespaces")
    run = ["ip", "netns", "exec", SPACE]
    subprocess.run(["ip", "netns", "add", SPACE], check=True)  # noqa: S607  # the system's own tool
    try:
        for words in (["link", "set", "lo", "up"], ["addr", "add", f"{ADDRESS}/32", "dev", "lo"]):
            subprocess.run([*run, "ip", *words], check=True)
        yield run
    finally:
        subprocess.run(["ip", "netns", "del", SPACE], check=True)  # noqa: S607  # as above


def went_by(home: Path, curve_secret_file: Path | None = None, **settled: Any) -> tuple[str, str, bool, bool]:
    """The state that a link came to, why, and whether anything and whether the token was to be heard."""
    served = BackendSettings(bind=f"tcp://{ADDRESS}:5555", token=TOKEN, curve_secret_file=curve_secret_file)
    with namespace() as run, BackendProcess(served, before=run) as backend:
        if backend.curve_key:
            settled["server_keys"] = {backend.endpoint: backend.curve_key}
        FileProfileStore(home / "profiles.json").change(
            "default", lambda _: replace(Profile(name="default"), **settled)
        )
        client = subprocess.run(
            [*run, sys.executable, "-m", "tests.support.networks.clear_text_client", backend.endpoint, home, TOKEN],
            check=True,
            capture_output=True,
            env={**os.environ, **SILENT_KEYRING, "STUI_TOKEN": TOKEN},
            timeout=LIMIT_S,
        )
    state, why, something, token = json.loads(client.stdout)
    return state, why, something, token


def test_a_token_does_not_go_by_in_the_clear_and_nothing_else_does_either(tmp_path: Path) -> None:
    state, why, something, token = went_by(tmp_path)
    assert (state, something, token) == ("disconnected", False, False)
    assert "the token is not sent over a network in the clear" in why


def test_a_token_goes_by_in_the_clear_where_the_profile_allows_it(tmp_path: Path) -> None:
    assert went_by(tmp_path, allow_plaintext_token=True) == ("connected", "", True, True)


def test_a_token_goes_by_unseen_on_an_encrypted_link(tmp_path: Path) -> None:
    assert went_by(tmp_path, tmp_path / "key") == ("connected", "", True, False)
