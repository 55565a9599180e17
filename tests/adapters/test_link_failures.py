"""Links that need keys, against real backends that have some, others, or none."""

from __future__ import annotations

import errno
import os
import socket
import sys
from pathlib import Path

import pytest
import zmq

from stui_supervisor.adapters.zmq_link import ZmqTransport
from stui_supervisor.backend import BackendSettings
from stui_supervisor.curve import CurveKeys
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.secret import Secret
from tests.support.backend_process import BackendProcess
from tests.support.link_listener import TIMES, Heard
from tests.support.strange_servers import closing_at_once, forward, speaking_http, tcp_server
from tests.support.watching import until

PUBLIC, SECRET = (key.decode() for key in zmq.curve_keypair())
SOMEBODY = zmq.curve_keypair()[0].decode()
ASKED_AT_MOST = 10
NOT_THE_PINNED_KEY = Failure(FailureKind.KEY_REFUSED, "the backend does not have the pinned key")


def pinned(server_key: str) -> CurveKeys:
    return CurveKeys(server_key, PUBLIC, Secret(SECRET))


async def outcome(transport: ZmqTransport, endpoint: str, curve: CurveKeys | None) -> object:
    """What a link says first."""
    link, listener = transport(Endpoint.parse(endpoint), TIMES, curve), Heard()
    link.open(listener)
    await until(lambda: listener.heard)
    link.close()
    return listener.heard[0]


async def told_of_key(transport: ZmqTransport, endpoint: str, server_key: str) -> object:
    """The same, asked again where the connection was over before the kernel could be asked what had come."""
    for _ in range(ASKED_AT_MOST):
        told = await outcome(transport, endpoint, pinned(server_key))
        if told != Failure(FailureKind.RESET):
            break
    return told


def encrypting(tmp_path: Path, *allowed: str, bind: str = "tcp://127.0.0.1:*") -> BackendProcess:
    return BackendProcess(BackendSettings(bind=bind, curve_secret_file=tmp_path / "key", allowed_client_keys=allowed))


@pytest.mark.parametrize("allowed", [(), (PUBLIC,), (SOMEBODY, PUBLIC)])
async def test_a_link_comes_up_where_both_sides_know_each_other(
    allowed: tuple[str, ...], transport: ZmqTransport, tmp_path: Path
) -> None:
    async with encrypting(tmp_path, *allowed) as backend:
        assert backend.curve_key is not None
        assert await outcome(transport, backend.endpoint, pinned(backend.curve_key)) == "opened"


@pytest.mark.skipif(not zmq.has("ipc"), reason="only on systems with IPC")
async def test_a_link_over_ipc_can_be_encrypted_too(transport: ZmqTransport, tmp_path: Path) -> None:
    async with encrypting(tmp_path, bind=f"ipc://{tmp_path}/socket") as backend:
        assert backend.curve_key is not None
        assert await outcome(transport, backend.endpoint, pinned(backend.curve_key)) == "opened"
        wrong = await told_of_key(transport, backend.endpoint, SOMEBODY)
        assert wrong == NOT_THE_PINNED_KEY


async def test_each_refusal_says_what_is_wrong(transport: ZmqTransport, tmp_path: Path) -> None:
    async with encrypting(tmp_path, SOMEBODY) as backend, BackendProcess() as plain:
        assert backend.curve_key is not None
        told = [
            await told_of_key(transport, backend.endpoint, SOMEBODY),
            await outcome(transport, backend.endpoint, pinned(backend.curve_key)),
            await outcome(transport, backend.endpoint, None),
            await outcome(transport, plain.endpoint, pinned(SOMEBODY)),
        ]
    assert told == [
        NOT_THE_PINNED_KEY,
        Failure(FailureKind.KEY_REFUSED, f"the backend does not let us in (our public key is {PUBLIC})"),
        Failure(FailureKind.KEY_REFUSED, "the backend encrypts"),
        Failure(FailureKind.KEY_REFUSED, "the backend does not encrypt"),
    ]


@pytest.mark.parametrize("behaviour", [closing_at_once, speaking_http])
async def test_a_forwarder_whose_backend_is_away_refuses_no_key(behaviour: object, transport: ZmqTransport) -> None:
    with tcp_server(behaviour) as endpoint:  # type: ignore[arg-type]  # one of strange_servers
        assert await outcome(transport, endpoint, pinned(SOMEBODY)) == Failure(FailureKind.NOT_ZEROMQ)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what has come")
@pytest.mark.parametrize(
    ("cut_after", "failure"),
    [(64 + 170, Failure(FailureKind.RESET)), (64, NOT_THE_PINNED_KEY)],
    ids=["the WELCOME", "the greeting"],
)
async def test_what_has_shown_its_key_and_hangs_up_then_does_not_lack_it(
    cut_after: int, failure: Failure, transport: ZmqTransport, tmp_path: Path
) -> None:
    async with encrypting(tmp_path) as backend:
        assert backend.curve_key is not None

        def cut(connection: socket.socket) -> None:
            forward(connection, Endpoint.parse(backend.endpoint), most_back=cut_after)

        with tcp_server(cut) as endpoint:
            assert await told_of_key(transport, endpoint, backend.curve_key) == failure


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what has come")
async def test_what_was_over_before_it_could_be_looked_at_is_no_refusal(
    transport: ZmqTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "dup", _too_late)
    async with encrypting(tmp_path) as backend:
        assert await outcome(transport, backend.endpoint, pinned(SOMEBODY)) == Failure(FailureKind.RESET)


def _too_late(_descriptor: int) -> int:
    raise OSError(errno.EBADF, "libzmq has closed it")
