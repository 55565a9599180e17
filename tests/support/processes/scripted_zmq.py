"""Sockets in place of libzmq's, for an order of events that libzmq gives by chance only.

It lets go of unread messages a moment after it has said that the connection is gone.
"""

from __future__ import annotations

import socket
from collections import deque
from struct import pack
from typing import Any

import zmq


class ScriptedSocket:
    """One whose ``messages`` are there to be read; its descriptor says so only when it is ``announced``.

    One without any frames is there, and is not given.
    """

    def __init__(self) -> None:
        self.messages: deque[list[bytes]] = deque()
        self._has_more = False
        self._own, self._other = socket.socketpair()
        self.FD = self._own.fileno()

    def announced(self) -> None:
        """Let the event loop see that there is something."""
        self._other.send(b"\0")

    def getsockopt(self, option: int) -> int:
        """Whether there is a message, or more of the one that is being read."""
        if option == zmq.RCVMORE:
            return int(self._has_more)
        assert option == zmq.EVENTS
        return int(zmq.POLLIN) if self.messages else 0

    def recv(self, _flags: int) -> bytes:
        """The next frame."""
        if not self.messages[0]:
            raise zmq.Again
        frame, *rest = self.messages.popleft()
        self._has_more = bool(rest)
        if rest:
            self.messages.appendleft(rest)
        return frame

    def recv_multipart(self, _flags: int) -> list[bytes]:
        """The next message."""
        return self.messages.popleft()

    def close(self, _linger: int) -> None:
        """End both ends of the descriptor."""
        self._own.close()
        self._other.close()

    def _nothing(self, *_arguments: Any) -> None:
        """Options, addresses and the monitor need no part in it."""

    setsockopt = connect = monitor = disable_monitor = _nothing


class ScriptedContext:
    """A context with one socket and its monitor."""

    def __init__(self) -> None:
        self.one, self.monitor = ScriptedSocket(), ScriptedSocket()

    def socket(self, kind: int) -> ScriptedSocket:
        """The monitor is what a PAIR reads."""
        return self.monitor if kind == zmq.PAIR else self.one

    def happens(self, event: int) -> None:
        """Have the monitor say it."""
        self.monitor.messages.append([pack("=Hi", event, 0), b""])
