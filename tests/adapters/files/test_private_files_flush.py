from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stui_supervisor.adapters.files.private_files import flush

if sys.platform == "win32":
    pytest.skip("only on POSIX: fcntl", allow_module_level=True)

import fcntl

NOBODY_KNOWS = 12_345


@pytest.fixture
def pipe() -> Iterator[int]:
    """Something that fsync refuses, so that it shows whether that was asked for."""
    ends = os.pipe()
    yield ends[1]
    for end in ends:
        os.close(end)


def test_a_file_and_a_directory_are_flushed(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        flush(file.fileno())
    directory = os.open(tmp_path, os.O_RDONLY)
    flush(directory)
    os.close(directory)


def test_a_system_that_empties_the_cache_of_the_drive_is_asked_for_that_alone(
    pipe: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", fcntl.F_GETFD, raising=False)
    flush(pipe)


def test_a_file_system_that_knows_nothing_of_it_gets_the_fsync(pipe: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", NOBODY_KNOWS, raising=False)
    with pytest.raises(OSError, match=r"Invalid argument|not supported"):
        flush(pipe)


def test_a_flush_that_failed_is_not_tried_in_another_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", fcntl.F_GETFD, raising=False)
    with (tmp_path / "file").open("wb") as file:
        descriptor = file.fileno()
    with pytest.raises(OSError, match="Bad file descriptor"):
        flush(descriptor)
