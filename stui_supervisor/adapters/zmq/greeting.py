"""One plain TCP or IPC connection to a peer, without libzmq: for its errno, or for what it says of itself."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from stui_supervisor.adapters.zmq.resolver import Address
from stui_supervisor.config import GREETING_WAIT_S
from stui_supervisor.endpoint import Endpoint

# ZMTP 3.1 (ZeroMQ RFC 37): ten bytes of signature, two of version, twenty of mechanism, one of role, the rest filler.
# A peer tells all of them once it has the signature and the major version; more from us would let it hang up first.
_SIGNATURE: Final = b"\xff"
_HALF_GREETING: Final = b"\xff" + bytes(8) + b"\x7f\x03"
_MECHANISM: Final = slice(12, 32)
_LINGER: Final = "HH" if sys.platform == "win32" else "ii"  # of struct linger
_UNDER_WAY: Final = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY})
_UNDECIDED: Final = _UNDER_WAY | {0}  # a connection may be one to itself
_NOBODY: Final = frozenset({errno.ECONNREFUSED, errno.ENOENT})
_GREETING_BYTES: Final = 64
NULL: Final = b"NULL"
_OTHER_HALF: Final = b"\x00" + NULL.ljust(20, b"\0") + bytes(32)
# With the mechanism NULL a READY command follows: a flag, its length, its name, and properties as the socket's type.
_COMMAND: Final = b"\x04"
_READY: Final = b"\x05READY"
_SOCKET_TYPE: Final = b"\x0bSocket-Type"
_READY_MAX_BYTES: Final = 2 + 255


@dataclass(slots=True)
class PeerGreeting:
    """What a peer shows to who connects: ``said`` are its first bytes, ``has_hung_up`` that it then ended."""

    is_connected: bool = False
    said: bytes = b""
    has_hung_up: bool = False

    @property
    def is_zeromq(self) -> bool:
        """True once the greeting of a version with mechanisms has come."""
        return self.said.startswith(_SIGNATURE) and len(self.said) >= _MECHANISM.stop

    @property
    def mechanism(self) -> bytes | None:
        """What the greeting names."""
        return self.said[_MECHANISM].rstrip(b"\0") if self.is_zeromq else None

    @property
    def socket_type(self) -> str | None:
        """What kind of socket it is, where it has said so."""
        command = self.said[_GREETING_BYTES:]
        if not command.startswith(_COMMAND) or not command[2:].startswith(_READY):
            return None
        _, found, after = command[2 + len(_READY) :].partition(_SOCKET_TYPE)
        size = int.from_bytes(after[:4], "big")
        return after[4 : 4 + size].decode("ascii", "replace") if found else None


async def connect_once(endpoint: Endpoint, address: Address | None) -> None:
    """Connect and hang up. Raises OSError, as the system says it."""
    with _socket(address) as peer:
        await _connect(peer, endpoint, address)


async def mechanism_at(endpoint: Endpoint, address: Address | None) -> bytes | None:
    """What the peer greets with, however busy its image is; None for what hangs up without a greeting.

    A frozen process does neither: the caller ends the wait. Raises OSError, as the system says it.
    """
    seen = PeerGreeting()
    with _socket(address) as peer:
        await _connect(peer, endpoint, address)
        await _greet(peer, seen)
    return seen.mechanism


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
        """None while there is no answer yet, or no look could be made; True also for anything but a refusal."""
        if self._socket is None:
            return None
        if self._error in _UNDECIDED:
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


async def look_at(endpoint: Endpoint, address: Address | None) -> PeerGreeting:
    """What the peer shows within a moment, down to the kind of its socket where it lets everybody in."""
    seen = PeerGreeting()
    with suppress(TimeoutError):
        async with asyncio.timeout(GREETING_WAIT_S):
            with _socket(address) as peer, suppress(OSError):
                await _connect(peer, endpoint, address)
                seen.is_connected = seen.has_hung_up = True  # unless it goes on
                await _greet(peer, seen)
                if seen.mechanism == NULL:
                    await _shake_hands(peer, seen)
    return seen


async def _greet(peer: socket.socket, seen: PeerGreeting) -> None:
    await asyncio.get_running_loop().sock_sendall(peer, _HALF_GREETING)
    while len(seen.said) < _MECHANISM.stop and await _read(peer, seen, _MECHANISM.stop):
        pass


async def _shake_hands(peer: socket.socket, seen: PeerGreeting) -> None:
    await asyncio.get_running_loop().sock_sendall(peer, _OTHER_HALF)
    while seen.socket_type is None and await _read(peer, seen, _GREETING_BYTES + _READY_MAX_BYTES):
        pass


async def _read(peer: socket.socket, seen: PeerGreeting, most: int) -> bool:
    """Read more of what it says, up to so many bytes in all; False when there is no more."""
    if len(seen.said) >= most:
        return False
    seen.has_hung_up = False
    try:
        part = await asyncio.get_running_loop().sock_recv(peer, most - len(seen.said))
    except OSError:
        part = b""
    seen.said += part
    seen.has_hung_up = not part
    return bool(part)


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


async def _connect(peer: socket.socket, endpoint: Endpoint, address: Address | None) -> None:
    await asyncio.get_running_loop().sock_connect(peer, _where(endpoint, address))
    if address is not None and _is_to_itself(peer):
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
