"""REP servers written by hand (ZMTP 3.0, mechanism NULL): they take heartbeats and answer none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Final

from tests.support.processes.strange_servers import like_an_old_server, tcp_server

_GREETING: Final = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
_READY: Final = b"\x05READY" + b"\x0bSocket-Type" + (3).to_bytes(4, "big") + b"REP"
_MORE, _LONG, _COMMAND = 1, 2, 4
_PART: Final = 1_000_000
_PAUSE: Final = threading.Event()  # never set


Say = Callable[[socket.socket, tuple[bytes, ...]], None]


def without_heartbeats() -> AbstractContextManager[str]:
    """Such a server, which knows ping and evaluate; gives its endpoint."""
    return tcp_server(lambda connection: _converse(connection, _say))


def busy_without_heartbeats(for_s: float) -> AbstractContextManager[str]:
    """One that takes so long for an evaluation, and greets others meanwhile."""

    def say_later(connection: socket.socket, frames: tuple[bytes, ...]) -> None:
        _PAUSE.wait(for_s if b"result_type" in frames[-1] else 0.0)
        _say(connection, frames)

    def converse(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            _converse(connection, say_later)

    return tcp_server(lambda connection: threading.Thread(target=converse, args=(connection.dup(),)).start())


def greeting_after(begin: threading.Event, host: str, port: int = 0) -> AbstractContextManager[str]:
    """One that accepts connections there, and says nothing before this event."""

    def converse(connection: socket.socket) -> None:
        begin.wait()
        _converse(connection, _say)

    return tcp_server(converse, host, port)


def without_an_end() -> AbstractContextManager[str]:
    """One whose reply to an evaluation is one frame after the other, for ever."""
    return tcp_server(lambda connection: _converse(connection, _say_without_end))


def dripping(pause_s: float) -> AbstractContextManager[str]:
    """One that says each byte on its own, with a pause before it."""

    def drip(connection: socket.socket, frames: tuple[bytes, ...]) -> None:
        for byte in _message(frames):
            _PAUSE.wait(pause_s)
            connection.sendall(bytes((byte,)))

    return tcp_server(lambda connection: _converse(connection, drip))


def _say(connection: socket.socket, frames: tuple[bytes, ...]) -> None:
    connection.sendall(_message(frames))


def _say_without_end(connection: socket.socket, frames: tuple[bytes, ...]) -> None:
    if b"result_type" not in frames[-1]:
        _say(connection, frames)
        return
    more = bytes((_MORE | _LONG,)) + _PART.to_bytes(8, "big") + bytes(_PART)
    while True:
        connection.sendall(more)


def _message(frames: tuple[bytes, ...]) -> bytes:
    *envelope, body = frames
    return b"".join(_frame(_MORE, part) for part in envelope) + _frame(0, body)


def _converse(connection: socket.socket, say: Say) -> None:
    connection.sendall(_GREETING)
    _read(connection, len(_GREETING))
    connection.sendall(_frame(_COMMAND, _READY))
    parts: list[bytes] = []
    for flags, body in _frames(connection):
        if flags & _COMMAND:  # READY, and from then on PINGs
            continue
        parts.append(body)
        if not flags & _MORE:
            (token, _, request), parts = parts, []
            for frames in like_an_old_server(token, request):
                say(connection, frames)


def _frames(connection: socket.socket) -> Iterator[tuple[int, bytes]]:
    while True:
        flags = _read(connection, 1)[0]
        size = int.from_bytes(_read(connection, 8 if flags & _LONG else 1), "big")
        yield flags, _read(connection, size)


def _frame(flags: int, body: bytes) -> bytes:
    assert len(body) < 256, "this server speaks in short frames"
    return bytes((flags, len(body))) + body


def _read(connection: socket.socket, size: int) -> bytes:
    """So many bytes. Raises OSError at the end of the connection."""
    found = b""
    while len(found) < size:
        more = connection.recv(size - len(found))
        if not more:
            raise ConnectionResetError
        found += more
    return found
