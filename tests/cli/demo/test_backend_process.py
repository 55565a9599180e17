"""The demo's backend as a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from stui_supervisor.cli.demo.backend_process import EmbeddedBackend


async def test_no_file_of_the_working_directory_is_taken_for_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "types.py").write_text("raise ImportError('run by mistake')\n")
    monkeypatch.chdir(tmp_path)
    backend = EmbeddedBackend()

    await backend.start()
    said = await backend.kill()

    assert said == ""
