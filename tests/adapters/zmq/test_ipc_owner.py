"""Whose socket it is. Only root can have another user listen; what everybody can do is be that user."""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import zmq

from stui_supervisor.adapters.zmq.ipc_owner import can_be_asked, trusted_users, user_at, user_name, user_number
from stui_supervisor.adapters.zmq.transport import ZmqTransport
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.security.trust import Trust
from tests.support.processes.link_listener import TIMES, Heard

pytestmark = pytest.mark.skipif(not can_be_asked, reason="this system does not tell whose a socket is")
as_root = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can be another user")
STRANGER = 12_345
NO_MACHINE_HAS_SO_MUCH = 2**46  # bytes of stack for one thread


def _listen(path: str, user: int, ready: Connection[object, object]) -> None:
    if user != os.geteuid():
        os.setuid(user)
    with zmq.Context() as context, context.socket(zmq.ROUTER) as server:
        server.setsockopt(zmq.LINGER, 0)
        server.bind(f"ipc://{path}")
        ready.send(None)
        while not ready.poll(0.01):
            if server.poll(10):
                ready.send(server.recv_multipart())


class Listener:
    """A backend of some user, in a process of its own; ``heard`` are the messages that it got."""

    def __init__(self, path: Path, user: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_listen, args=(str(path), user, there), daemon=True)
        self._process.start()
        assert self._here.recv() is None

    def heard(self) -> list[object]:
        heard: list[object] = []
        while self._here.poll(0.2):
            heard.append(self._here.recv())
        return heard

    def stop(self) -> None:
        self._here.send(None)
        self._process.join()


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory in which everybody may listen, as far from the root as a path may be long."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name) / "stui"


async def outcome(endpoint: Endpoint, trust: Trust) -> object:
    """What the link tells first; on one that opens something is said."""
    transport, listener = ZmqTransport(), Heard()
    link = transport(endpoint, TIMES, None, trust)
    link.open(listener)
    try:
        (first,) = await listener.hears(1)
        link.send(b"token", b"{}")
        return first
    finally:
        link.close()
        transport.close()


@as_root
@pytest.mark.parametrize(
    ("user", "owner", "is_trusted"),
    [
        (0, None, True),
        (STRANGER, None, False),
        (STRANGER, str(STRANGER), True),
        (STRANGER, "daemon", False),
        (1, "daemon", True),
    ],
)
async def test_a_link_is_made_to_oneself_root_and_whom_the_profile_names(
    user: int, owner: str | None, is_trusted: bool, place: Path
) -> None:
    there = Listener(place, user)
    try:
        told = await outcome(Endpoint.parse(f"ipc://{place}"), Trust(ipc_owner=owner))
        heard = there.heard()
    finally:
        there.stop()
    refused = Failure(FailureKind.IPC_OWNER, f"it is {user_name(user)}'s")
    assert (told, bool(heard)) == (("opened" if is_trusted else refused), is_trusted)


async def test_a_backend_of_one_s_own_is_linked_to(place: Path) -> None:
    there = Listener(place, os.geteuid())
    try:
        assert await outcome(Endpoint.parse(f"ipc://{place}"), Trust()) == "opened"
        assert len(there.heard()) == 1
    finally:
        there.stop()


async def test_an_owner_who_is_no_user_is_told_before_anything_is_connected(place: Path) -> None:
    told = await outcome(Endpoint.parse(f"ipc://{place}"), Trust(ipc_owner="nobody of this name"))
    words = "the profile names 'nobody of this name' as its owner, and this machine knows no such user"
    assert told == Failure(FailureKind.IPC_OWNER, words)


async def test_where_no_thread_is_to_be_had_to_look_up_the_owner_the_attempt_fails_at_once(place: Path) -> None:
    threading.stack_size(NO_MACHINE_HAS_SO_MUCH)
    try:
        told = await outcome(Endpoint.parse(f"ipc://{place}"), Trust(ipc_owner="daemon"))
    finally:
        threading.stack_size(0)
    assert isinstance(told, Failure)
    assert str(told).startswith(
        "the socket there is not shown to be a trusted user's (no thread to be had to look up the user 'daemon': "
    )


def test_users_are_known_by_name_and_number() -> None:
    assert user_number("root") == user_number("0") == 0
    assert user_number("nobody of this name") is None
    assert (user_name(0), user_name(4_000_000)) == ("root (0)", "4000000")
    assert trusted_users(None) == frozenset({0, os.geteuid()})
    assert trusted_users("77") == frozenset({0, os.geteuid(), 77})


def test_what_is_no_ipc_connection_has_no_user() -> None:
    with socket.socket(socket.AF_INET) as other, pytest.raises(OSError, match="no IPC connection"):
        user_at(other.fileno())
    with pytest.raises(OSError, match="Bad file descriptor"):
        user_at(999_999)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert user_at(ours.fileno()) == os.geteuid()
