from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stui_supervisor.backend import BackendSettings
from stui_supervisor.backend.socket_file import private_socket
from stui_supervisor.errors import ConfigurationError
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.plain_client import PlainClient

pytestmark = pytest.mark.skipif(os.name == "nt", reason="only on POSIX: sockets as files")


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:  # pytest's own paths are too long for a socket
        yield Path(directory) / "stui"


def at(path: Path) -> BackendProcess:
    return BackendProcess(BackendSettings(bind=f"ipc://{path}"))


def test_what_a_killed_backend_left_is_taken_over(path: Path) -> None:
    backend = at(path)
    for _ in range(2):
        with backend, PlainClient(backend.endpoint) as client:
            assert client.result("evaluate", code="3 + 4")["result"] == "7"
        assert stat.S_ISSOCK(path.lstat().st_mode)


def test_a_living_backend_keeps_its_address(path: Path) -> None:
    with at(path) as first:
        with pytest.raises(AssertionError, match="is in use"):
            at(path).start()
        with PlainClient(first.endpoint) as client:
            assert client.result("evaluate", code="3 + 4")["result"] == "7"


def test_a_backend_too_busy_to_take_connections_keeps_its_address(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as first:
        listening.bind(str(path))
        listening.listen(0)
        first.connect(str(path))
        with pytest.raises(ConfigurationError, match="is in use"), private_socket(f"ipc://{path}"):
            pass
    assert stat.S_ISSOCK(path.lstat().st_mode)


@pytest.mark.parametrize("kind", ["file", "link", "directory"])
def test_what_is_no_socket_is_left_as_it_is(kind: str, path: Path) -> None:
    (path.parent / "precious").write_text("precious")
    match kind:
        case "file":
            path.write_text("precious")
        case "link":
            path.symlink_to(path.parent / "precious")
        case _:
            path.mkdir()
    before = path.lstat()
    with pytest.raises(ConfigurationError, match="is no socket"), private_socket(f"ipc://{path}"):
        pass
    assert path.lstat() == before
    assert (path.parent / "precious").read_text() == "precious"


@pytest.mark.parametrize("umask", [0, 0o022])
def test_only_its_owner_may_connect_whatever_the_umask(umask: int, path: Path) -> None:
    before = os.umask(umask)
    try:
        with at(path):
            assert path.lstat().st_mode & 0o077 == 0
    finally:
        os.umask(before)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:*", "ipc://*", "ipc://@stui"])
def test_other_addresses_are_no_files(address: str) -> None:
    before = os.umask(0o022)
    os.umask(before)
    with private_socket(address):
        assert os.umask(before) == before
