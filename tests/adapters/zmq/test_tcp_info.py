"""What the kernel says of real connections on this machine."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from stui_supervisor.adapters.zmq.tcp_info import TcpInfo
from stui_supervisor.health.sample import PathSample
from tests.support.programs.watching import until_now

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only on Linux")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
        with near, far:
            yield near, far


def sample_of(path: TcpInfo) -> PathSample:
    sample = path.look()
    assert sample is not None
    return sample


def test_it_counts_what_comes_and_what_is_acknowledged(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    path = TcpInfo.of(near)
    assert path is not None
    near.sendall(b"12345")
    assert far.recv(5) == b"12345"
    far.sendall(b"123")
    assert near.recv(3) == b"123"
    look = path.look()
    assert look is not None
    assert (look.received_bytes, look.has_outstanding) == (3, False)
    assert look.acked_bytes >= 5
    assert 0.0 <= look.received_ago_s < 5.0


def test_letting_go_drops_what_the_other_side_has_not_got(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    path = TcpInfo.of(near)
    assert path is not None
    path.abort()
    near.close()
    with pytest.raises(ConnectionResetError):
        far.recv(1)


def test_a_peer_that_reads_nothing_holds_us_back_until_it_does(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    path = TcpInfo.of(near)
    assert path is not None
    near.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            near.send(bytes(100_000))
    until_now(lambda: sample_of(path).is_held_back)
    far.setblocking(False)

    def is_taken() -> bool:
        with suppress(BlockingIOError):
            while True:
                far.recv(100_000)
        return not sample_of(path).has_outstanding

    until_now(is_taken)
    assert not sample_of(path).is_held_back
