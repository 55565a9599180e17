"""Links that need keys, against real backends that have some, others, or none."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zmq

from stui_supervisor.adapters.zmq.diagnosis import not_made
from stui_supervisor.adapters.zmq.transport import ZmqTransport
from stui_supervisor.backend import BackendSettings
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.ports import LinkTimes
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.secret import Secret
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.link_listener import TIMES, Heard
from tests.support.processes.strange_servers import closing_at_once, forward, silent, speaking_http, tcp_server
from tests.support.programs.watching import until

PUBLIC, SECRET = (key.decode() for key in zmq.curve_keypair())
SOMEBODY = zmq.curve_keypair()[0].decode()
ASKED_AT_MOST = 10
BROKEN_OFF = Failure(FailureKind.RESET, "during the handshake")
SHORT = TIMES._replace(attempt_timeout_s=0.2)
NOT_THE_PINNED_KEY = Failure(FailureKind.KEY_REFUSED, "the backend does not have the pinned key")


def pinned(server_key: str) -> CurveKeys:
    return CurveKeys(server_key, PUBLIC, Secret(SECRET))


async def outcome(transport: ZmqTransport, endpoint: str, curve: CurveKeys | None, times: LinkTimes = TIMES) -> object:
    """What a link says first."""
    link, listener = transport(Endpoint.parse(endpoint), times, curve), Heard()
    link.open(listener)
    await until(lambda: listener.heard)
    link.close()
    return listener.heard[0]


async def told_of_key(transport: ZmqTransport, endpoint: str, server_key: str) -> object:
    """The same, asked again where the connection was over before the kernel could be asked what had come."""
    for _ in range(ASKED_AT_MOST):
        told = await outcome(transport, endpoint, pinned(server_key))
        if not isinstance(told, Failure) or told.kind is not FailureKind.RESET:
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


CLOSES = Failure(FailureKind.NO_HANDSHAKE, "it closes the connection without a word")
SAYS_HTTP = Failure(FailureKind.NOT_ZEROMQ, "it says 'HTTP/1.1 400 Bad Request'")


@pytest.mark.parametrize("curve", [None, pinned(SOMEBODY)], ids=["plain", "pinned"])
@pytest.mark.parametrize(("behaviour", "told"), [(closing_at_once, CLOSES), (speaking_http, SAYS_HTTP)])
async def test_what_is_no_zeromq_is_told_as_what_was_seen_of_it_and_refuses_no_key(
    behaviour: Callable[[socket.socket], None], told: Failure, curve: CurveKeys | None, transport: ZmqTransport
) -> None:
    with tcp_server(behaviour) as endpoint:
        assert await outcome(transport, endpoint, curve) == told


async def test_what_answers_and_waits_is_told_by_what_it_said_and_what_says_nothing_by_that(
    transport: ZmqTransport,
) -> None:
    def http_that_stays(connection: socket.socket) -> None:
        connection.recv(4_096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n")
        silent(connection)

    with tcp_server(http_that_stays) as endpoint:
        assert await outcome(transport, endpoint, None, SHORT) == SAYS_HTTP
    with tcp_server(silent) as endpoint:
        assert await outcome(transport, endpoint, None, SHORT) == Failure(FailureKind.NO_HANDSHAKE, "it says nothing")


@pytest.mark.parametrize("curve", [None, pinned(SOMEBODY)], ids=["plain", "pinned"])
@pytest.mark.parametrize("kind", [zmq.PUB, zmq.SUB, zmq.REQ, zmq.PULL], ids=lambda kind: kind.name)
async def test_a_socket_of_another_kind_is_zeromq_and_its_kind_is_named(
    kind: zmq.SocketType, curve: CurveKeys | None, transport: ZmqTransport
) -> None:
    with zmq.Context() as context, context.socket(kind) as server:
        server.bind("tcp://127.0.0.1:*")
        told = await outcome(transport, server.getsockopt_string(zmq.LAST_ENDPOINT), curve)
    other_kind = Failure(FailureKind.OTHER_SOCKET, f"its type is {kind.name}")
    assert told == (other_kind if curve is None else Failure(FailureKind.KEY_REFUSED, "the backend does not encrypt"))


@pytest.mark.parametrize("curve", [None, pinned(SOMEBODY)], ids=["plain", "pinned"])
async def test_a_security_mechanism_that_is_not_supported_is_named(
    curve: CurveKeys | None, transport: ZmqTransport
) -> None:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as server:
        server.plain_server = True
        server.bind("tcp://127.0.0.1:*")
        told = await outcome(transport, server.getsockopt_string(zmq.LAST_ENDPOINT), curve)
    assert told == Failure(FailureKind.OTHER_MECHANISM, "'PLAIN'")


async def test_a_peer_that_begins_a_handshake_and_hangs_up_is_not_said_to_speak_something_else(
    transport: ZmqTransport,
) -> None:
    with tcp_server(lambda connection: connection.sendall(b"\xff" + bytes(8) + b"\x7f")) as endpoint:
        told = await outcome(transport, endpoint, None)
    assert told == Failure(FailureKind.NO_HANDSHAKE, "it began a greeting and did not end it")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), FailureKind.REFUSED),
        (FileNotFoundError(errno.ENOENT, "no such file"), FailureKind.REFUSED),
        (TimeoutError(errno.ETIMEDOUT, "timed out"), FailureKind.TIMEOUT),
        (OSError(errno.EHOSTUNREACH, "no route"), FailureKind.UNREACHABLE),
        (OSError(errno.ENETUNREACH, "no network"), FailureKind.UNREACHABLE),
        (PermissionError(errno.EACCES, "not permitted"), FailureKind.NO_CONNECTION),
        (OSError(errno.EMFILE, "too many open files"), FailureKind.NO_CONNECTION),
    ],
)
def test_a_host_is_called_out_of_reach_only_where_the_system_says_so(error: OSError, kind: FailureKind) -> None:
    said = os.strerror(error.errno or 0) if os.name == "posix" else error.strerror
    assert not_made(error) == Failure(kind, said or "")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what has come")
@pytest.mark.parametrize(
    ("cut_after", "failure"),
    [(64 + 170, BROKEN_OFF), (64, NOT_THE_PINNED_KEY)],
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
        assert await outcome(transport, backend.endpoint, pinned(SOMEBODY)) == BROKEN_OFF


def _too_late(_descriptor: int) -> int:
    raise OSError(errno.EBADF, "libzmq has closed it")
