"""One ZeroMQ socket with its monitor.

Sockets are used directly with the loop's readiness, which costs half of what ``zmq.asyncio`` adds to a request.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
from collections.abc import Callable
from struct import Struct
from time import monotonic
from typing import Final

import zmq

from stui_supervisor.adapters.zmq.connection_plan import ConnectionPlan, Options
from stui_supervisor.adapters.zmq.connection_view import ConnectionView
from stui_supervisor.adapters.zmq.intake import Intake
from stui_supervisor.config import (
    FRAMES_MAX,
    LOOP_TURN_S,
    MESSAGE_MAX_BYTES,
    RECEIVE_QUEUE_LENGTH,
    RECONNECT_NEVER_MS,
)
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.health.sample import PathSample

_UP: Final = int(zmq.Event.HANDSHAKE_SUCCEEDED)
_CONNECTED: Final = int(zmq.Event.CONNECTED)
_GONE: Final = (
    zmq.Event.CLOSED
    | zmq.Event.DISCONNECTED
    | zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
    | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
    | zmq.Event.HANDSHAKE_FAILED_AUTH
)
# Plain integers where every message passes: zmq's flags are enums, which cost more than the calls.
_EVENTS: Final = int(zmq.EVENTS)
_POLLIN: Final = int(zmq.POLLIN)
_DONTWAIT: Final = int(zmq.DONTWAIT)
_RCVMORE: Final = int(zmq.RCVMORE)
_SNDMORE_DONTWAIT: Final = int(zmq.SNDMORE | zmq.DONTWAIT)
# The first frame of what a monitor says: the event and its value (zmq_socket_monitor(3)). zmq.utils.monitor reads it
# too, and brings zmq.asyncio along.
_EVENT: Final = Struct("=Hi")
_monitor_numbers = itertools.count()


class MonitoredSocket:
    """One socket and its monitor.

    It never reconnects, and is thrown away when its connection ends. With IMMEDIATE, and where RECONNECT_IVL is off
    altogether, libzmq ends the queue between its thread and ours as soon as a connection breaks, also halfway through
    a message, and then aborts the whole process when the rest is read (libzmq 4.3.5, an assertion in fq.cpp).

    ``received`` is called with each message from ``read`` on, ``lost`` when the peer of a connection that was up
    is gone, or says what is no message. ``outcome`` is True once it is up, False when it failed.
    """

    def __init__(
        self,
        plan: ConnectionPlan,
        kind: int,
        received: Callable[[list[bytes]], None],
        lost: Callable[[MonitoredSocket, Failure], None],
    ) -> None:
        self._plan = plan
        self.kind = kind
        self._received = received
        self._lost = lost
        self.outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.is_closed = False
        self.failure: Failure | None = None
        self.ended_by = 0
        self._view: ConnectionView | None = None
        self._intake: Intake | None = None
        self._is_read = False
        self._is_due = False
        self._socket = plan.context.socket(kind)
        try:
            self._monitor = plan.context.socket(zmq.PAIR)
        except zmq.ZMQError:
            self._socket.close(0)
            raise
        self._descriptors = (self._socket.FD, self._monitor.FD)

    def connect(self, target: str, options: Options) -> None:
        """Begin to connect."""
        times = self._plan.times
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.IMMEDIATE, 0),
            (zmq.RECONNECT_IVL, RECONNECT_NEVER_MS),
            (zmq.RCVHWM, RECEIVE_QUEUE_LENGTH),
            (zmq.MAXMSGSIZE, MESSAGE_MAX_BYTES),
            (zmq.IPV6, 1),
            (zmq.HEARTBEAT_IVL, round(times.heartbeat_interval_s * 1000)),
            (zmq.HEARTBEAT_TIMEOUT, round(times.heartbeat_timeout_s * 1000)),
            *options,
        ):
            self._socket.setsockopt(option, value)
        self._monitor.setsockopt(zmq.LINGER, 0)
        address = f"inproc://stui-link-{next(_monitor_numbers)}"
        self._socket.monitor(address, _UP | _CONNECTED | _GONE)
        self._monitor.connect(address)
        self._plan.readiness.watch(self._descriptors[1], self._drain_monitor)
        self._socket.connect(target)
        self._drain_monitor()

    def send(self, token: bytes, body: bytes) -> bool:
        """Hand over one message, or say that no peer takes it."""
        if self._plan.readiness.is_of_parent:
            return False
        if self._has_input(self._monitor):  # once it is up a monitor has nothing to say but its end
            asyncio.get_running_loop().call_soon(self._drain_monitor)
            return False
        try:
            self._socket.send(token, _SNDMORE_DONTWAIT)
            self._socket.send(b"", _SNDMORE_DONTWAIT)
            self._socket.send(body, _DONTWAIT)
        except zmq.ZMQError:
            return False
        if self._intake is not None:
            self._intake.expect()
        # The descriptor tells edges only, and sending may have used up one that announced a reply.
        if self._has_input(self._socket):
            self._drain_later()
        return True

    def look(self) -> PathSample | None:
        """What the kernel knows of the connection."""
        sample = None if self._view is None else self._view.look()
        if self._intake is not None:
            self._intake.rest_if_idle()
        return sample

    def has_more(self) -> bool:
        """True while messages wait that were not handed on; they come later."""
        if self.is_closed or not self._has_input(self._socket):
            return False
        self._drain_later()  # to ask has used up what announced them
        return True

    def close(self) -> None:
        """Close in the one order that neither leaks nor hangs."""
        if self.is_closed:
            return
        self.is_closed = True
        if self._plan.readiness.is_of_parent:
            return  # it is another's, see _has_input
        if self._intake is not None:
            self._intake.close()
        if self._view is not None:
            self._view.close()
        for descriptor in self._descriptors:
            self._plan.readiness.forget(descriptor)
        with contextlib.suppress(zmq.ZMQError):
            self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(0)
        if not self.outcome.done():
            self.outcome.cancel()

    def _drain(self) -> None:
        ends = monotonic() + LOOP_TURN_S
        while self._is_read and not self.is_closed and self._has_input(self._socket):
            try:
                frames = self._message()
            except zmq.Again:
                return  # of a message that was on its way when the connection broke libzmq tells all the same
            if frames is None:
                self._fail(Failure(FailureKind.PROTOCOL, f"a message of more than {FRAMES_MAX} frames"))
                return
            if self._intake is not None:
                self._intake.message_came()
            self._received(frames)
            if monotonic() >= ends:
                # A flood must not keep the loop; the descriptor would not announce what is left.
                self._drain_later()
                return

    def _message(self) -> list[bytes] | None:
        """The next message; None for one of so many frames that reading them all would keep the loop."""
        frames: list[bytes] = []
        while len(frames) < FRAMES_MAX:
            frames.append(self._socket.recv(_DONTWAIT))
            if not self._socket.getsockopt(_RCVMORE):
                return frames
        return None

    def _drain_later(self) -> None:
        """Read in the next turn of the loop; once, however often it is asked for."""
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._drain_now)

    def _drain_now(self) -> None:
        self._is_due = False
        self._drain()

    def _arrives(self) -> None:
        if not self._is_due:
            self._drain()

    def _drain_monitor(self) -> None:
        while not self.is_closed and self._has_input(self._monitor):
            head, *_ = self._monitor.recv_multipart(_DONTWAIT)
            event, value = _EVENT.unpack(head)
            if event & _CONNECTED:
                self._view = ConnectionView(value, self._plan.endpoint.port)
                self._watch_intake(self._view)
            elif event & _UP:
                if self._intake is not None:
                    self._intake.handshake_ended()
                if not self.outcome.done():
                    self.outcome.set_result(True)
            elif not self.outcome.done():
                self.ended_by = event
                self.outcome.set_result(False)
            else:
                self._drain()  # replies that came before the end still count
                self._fail(Failure(FailureKind.RESET, self._how_it_ended()))

    def _how_it_ended(self) -> str:
        if self._view is None:
            return ""
        message_max_bytes = int(self._socket.getsockopt(zmq.MAXMSGSIZE))
        return self._view.how_it_ended(self._plan.times.heartbeat_timeout_s, message_max_bytes)

    @property
    def is_connected(self) -> bool:
        """True once the other end has accepted."""
        return self._view is not None

    @property
    def is_here(self) -> bool:
        """True where the other end of a TCP connection is on this machine."""
        return self._view is not None and self._view.is_here

    @property
    def came_bytes(self) -> int | None:
        """What has come so far; None where the kernel does not tell."""
        sample = self._view.look() if self._view is not None else None
        return sample.received_bytes if sample is not None else None

    @property
    def received_bytes(self) -> int | None:
        """What has come so far; 0 where no kernel counts it, None where the connection ended before a look."""
        is_counted = self._view is not None and self._view.tcp is not None
        if not is_counted and (sys.platform != "linux" or not self._plan.endpoint.port):
            return 0
        return self.came_bytes

    def peer_user(self) -> int:
        """The user of the process at the other end of an IPC connection. Raises OSError when it is gone already."""
        if self._view is None:
            raise OSError(0, "it is not known")
        return self._view.peer_user()

    def read(self) -> None:
        """Hand on what has come and what comes. To be called once the listener knows that the connection is up."""
        if not self.is_closed:
            self._is_read = True
            self._plan.readiness.watch(self._descriptors[0], self._arrives)
            self._drain_later()  # the descriptor does not announce what has come before

    def _watch_intake(self, view: ConnectionView) -> None:
        if view.connection is None:
            return

        def is_whole() -> bool:
            has_input = self._is_read and self._has_input(self._socket)  # what comes before is not read
            if has_input:  # to ask has used up what announced it
                self._drain_later()
            return has_input

        def overrun(why: str) -> None:
            if self.outcome.done():
                self._fail(Failure(FailureKind.PROTOCOL, why))
            else:  # no greeting, or none after it
                self.ended_by = zmq.Event.HANDSHAKE_FAILED_PROTOCOL
                self.outcome.set_result(False)

        self._intake = Intake(
            view.connection,
            view.tcp,
            self._plan.readiness,
            is_whole,
            overrun,
            in_clear=self._plan.curve is None,
            rests=self.kind == zmq.DEALER,
        )
        self._intake.watch()

    def _has_input(self, source: zmq.Socket[bytes]) -> bool:
        """True when the socket can be read. Never in a forked child, where a call of libzmq would block for ever."""
        return not self._plan.readiness.is_of_parent and bool(int(source.getsockopt(_EVENTS)) & _POLLIN)

    def _fail(self, failure: Failure) -> None:
        self.failure = failure  # a connection that opens and breaks in one go is told in this order
        self._lost(self, failure)
