"""A link over ZeroMQ: one DEALER socket for one attempt, never reused.

libzmq's own reconnection is off, and a message is only handed over while a peer is there: so
nothing that was asked of a dead backend reaches a restarted one. The monitor says when the peer
has completed its handshake and when it is gone; why an attempt failed, a plain TCP connection
tells better (libzmq gives no errno). Sockets are used directly with the loop's readiness, which
costs half of what ``zmq.asyncio`` adds to a request.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import zmq
from zmq.utils.monitor import parse_monitor_message

from stui_supervisor.adapters import zmq_context
from stui_supervisor.adapters.addresses import Address, resolve
from stui_supervisor.adapters.link_failures import is_greeted, why_not_connected, why_refused
from stui_supervisor.adapters.patience import patience
from stui_supervisor.adapters.readiness import Readiness
from stui_supervisor.adapters.tcp_path import TcpPath
from stui_supervisor.config import (
    LOOP_TURN_S,
    MESSAGE_MAX_BYTES,
    RECEIVE_QUEUE_LENGTH,
    STAGGER_S,
    UNFINISHED_MAX_BYTES,
)
from stui_supervisor.curve import CurveKeys
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.path import PathSample
from stui_supervisor.ports import ConnectionListener, LinkListener, LinkTimes

if TYPE_CHECKING:
    from stui_supervisor.adapters.zmq_subscription import ZmqSubscription

_UP: Final = zmq.Event.HANDSHAKE_SUCCEEDED
_CONNECTED: Final = zmq.Event.CONNECTED
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
_SNDMORE_DONTWAIT: Final = int(zmq.SNDMORE | zmq.DONTWAIT)
_FRAMES: Final = (2, 3)  # [token, b"", body]; some ROUTER servers leave out the empty one
_monitor_numbers = itertools.count()

Options = Sequence[tuple[int, int | bytes]]
L = TypeVar("L", bound=ConnectionListener)


class ZmqTransport:
    """Makes the links and subscriptions of one supervisor; to be closed after them, in the loop that made it."""

    def __init__(self) -> None:
        self._context = zmq_context.acquire()
        self._readiness = Readiness()

    def __call__(self, endpoint: Endpoint, times: LinkTimes, curve: CurveKeys | None = None) -> ZmqLink:
        """A new link, encrypted where there are keys, not yet opened."""
        return ZmqLink(self._context, self._readiness, endpoint, times, zmq.DEALER, curve=curve)

    def subscription(
        self, endpoint: Endpoint, topics: tuple[str, ...], times: LinkTimes, curve: CurveKeys | None = None
    ) -> ZmqSubscription:
        """A new subscription, as safe as its link, not yet opened."""
        from stui_supervisor.adapters.zmq_subscription import ZmqSubscription  # noqa: PLC0415  # it builds on this file

        return ZmqSubscription(self._context, self._readiness, endpoint, topics, times, curve)

    def close(self) -> None:
        """Let go of the context and what watches its sockets."""
        self._readiness.close()
        zmq_context.release()


class ZmqConnection(ABC, Generic[L]):
    """One attempt to connect to an endpoint, and the connection it becomes.

    ``kind`` is the type of the socket, ``options`` are what it needs beside those of every connection. With
    ``curve`` it is encrypted, and comes up only with the backend that has the pinned key.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        readiness: Readiness,
        endpoint: Endpoint,
        times: LinkTimes,
        kind: int,
        options: Options = (),
        curve: CurveKeys | None = None,
    ) -> None:
        self._context = context
        self._readiness = readiness
        self._endpoint = endpoint
        self._times = times
        self._kind = kind
        self._options = (*options, *_encryption(curve))
        self._curve = curve
        self._listener: L | None = None
        self._task: asyncio.Task[None] | None = None
        self._wire: _Wire | None = None
        self._address: Address | None = None
        self._racing: list[_Wire] = []
        self._was_accepted = False

    def open(self, listener: L) -> None:
        """Begin; the outcome comes as ``opened`` or ``lost``."""
        self._listener = listener
        self._task = asyncio.get_running_loop().create_task(self._establish(), name="stui-connect")

    def close(self) -> None:
        """Let go of everything; the listener hears nothing more."""
        self._listener = None
        if self._task is not None:
            self._task.cancel()
        self._drop_wire()

    @abstractmethod
    def _received(self, frames: list[bytes]) -> None:
        """One message has come."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._endpoint} {'open' if self._wire else 'not open'}>"

    async def _establish(self) -> None:
        failure: Failure | None = None
        try:
            async with patience(self._times.attempt_timeout_s):
                failure = await self._race(await self._targets())
                if failure is None:
                    return
        except TimeoutError:
            failure = Failure(FailureKind.NOT_ZEROMQ if self._was_accepted else FailureKind.TIMEOUT)
        except socket.gaierror as error:
            failure = Failure(FailureKind.NAME_NOT_FOUND, error.strerror or str(error))
        except (OSError, zmq.ZMQError) as error:
            failure = Failure(FailureKind.UNREACHABLE, str(error))
        self._end(failure)

    async def _targets(self) -> list[Address | None]:
        return [None] if self._endpoint.scheme == "ipc" else [*await resolve(self._endpoint)]

    async def _race(self, targets: list[Address | None]) -> Failure | None:
        """Try the addresses one after the other, none waiting long for the one before (RFC 8305).

        A single one is knocked at again as well: a packet that got lost is sent again by the kernel
        only after a second. None once a link is up, else the failure once every address has one.
        """
        if not targets:
            return Failure(FailureKind.NAME_NOT_FOUND, "it has no address")
        tries: dict[asyncio.Task[Failure | None], Address | None] = {}
        failures: dict[Address | None, Failure] = {}
        order = itertools.cycle(targets)
        try:
            while len(failures) < len(targets):
                if not any(wire.is_connected for wire in self._racing):
                    address = next(order)
                    if address not in failures:
                        tries[asyncio.create_task(self._try(address), name="stui-try")] = address
                done, _ = await asyncio.wait(tries, timeout=STAGGER_S, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    failure = task.result()
                    if failure is None:
                        return None
                    failures[tries.pop(task)] = failure
            return next(reversed(failures.values()))
        finally:
            for task in tries:
                task.cancel()
            self._was_accepted = any(wire.is_connected for wire in self._racing)
            self._drop_racing()

    async def _try(self, address: Address | None) -> Failure | None:
        """Connect to one address; None once the link is up."""
        outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        wire = _Wire(self, outcome, self._context, self._readiness, self._endpoint.port, self._kind)
        self._racing.append(wire)
        wire.connect(self._target(address), self._times, self._options)
        is_up = await outcome
        if wire.is_closed or self._listener is None:
            wire.close()
            return Failure(FailureKind.RESET)  # the race is over, or nobody wants the link any more
        if is_up:
            self._racing.remove(wire)
            self._wire, self._address = wire, address
            wire.watch_path()
            if self._listener is not None:
                self._listener.opened()
            if wire.failure is not None:
                self._end(wire.failure)
            else:
                wire.read()
            return None
        self._racing.remove(wire)
        wire.close()
        return await self._reason(address, wire)

    def _target(self, address: Address | None) -> str:
        if address is None:
            return str(self._endpoint)
        return str(Endpoint("tcp", host=address[1], port=self._endpoint.port))

    async def _reason(self, address: Address | None, wire: _Wire) -> Failure:
        """Why an address could not be linked to."""
        if wire.is_connected:
            return await why_refused(wire.ended_by, self._endpoint, address, self._curve)
        return await why_not_connected(self._endpoint, address)

    def _lost(self, wire: _Wire, failure: Failure) -> None:
        """The peer is gone, or says what is no message."""
        if self._wire is wire:
            self._end(failure)

    def _end(self, failure: Failure) -> None:
        listener, self._listener = self._listener, None
        self._drop_wire()
        if listener is not None:
            listener.lost(failure)

    def _drop_racing(self) -> None:
        for wire in self._racing:
            wire.close()
        self._racing.clear()

    def _drop_wire(self) -> None:
        self._drop_racing()
        if self._wire is not None:
            self._wire.close()
            self._wire = None


class ZmqLink(ZmqConnection[LinkListener]):
    """See ports.Link."""

    _knocking: asyncio.Task[None] | None = None

    def send(self, token: bytes, body: bytes) -> bool:
        """Hand one message to the peer's transport; False: it certainly was not taken."""
        return self._wire is not None and self._wire.send(token, body)

    def look(self) -> PathSample | None:
        """What the kernel knows of the connection; None elsewhere than on Linux, and for IPC."""
        return self._wire.look() if self._wire is not None else None

    def knock(self) -> None:
        """See ports.Link; knocks while one is under way are one."""
        if self._wire is not None and (self._knocking is None or self._knocking.done()):
            self._knocking = asyncio.get_running_loop().create_task(self._knock(), name="stui-knock")

    async def _knock(self) -> None:
        if await is_greeted(self._endpoint, self._address) and self._listener is not None:
            self._listener.greeted()

    def _drop_wire(self) -> None:
        super()._drop_wire()
        if self._knocking is not None:
            self._knocking.cancel()

    def _received(self, frames: list[bytes]) -> None:
        if len(frames) not in _FRAMES:
            self._end(Failure(FailureKind.PROTOCOL, f"a reply of {len(frames)} frames"))
        elif self._listener is not None:
            self._listener.received(frames[0], frames[-1])


