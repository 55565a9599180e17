"""A REP server written by hand (ZMTP 3.0, mechanism NULL) that takes heartbeats and answers none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Final

from tests.support.strange_servers import like_an_old_server, tcp_server

_GREETING: Final = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
_READY: Final = b"\x05READY" + b"\x0bSocket-Type" + (3).to_bytes(4, "big") + b"REP"
_MORE, _LONG, _COMMAND = 1, 2, 4


def without_heartbeats() -> AbstractContextManager[str]:
    """Such a server, which knows ping and evaluate; gives its endpoint."""
    return tcp_server(_converse)


def _converse(connection: socket.socket) -> None:
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
            for *envelope, reply in like_an_old_server(token, request):
                connection.sendall(b"".join(_frame(_MORE, part) for part in envelope) + _frame(0, reply))


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
