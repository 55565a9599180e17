"""Servers that are not what a client hopes for, each in a thread of its own."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from select import select
from typing import Final, Self

import zmq

from stui_supervisor.endpoint import Endpoint

Frames = tuple[bytes, ...]
Answer = Callable[[bytes, bytes], Iterable[Frames]]
_ENDS_WITHIN_S: Final = 10.0


def success(body: bytes, **result: object) -> bytes:
    """A good reply of the command dialect to this request."""
    return json.dumps({"id": json.loads(body).get("id"), "status": "success", "result": result}).encode()


def failure(body: bytes, error_type: str) -> bytes:
    """A reply of the command dialect that refuses this request."""
    message_id = json.loads(body).get("id")
    return json.dumps({"id": message_id, "status": "error", "error": "no", "error_type": error_type}).encode()


def always(body: bytes) -> Answer:
    """The same reply to whatever is asked."""
    return lambda token, _request: [(token, b"", body)]


def like_an_old_server(token: bytes, body: bytes) -> Iterable[Frames]:
    """Knows ping and evaluate only."""
    command = json.loads(body).get("command")
    known = {"ping": {"server": "old", "version": "0.1"}, "evaluate": {"result": "7", "result_type": "SmallInteger"}}
    return [(token, b"", success(body, **known[command]) if command in known else failure(body, "Error"))]


class ScriptedServer:
    """A ROUTER socket that answers each message with the frames that ``answer(token, body)`` gives.

    ``asked`` are the bodies it has read. It listens while the ``with`` block runs; ``stop`` and
    ``start`` come back on the same address.
    """

    def __init__(self, answer: Answer, bind: str = "tcp://127.0.0.1:*") -> None:
        self.answer = answer
        self.endpoint = bind
        self.asked: list[bytes] = []
        self._thread: threading.Thread | None = None
        self._wake: socket.socket | None = None

    def start(self) -> None:
        """Listen."""
        own, self._wake = socket.socketpair()
        listening = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(own, listening), name="scripted server", daemon=True)
        self._thread.start()
        assert listening.wait(_ENDS_WITHIN_S), "the scripted server does not listen"

    def stop(self) -> None:
        """Close the socket and every connection. Twice is once."""
        if self._thread is None or self._wake is None:
            return
        self._wake.close()
        self._thread.join(_ENDS_WITHIN_S)
        assert not self._thread.is_alive(), "the scripted server does not end"
        self._thread = None

    def _run(self, wake: socket.socket, listening: threading.Event) -> None:
        context = zmq.Context()
        router = context.socket(zmq.ROUTER)
        router.setsockopt(zmq.LINGER, 0)
        router.setsockopt(zmq.SNDHWM, 0)  # a full queue would drop what it is told to say
        router.setsockopt(zmq.IPV6, int("[" in self.endpoint))
        router.bind(self.endpoint)
        self.endpoint = router.getsockopt_string(zmq.LAST_ENDPOINT)
        listening.set()
        poller = zmq.Poller()
        poller.register(router, zmq.POLLIN)
        poller.register(wake, zmq.POLLIN)
        while wake.fileno() not in (ready := dict(poller.poll())):
            if router in ready:
                peer, token, *_, body = router.recv_multipart()
                self.asked.append(body)
                for frames in self.answer(token, body):
                    router.send_multipart((peer, *frames))
        wake.close()
        context.destroy(linger=0)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def tcp_server(converse: Callable[[socket.socket], None], host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """A TCP server that has ``converse`` with each connection and then closes it; gives its endpoint."""
    server = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    connections: list[socket.socket] = []

    def run() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connections.append(connection)
            with connection:
                try:
                    converse(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=run, name="tcp server", daemon=True)
    thread.start()
    try:
        yield str(Endpoint("tcp", host, server.getsockname()[1]))
    finally:
        for end in (server, *connections):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        thread.join(_ENDS_WITHIN_S)
        assert not thread.is_alive(), "the TCP server does not end"


def closing_at_once(_connection: socket.socket) -> None:
    """Accept and close."""


def forward(connection: socket.socket, endpoint: Endpoint, most_back: int) -> None:
    """Carry what is said to a backend, and no more than so many bytes of its answers back."""
    with socket.create_connection((endpoint.host, endpoint.port)) as backend:
        while most_back > 0:
            for ready in select([connection, backend], [], [])[0]:
                part = ready.recv(min(most_back, 4_096) if ready is backend else 4_096)
                if not part:
                    return
                (connection if ready is backend else backend).sendall(part)
                most_back -= len(part) if ready is backend else 0


def silent(connection: socket.socket) -> None:
    """Read for ever and never say anything."""
    while connection.recv(4_096):
        pass


def speaking_http(connection: socket.socket) -> None:
    """Wait for a request, and answer anything as a web server does."""
    connection.recv(4_096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")


def speaking_noise(connection: socket.socket) -> None:
    """Bytes without a meaning."""
    connection.sendall(bytes(range(256)) * 16)
    silent(connection)
