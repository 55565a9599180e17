"""What the kernel knows of a TCP connection that libzmq owns. Linux only; elsewhere there is nothing to look at."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from enum import Enum
from typing import Final

from stui_supervisor.health.sample import PathSample

# struct tcp_info of linux/tcp.h: 8 bytes, 24 words of 32 bits, 4 of 64 bits, 3 of 32 bits.
_LAYOUT: Final = struct.Struct("=8B24I4Q3I")
_PROBES: Final = 3
_UNACKED: Final = 8 + 4
_LAST_DATA_RECEIVED: Final = 8 + 11
_LAST_ACK_RECEIVED: Final = 8 + 12
_BYTES_ACKED: Final = 8 + 24 + 2
_BYTES_RECEIVED: Final = 8 + 24 + 3
_NOT_SENT: Final = 8 + 24 + 4 + 2
_ABORT: Final = struct.pack("ii", 1, 0)
_MS_PER_S: Final = 1000


class TcpEnd(Enum):
    """Who has ended a connection."""

    NOBODY = 1
    OTHER_SIDE = 2
    CUT = 3
    UNKNOWN = 4


_ENDS: Final = {
    1: TcpEnd.NOBODY,
    7: TcpEnd.CUT,
    8: TcpEnd.OTHER_SIDE,
}  # ESTABLISHED, CLOSE and CLOSE_WAIT


class TcpInfo:
    """Looks at one connection through a descriptor that is not libzmq's.

    ``unfinished_bytes`` is what has come, as of the last look, since the first look after the last whole message.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._finished_bytes: int | None = None
        self.unfinished_bytes = 0

    def message_came(self) -> None:
        """A whole message has come: ``unfinished_bytes`` counts from the next look on."""
        self._finished_bytes = None

    @classmethod
    def of(cls, connection: socket.socket) -> TcpInfo | None:
        """The connection, if this system lets us look."""
        path = cls(connection)
        return path if sys.platform == "linux" and path.look() is not None else None

    def look(self) -> PathSample | None:
        """Ask the kernel, in a few microseconds; None where it does not tell: before 4.6, or of a closed connection."""
        try:
            raw = self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAYOUT.size)
        except OSError:
            return None
        if len(raw) < _LAYOUT.size:
            return None
        fields = _LAYOUT.unpack(raw)
        received_bytes, unacked, not_sent = fields[_BYTES_RECEIVED], fields[_UNACKED], fields[_NOT_SENT]
        if self._finished_bytes is None:
            self._finished_bytes = received_bytes
        self.unfinished_bytes = received_bytes - self._finished_bytes
        return PathSample(
            received_ago_s=fields[_LAST_DATA_RECEIVED] / _MS_PER_S,
            acked_ago_s=fields[_LAST_ACK_RECEIVED] / _MS_PER_S,
            received_bytes=received_bytes,
            acked_bytes=fields[_BYTES_ACKED],
            has_outstanding=bool(unacked or not_sent),
            # Its window is closed. It says so each time it is asked, until the path is gone.
            is_held_back=bool(not_sent and not unacked and fields[_PROBES] <= 1),
        )

    @property
    def end(self) -> TcpEnd:
        """How the connection has ended, as far as the kernel knows; where libzmq itself ended it, that is NOBODY."""
        try:
            state = self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        except (OSError, IndexError):
            return TcpEnd.UNKNOWN
        return _ENDS.get(state, TcpEnd.UNKNOWN)

    def abort(self) -> None:
        """Have the kernel drop what the peer has not acknowledged at the close, instead of sending it later."""
        with contextlib.suppress(OSError):
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
