"""A keyring that hangs for ever delays its own attempt, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from stui_supervisor.adapters.profiles.store import FileProfileStore
from stui_supervisor.profile import Profile
from tests.support.processes.backend_process import BackendProcess

LIMIT_S = 30.0
HANGING = "tests.support.files.keyring_backends.Hanging"


def life(home: Path, endpoint: str) -> tuple[dict[str, Any], float]:
    """What the program says of its life, and how long its process took to end after it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.programs.hung_client", str(home), endpoint],
        env={**os.environ, "PYTHON_KEYRING_BACKEND": HANGING},
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        began = time.monotonic()
        assert process.wait(LIMIT_S) == 0
        return said, time.monotonic() - began


def test_start_status_stop_and_the_end_are_as_quick_as_without_a_keyring(tmp_path: Path) -> None:
    with BackendProcess() as backend:
        without, its_end_s = life(tmp_path / "without", backend.endpoint)
        FileProfileStore(tmp_path / "hanging" / "profiles.json").change(
            "default", lambda _: Profile(name="default", uses_token=True)
        )
        hanging, end_s = life(tmp_path / "hanging", backend.endpoint)
    assert (without["state"], without["imported"]) == ("connected", False)
    assert (hanging["state"], hanging["imported"]) == ("recovering", True)
    slower = {what: hanging[what] - without[what] for what in ("start", "status", "stop")}
    assert max([*slower.values(), end_s - its_end_s]) < 0.5, (without, hanging, its_end_s, end_s)
