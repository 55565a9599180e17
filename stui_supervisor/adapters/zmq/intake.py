"""A message on its way in: what has come of it is watched, so that one that never ends does not fill the memory.

libzmq hands over whole messages only. It bounds each frame, but neither how many there are nor what they take: an empty
frame has two bytes on the way and some seventy here. So we look into the connection ourselves, through a descriptor of
our own and without taking anything, as long as something comes and no message has become whole:

- Linux counts what a TCP connection has received; above ``UNFINISHED_MAX_BYTES`` it is no message of STUI's.
- In the clear a message of very many frames shows: their heads are bytes that no JSON text has.
- Where nothing is counted (IPC, macOS), a stream that never lets up and makes the process grow is none either.

An image that computes sends nothing meanwhile, and is never taken for one of these. On Windows no descriptor can be
had, so nothing is seen there.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import Final

from stui_supervisor.adapters.host.readiness import Readiness
from stui_supervisor.adapters.zmq.tcp_info import TcpInfo
from stui_supervisor.config import (
    CROWDED_FROM_BYTES,
    CROWDED_LOOKS,
    CROWDED_PART,
    CROWDED_READ_BYTES,
    HANDSHAKE_MAX_BYTES,
    INTAKE_LOOK_S,
    PEEK_BYTES,
    STREAM_GROWTH_BYTES,
    STREAM_LOOKS,
    STREAM_PART,
    UNFINISHED_MAX_BYTES,
)

ENDLESS: Final = "a message without an end"
CROWDED: Final = "a message of very many frames"
_NOT_IN_JSON: Final = bytes(range(9))  # the flags of a frame, and most of the bytes of a long frame's size
_INT: Final = struct.Struct("=i")


class Intake:
    """Watches one connection from ``watch`` until ``close``; ``overrun`` is told once why it has to end.

    ``is_whole`` is asked whether libzmq has a whole message for us. ``in_clear``: nothing is encrypted.
    With ``rests`` nothing is to come but replies and heartbeats, so that it looks only while a reply is awaited.
    """

    def __init__(
        self,
        connection: socket.socket,
        path: TcpInfo | None,
        readiness: Readiness,
        is_whole: Callable[[], bool],
        overrun: Callable[[str], None],
        *,
        in_clear: bool,
        rests: bool,
    ) -> None:
        self._connection = connection
        self._path = path
        self._readiness = readiness
        self._is_whole = is_whole
        self._overrun = overrun
        self._in_clear = in_clear
        self._rests = rests
        self._is_watched = False
        self._is_expecting = True  # the handshake
        self._has_ended = False
        self._max_bytes = HANDSHAKE_MAX_BYTES
        self._timer: asyncio.TimerHandle | None = None
        self._uncounted: _UncountedMessage | None = None

    def expect(self) -> None:
        """A request was sent: watch until its reply has come."""
        self._is_expecting = True
        if not self._is_watched and self._timer is None and not self._has_ended:
            self.watch()

    def rest_if_idle(self) -> None:
        """The connection was just looked at. While nothing is to come each heartbeat would wake this process.

        So then what comes unasked is seen here only, at the next look at an idle link, two seconds later at most.
        """
        if self._rests and self._path is not None and not self._is_expecting and self._timer is None:
            if self._path.unfinished_bytes > HANDSHAKE_MAX_BYTES:
                self.expect()
            else:
                self._look_away()

    def watch(self) -> None:
        """Be told when something comes."""
        self._timer = None
        self._is_watched = True
        self._readiness.watch(self._connection.fileno(), self._arrives)

    def handshake_ended(self) -> None:
        """The handshake is over: from now on the limit is that of messages."""
        self._max_bytes = UNFINISHED_MAX_BYTES

    def message_came(self) -> None:
        """A whole message has come: what comes from now on belongs to the next one."""
        self._is_expecting = False
        self._uncounted = None
        if self._path is not None:
            self._path.message_came()

    def close(self) -> None:
        """Look no more."""
        self._has_ended = True
        if self._timer is not None:
            self._timer.cancel()
        self._look_away()

    def _look_away(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._readiness.forget(self._connection.fileno())

    def _arrives(self) -> None:
        """Something has come. As long as more comes it is looked at by the clock: an event for each costs more."""
        if self._judge() or self._has_ended:
            return
        self._look_away()
        self._timer = asyncio.get_running_loop().call_later(INTAKE_LOOK_S, self._look)

    def _look(self) -> None:
        is_quiet = self._judge()
        if self._has_ended:
            return
        if is_quiet:
            self.watch()
        else:
            self._timer = asyncio.get_running_loop().call_later(INTAKE_LOOK_S, self._look)

    def _judge(self) -> bool:
        """End the connection if what comes is no message; True when nothing waits to be read."""
        if self._is_whole():
            self.message_came()
            return True
        waiting_bytes, seen = self._peek()
        if self._path is not None:
            self._path.look()
            why = self._of_counted(self._path.unfinished_bytes - waiting_bytes, seen)
        else:
            why = self._of_uncounted(seen)
        if why is not None:
            self.close()
            self._overrun(why)
        return not seen

    def _of_counted(self, taken_bytes: int, seen: bytes) -> str | None:
        """``taken_bytes`` are what libzmq has taken of the unfinished message."""
        if taken_bytes > self._max_bytes:
            return ENDLESS
        return CROWDED if taken_bytes > CROWDED_READ_BYTES and self._is_crowded(seen) else None

    def _of_uncounted(self, seen: bytes) -> str | None:
        if self._uncounted is None:
            self._uncounted = _UncountedMessage()
        return self._uncounted.judge(seen, is_crowded=self._is_crowded(seen))

    def _is_crowded(self, seen: bytes) -> bool:
        heads = len(seen) - len(seen.translate(None, _NOT_IN_JSON))
        return self._in_clear and len(seen) >= CROWDED_FROM_BYTES and heads > CROWDED_PART * len(seen)

    def _peek(self) -> tuple[int, bytes]:
        """How many bytes libzmq has not taken yet, and the first of them."""
        import fcntl  # noqa: PLC0415  # not on Windows
        import termios  # noqa: PLC0415  # as above

        try:
            waiting = _INT.unpack(fcntl.ioctl(self._connection, termios.FIONREAD, bytes(_INT.size)))[0]
            seen = self._connection.recv(PEEK_BYTES, socket.MSG_PEEK)
        except BlockingIOError:
            return 0, b""
        except OSError:
            waiting, seen = 0, b""
        if not seen:  # it has ended, as libzmq will tell
            self.close()
        return waiting, seen


class _UncountedMessage:
    """An unfinished message of a connection whose bytes the system does not count: judged by look after look."""

    def __init__(self) -> None:
        self._looks = self._full_looks = self._crowded_looks = 0
        self._grown_from: int | None = None

    def judge(self, seen: bytes, *, is_crowded: bool) -> str | None:
        """Why the connection has to end, if it has to; ``seen`` are the bytes that libzmq has not taken yet."""
        self._crowded_looks += is_crowded
        if self._crowded_looks >= CROWDED_LOOKS:
            return CROWDED
        if not self._full_looks and not seen:
            return None
        self._looks += 1
        self._full_looks += bool(seen)
        if self._grown_from is None:
            self._grown_from = resident_bytes()
        if self._looks < STREAM_LOOKS:
            return None
        if self._full_looks < STREAM_PART * self._looks:
            self._looks = self._full_looks = self._crowded_looks = 0
            self._grown_from = None
            return None
        return ENDLESS if resident_bytes() - self._grown_from > STREAM_GROWTH_BYTES else None


def resident_bytes() -> int:
    """What this process holds in memory; elsewhere than on Linux the most that it ever held."""
    if sys.platform == "linux":
        descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return int(os.read(descriptor, 200).split()[1]) * os.sysconf("SC_PAGE_SIZE")
        finally:
            os.close(descriptor)
    import resource  # noqa: PLC0415  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
