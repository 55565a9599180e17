"""The connection behind a socket of libzmq's, seen through a descriptor of our own."""

from __future__ import annotations

import os
import socket
import sys

from stui_supervisor.adapters.zmq.ipc_owner import user_at
from stui_supervisor.adapters.zmq.tcp_info import TcpEnd, TcpInfo
from stui_supervisor.health.sample import PathSample


class ConnectionView:
    """What can be seen of the connection with libzmq's ``descriptor``, to ``port`` or, where that is 0, over IPC.

    ``connection`` is None where the system lets nobody look, ``tcp`` elsewhere than on Linux over TCP. ``is_here`` is
    True where the other end of a TCP connection is on this machine.
    """

    def __init__(self, descriptor: int, port: int) -> None:
        self._descriptor = descriptor
        self.connection = look_into(descriptor, port)
        self.tcp = TcpInfo.of(self.connection) if self.connection is not None and port else None
        self.is_here = self.connection is not None and bool(port) and _has_one_address(self.connection)

    def look(self) -> PathSample | None:
        """What the kernel knows of it; None where it does not tell."""
        return None if self.tcp is None else self.tcp.look()

    def peer_user(self) -> int:
        """The user of the process at the other end of an IPC connection. Raises OSError when it is gone already."""
        return user_at(self._descriptor)

    def how_it_ended(self, silent_after_s: float, message_max_bytes: int) -> str:
        """What the kernel knows of the end of a connection that was up; nothing elsewhere than on Linux over TCP.

        libzmq gives one up after ``silent_after_s`` without a word, and for a frame above ``message_max_bytes``.
        """
        sample = self.look()
        match self.tcp.end if self.tcp is not None else TcpEnd.UNKNOWN:
            case TcpEnd.OTHER_SIDE:
                return "the other end closed it"
            case TcpEnd.CUT:
                return "the other end or the network cut it"
            case TcpEnd.NOBODY if sample is not None:
                # libzmq itself gave it up: for want of a heartbeat, or of what it can take for a message.
                if sample.received_ago_s >= silent_after_s:
                    return f"nothing was heard for {sample.received_ago_s:.1f} s"
                return f"what came was above {message_max_bytes:,} bytes, or no message"
            case _:
                return ""

    def close(self) -> None:
        """Look no more; what the other side has not got by now is dropped."""
        if self.tcp is not None:
            self.tcp.abort()
        if self.connection is not None:
            self.connection.close()


def look_into(descriptor: int, port: int) -> socket.socket | None:
    """The connection behind libzmq's descriptor, to ``port`` or over IPC; None where the system does not let us.

    libzmq may have closed it meanwhile, and the number may belong to something else by now.
    """
    if sys.platform == "win32":
        return None
    try:
        own = os.dup(descriptor)
    except OSError:
        return None
    try:
        connection = socket.socket(fileno=own)
    except OSError:
        os.close(own)
        return None
    try:
        peer = connection.getpeername()
        is_it = peer[1] == port if port else connection.family == socket.AF_UNIX
    except (OSError, IndexError, TypeError):
        is_it = False
    if is_it:
        connection.setblocking(False)  # as libzmq has set it
        return connection
    connection.close()
    return None


def _has_one_address(connection: socket.socket) -> bool:
    try:
        return bool(connection.getsockname()[0] == connection.getpeername()[0])
    except OSError:
        return False
