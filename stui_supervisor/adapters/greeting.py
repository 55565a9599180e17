"""One plain TCP or IPC connection to a peer, without libzmq: for its errno, or for the greeting."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import sys
from typing import Final

from stui_supervisor.adapters.addresses import Address
from stui_supervisor.endpoint import Endpoint

# ZMTP 3.1 (ZeroMQ RFC 37): ten bytes of signature, two of version, twenty of mechanism. A peer tells all
# of them once it has the signature and the major version; more from us would let it hang up first.
_SIGNATURE: Final = b"\xff"
_HALF_GREETING: Final = b"\xff" + bytes(8) + b"\x7f\x03"
_MECHANISM: Final = slice(12, 32)
_LINGER: Final = "HH" if sys.platform == "win32" else "ii"  # of struct linger
_UNDER_WAY: Final = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY})
_UNDECIDED: Final = _UNDER_WAY | {0}  # a connection may be one to itself
_NOBODY: Final = frozenset({errno.ECONNREFUSED, errno.ENOENT})


async def connect_once(endpoint: Endpoint, address: Address | None) -> None:
    """Connect and hang up. Raises OSError, as the system says it."""
    await _ask(endpoint, address, b"", 0)


async def mechanism_at(endpoint: Endpoint, address: Address | None) -> bytes | None:
    """What the peer greets with, however busy its image is; None for what hangs up without a greeting.

    A frozen process does neither: the caller ends the wait. Raises OSError, as the system says it.
    """
    answer = await _ask(endpoint, address, _HALF_GREETING, _MECHANISM.stop)
    is_greeting = answer.startswith(_SIGNATURE) and len(answer) == _MECHANISM.stop
    return answer[_MECHANISM].rstrip(b"\0") if is_greeting else None


class PlainLook:
    """A connection that is begun only to see whether anybody listens. Never blocks, never raises; to be closed."""

    def __init__(self, endpoint: Endpoint, address: Address | None) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        try:
            self._socket = _socket(address)
            self._error = self._socket.connect_ex(_where(endpoint, address))
        except OSError as error:
            self._error = error.errno or errno.EIO

    def is_listening(self) -> bool | None:
        """None while there is no answer yet; True also where something else than a refusal came."""
        if self._socket is not None and self._error in _UNDECIDED:
            try:
                self._error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or self._end_to_end()
            except OSError as error:
                self._error = error.errno or errno.EIO
        return None if self._error in _UNDER_WAY else self._error not in _NOBODY

    def close(self) -> None:
        """Give the connection up."""
        if self._socket is not None:
            self._socket.close()

    def _end_to_end(self) -> int:
        """The error number of a connection that the system knows no error of: 0 when it has another end."""
        if self._socket is None or self._address is None:
            return 0
        try:
            return errno.ECONNREFUSED if _is_to_itself(self._socket) else 0
        except OSError as error:
            return errno.EINPROGRESS if error.errno == errno.ENOTCONN else error.errno or errno.EIO


async def _ask(endpoint: Endpoint, address: Address | None, said: bytes, wanted: int) -> bytes:
    loop = asyncio.get_running_loop()
    with _socket(address) as peer:
        await loop.sock_connect(peer, _where(endpoint, address))
        if address is not None and _is_to_itself(peer):
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        answer = b""
        await loop.sock_sendall(peer, said)
        while len(answer) < wanted and (part := await loop.sock_recv(peer, wanted - len(answer))):
            answer += part
        return answer


def _socket(address: Address | None) -> socket.socket:
    family = address[0] if address else getattr(socket, "AF_UNIX", socket.AF_INET)  # Windows has IPC in libzmq only
    peer = socket.socket(family, socket.SOCK_STREAM)
    peer.setblocking(False)
    return peer


def _where(endpoint: Endpoint, address: Address | None) -> str | tuple[str, int]:
    return (address[1], endpoint.port) if address else endpoint.socket_name


def _is_to_itself(peer: socket.socket) -> bool:
    """True for a TCP connection to itself: it was given the very port that it asks for. It is ended at once."""
    if peer.getsockname() != peer.getpeername():
        return False
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))  # frees the port
    return True
