from __future__ import annotations

import os
from pathlib import Path

import pytest

from stui_supervisor.backend import BackendSettings
from stui_supervisor.backend.secret_file import read_secret
from stui_supervisor.errors import ConfigurationError

posix = pytest.mark.skipif(os.name == "nt", reason="only on POSIX: modes and links")


def holding(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.touch(mode)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_the_secret_is_the_line_in_the_file(tmp_path: Path) -> None:
    assert read_secret(holding(tmp_path / "token", b"gr\xc3\xbcn and long enough\n")) == "grün and long enough"


@pytest.mark.parametrize(("content", "why"), [(b"", "is empty"), (b" \n", "is empty"), (b"\xff", "it is not text")])
def test_a_file_without_a_secret_is_refused(content: bytes, why: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=why):
        read_secret(holding(tmp_path / "token", content))


@posix
@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620])
def test_a_file_that_others_can_use_is_refused(mode: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="others can read"):
        read_secret(holding(tmp_path / "token", b"a secret", mode))


@posix
def test_a_link_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(holding(tmp_path / "token", b"a secret"))
    for name in ("link", "missing"):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            read_secret(tmp_path / name)


def test_settings_do_not_show_the_token() -> None:
    assert "opensesame" not in repr(BackendSettings(token="opensesame"))  # noqa: S106  # guards nothing
