from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

import pytest

from stui_supervisor.adapters.zmq.connection_view import look_into
from tests.support.programs.watching import open_descriptors

posix = pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX can a connection be looked into")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
        with near, far:
            yield near, far


@posix
def test_only_the_connection_itself_is_looked_into(pair: tuple[socket.socket, socket.socket]) -> None:
    near, _ = pair
    port = near.getpeername()[1]
    before = open_descriptors()
    with open(os.devnull, "rb") as file:  # noqa: PTH123  # its descriptor is wanted
        looks = [
            look_into(*one)
            for one in ((near.fileno(), port + 1), (near.fileno(), 0), (file.fileno(), port), (9_999, 0))
        ]
    assert looks == [None] * 4
    assert open_descriptors() == before
    mine = look_into(near.fileno(), port)
    assert mine is not None
    mine.close()


@posix
def test_a_connection_over_ipc_is_looked_into() -> None:
    near, far = socket.socketpair()
    with near, far:
        mine = look_into(near.fileno(), 0)
        assert mine is not None
        far.sendall(b"x")
        assert mine.recv(10, socket.MSG_PEEK) == b"x"
        mine.close()
        assert near.recv(10) == b"x"