class _Wire:
    """One socket and its monitor."""

    def __init__(
        self,
        owner: ZmqConnection[Any],
        outcome: asyncio.Future[bool],
        context: zmq.Context[zmq.Socket[bytes]],
        readiness: Readiness,
        port: int,
        kind: int,
    ) -> None:
        self._owner = owner
        self._outcome = outcome
        self._readiness = readiness
        self.is_closed = False
        self.is_connected = False
        self.failure: Failure | None = None
        self.ended_by = 0
        self._connection: int | None = None
        self._path: TcpPath | None = None
        self._is_read = False
        self._port = port
        self._socket = context.socket(kind)
        try:
            self._monitor = context.socket(zmq.PAIR)
        except zmq.ZMQError:
            self._socket.close(0)
            raise
        self._descriptors = (self._socket.FD, self._monitor.FD)

    def connect(self, target: str, times: LinkTimes, options: Options) -> None:
        """Begin to connect; ``outcome`` is True once the handshake is done, False when it failed."""
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.IMMEDIATE, 1),
            (zmq.RECONNECT_IVL, -1),
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
        self._readiness.watch(self._descriptors[1], self._drain_monitor)
        self._socket.connect(target)
        self._drain_monitor()

    def send(self, token: bytes, body: bytes) -> bool:
        """Hand over one message, or say that no peer takes it."""
        try:
            self._socket.send(token, _SNDMORE_DONTWAIT)
            self._socket.send(b"", _SNDMORE_DONTWAIT)
            self._socket.send(body, _DONTWAIT)
        except zmq.ZMQError:
            return False
        # The descriptor tells edges only, and sending may have used up one that announced a reply.
        if _has_input(self._socket):
            self._drain_later()
        return True

    def look(self) -> PathSample | None:
        """What the kernel knows of the connection. A message without an end, which libzmq would keep, ends it."""
        if self._path is None:
            return None
        sample = self._path.look()
        if self._path.unfinished_bytes > UNFINISHED_MAX_BYTES and not _has_input(self._socket):
            endless = Failure(FailureKind.PROTOCOL, "a reply without an end")
            asyncio.get_running_loop().call_soon(self._fail, endless)
        return sample

    def close(self) -> None:
        """Close in the one order that neither leaks nor hangs."""
        if self.is_closed:
            return
        self.is_closed = True
        if self._path is not None:
            self._path.close()
        for descriptor in self._descriptors:
            self._readiness.forget(descriptor)
        with contextlib.suppress(zmq.ZMQError):
            self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(0)
        if not self._outcome.done():
            self._outcome.cancel()

    def _drain(self) -> None:
        ends = monotonic() + LOOP_TURN_S
        while self._is_read and not self.is_closed and _has_input(self._socket):
            frames = self._socket.recv_multipart(_DONTWAIT)
            if self._path is not None:
                self._path.message_came()
            self._owner._received(frames)  # noqa: SLF001  # two halves of one connection
            if monotonic() >= ends:
                # A flood must not keep the loop; the descriptor would not announce what is left.
                self._drain_later()
                return

    def _drain_later(self) -> None:
        asyncio.get_running_loop().call_soon(self._drain)

    def _drain_monitor(self) -> None:
        while not self.is_closed and _has_input(self._monitor):
            event = parse_monitor_message(self._monitor.recv_multipart(_DONTWAIT))
            if event["event"] & _CONNECTED:
                self.is_connected = True
                self._connection = event["value"]
            elif event["event"] & _UP:
                if not self._outcome.done():
                    self._outcome.set_result(True)
            elif not self._outcome.done():
                self.ended_by = event["event"]
                self._outcome.set_result(False)
            else:
                self._drain()  # replies that came before the end still count
                self._fail(Failure(FailureKind.RESET))

    def watch_path(self) -> None:
        """Have the kernel's view of the connection at hand; libzmq has it open still, as far as it has said."""
        if self.failure is None and self._connection is not None:
            self._path = TcpPath.of(self._connection, self._port)

    def read(self) -> None:
        """Hand on what has come and what comes; nothing is said before the listener knows of the connection."""
        if not self.is_closed:
            self._is_read = True
            self._readiness.watch(self._descriptors[0], self._drain)
            self._drain_later()  # the descriptor does not announce what has come before

    def _fail(self, failure: Failure) -> None:
        self.failure = failure  # a connection that opens and breaks in one go is told in this order
        self._owner._lost(self, failure)  # noqa: SLF001  # as above


def _encryption(curve: CurveKeys | None) -> Options:
    if curve is None:
        return ()
    return (
        (zmq.CURVE_SERVERKEY, curve.server.encode()),
        (zmq.CURVE_PUBLICKEY, curve.public.encode()),
        (zmq.CURVE_SECRETKEY, curve.secret.reveal().encode()),
    )


def _has_input(source: zmq.Socket[bytes]) -> bool:
    return bool(int(source.getsockopt(_EVENTS)) & _POLLIN)
