"""One connection over ZeroMQ: every address of an endpoint is tried, and the first that shakes hands is it.

libzmq's own reconnection is off. The monitor says when the peer has completed its handshake and when it is gone; why an
attempt failed, a plain TCP connection tells better (libzmq gives no errno).
"""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, Generic, TypeVar

import zmq

from stui_supervisor.adapters.host.readiness import Readiness
from stui_supervisor.adapters.host.worker import in_thread
from stui_supervisor.adapters.zmq.diagnosis import not_made, why_not_connected, why_refused, why_unfinished
from stui_supervisor.adapters.zmq.ipc_owner import can_be_asked, trusted_users, user_name
from stui_supervisor.adapters.zmq.monitored_socket import MonitoredSocket, Options
from stui_supervisor.adapters.zmq.resolver import Address, Resolver
from stui_supervisor.adapters.zmq.time_limit import time_limit
from stui_supervisor.config import GREETING_WAIT_S, STAGGER_S
from stui_supervisor.endpoint import Endpoint, is_loopback
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.ports import ConnectionListener, LinkTimes
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.trust import ANYONE, Trust

_THIS_MACHINE: Final = Endpoint("tcp", host="localhost", port=1)
_NAME_UNKNOWN: Final = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
# How an address may fail, the one that got furthest first; one that has no way to it says the least.
_FURTHEST: Final = (
    FailureKind.IPC_OWNER,
    FailureKind.KEY_REFUSED,
    FailureKind.OTHER_MECHANISM,
    FailureKind.OTHER_SOCKET,
    FailureKind.NOT_ZEROMQ,
    FailureKind.NO_HANDSHAKE,
    FailureKind.RESET,
    FailureKind.REFUSED,
    FailureKind.TIMEOUT,
    FailureKind.UNREACHABLE,
    FailureKind.NO_CONNECTION,
)

L = TypeVar("L", bound=ConnectionListener)


class ZmqConnection(ABC, Generic[L]):
    """One attempt to connect to an endpoint, and the connection it becomes.

    ``kind`` is the type of the socket, ``options`` are what it needs beside those of every connection. With
    ``curve`` it is encrypted, and comes up only with the backend that has the pinned key; ``trust`` is what has to be
    true of the other end beside.
    """

    def __init__(  # noqa: PLR0913  # what connections share, and all that makes this one another
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        readiness: Readiness,
        resolver: Resolver,
        endpoint: Endpoint,
        times: LinkTimes,
        kind: int,
        options: Options = (),
        *,
        curve: CurveKeys | None = None,
        trust: Trust = ANYONE,
    ) -> None:
        self._context = context
        self._readiness = readiness
        self._resolver = resolver
        self._endpoint = endpoint
        self._times = times
        self._kind = kind
        self._options = (*options, *_encryption(curve))
        self._curve = curve
        self._trust = trust
        self._users: frozenset[int] = frozenset()
        self._listener: L | None = None
        self._task: asyncio.Task[None] | None = None
        self._wire: MonitoredSocket | None = None
        self._address: Address | None = None
        self._racing: dict[MonitoredSocket, Address | None] = {}
        self._unfinished: tuple[Address | None, int | None] | None = None
        self._out_of_time = Failure(FailureKind.NAME_SERVICE)  # what else comes before the race takes no time

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
            async with time_limit(self._times.attempt_timeout_s):
                targets = await self._targets()
                failure = targets if isinstance(targets, Failure) else await self._race(targets)
                if failure is None:
                    return
        except TimeoutError:
            failure = await self._why_out_of_time()
        except socket.gaierror as error:
            is_unknown = error.errno in _NAME_UNKNOWN
            kind = FailureKind.NAME_NOT_FOUND if is_unknown else FailureKind.NAME_SERVICE
            failure = Failure(kind, error.strerror or str(error))
        except OSError as error:
            failure = not_made(error)
        except zmq.ZMQError as error:
            failure = Failure(FailureKind.NO_CONNECTION, str(error))
        self._end(failure)

    async def _why_out_of_time(self) -> Failure:
        """What the attempt's time was spent on, and why the farthest it got was no handshake."""
        if self._unfinished is None:
            return self._out_of_time
        address, received_bytes = self._unfinished
        unfinished = await why_unfinished(self._endpoint, address, self._curve, received_bytes, self._kind)
        return _most_telling((unfinished, self._out_of_time))

    async def _targets(self) -> list[Address | None] | Failure:
        """Where to connect to: every address that may be the other end's."""
        if self._endpoint.scheme == "ipc":
            users = await _trusted_users(self._trust.ipc_owner)
            if isinstance(users, Failure):
                return users
            self._users = users
            return await self._why_not_this_machine() or [None]
        found = await self._resolver.addresses(self._endpoint)
        if not self._trust.only_loopback:
            return [*found]
        safe: list[Address | None] = [address for address in found if is_loopback(address[1])]
        if found and not safe:
            leads = f"{self._endpoint.host} leads to {found[0][1]} here"
            return Failure(FailureKind.TOKEN_IN_CLEAR, leads)
        return safe

    async def _why_not_this_machine(self) -> Failure | None:
        """Why a socket is not that of the backend that was linked to by the name of this machine, if it is not."""
        if not self._trust.only_loopback:
            return None
        for address in await self._resolver.addresses(_THIS_MACHINE):
            if not is_loopback(address[1]):
                return Failure(FailureKind.TOKEN_IN_CLEAR, f"{_THIS_MACHINE.host} leads to {address[1]} here")
        return None

    async def _race(self, targets: list[Address | None]) -> Failure | None:
        """Try the addresses one after the other, none waiting long for the one before (RFC 8305).

        Each is tried again as well, until it accepts: a packet that got lost is sent again by the kernel
        only after a second, but a handshake may need its time. None once a link is up, else the failure
        that tells most once every address has one.
        """
        if not targets:
            return Failure(FailureKind.NAME_NOT_FOUND, "it has no address")
        tries: dict[asyncio.Task[Failure | None], Address | None] = {}
        failures: dict[Address | None, Failure] = {}
        order = list(targets)
        try:
            while len(failures) < len(targets):
                done_with = {address for wire, address in self._racing.items() if wire.is_connected} | failures.keys()
                if waiting := [address for address in order if address not in done_with]:
                    address = waiting[0]
                    order.remove(address)
                    order.append(address)
                    if address is not None:
                        self._resolver.begins(address)
                    tries[asyncio.create_task(self._try(address), name="stui-try")] = address
                done, _ = await asyncio.wait(tries, timeout=STAGGER_S, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    failure = task.result()
                    if failure is None:
                        return None
                    failures[tries.pop(task)] = failure
            return _most_telling(failures.values())
        finally:
            for task in tries:
                task.cancel()
            accepted = ((address, wire) for wire, address in self._racing.items() if wire.is_connected)
            self._unfinished = next(((address, wire.came_bytes) for address, wire in accepted), None)
            self._out_of_time = _most_telling((Failure(FailureKind.TIMEOUT), *failures.values()))
            self._drop_racing()

    async def _try(self, address: Address | None) -> Failure | None:
        """Connect to one address; None once the link is up."""
        wire = MonitoredSocket(
            self._received,
            self._lost,
            self._context,
            self._readiness,
            self._endpoint.port,
            self._kind,
            in_clear=self._curve is None,
        )
        self._racing[wire] = address
        wire.connect(self._target(address), self._times, self._options)
        is_up = await wire.outcome
        if is_up and not wire.is_closed and self._users:
            refusal = await self._refusal(wire)
            if refusal is not None:
                wire.close()
                return refusal
        if wire.is_closed or self._listener is None or self._wire is not None:
            wire.close()
            return Failure(FailureKind.RESET)  # the race is over, or nobody wants the link any more
        del self._racing[wire]
        if is_up:
            self._wire, self._address = wire, address
            if address is not None:
                self._resolver.succeeded(address)
            if self._listener is not None:
                self._listener.opened()
            if wire.failure is not None:
                self._end(wire.failure)
            else:
                wire.read()
            return None
        received_bytes = wire.received_bytes
        wire.close()
        if not wire.is_connected:
            return await why_not_connected(self._endpoint, address)
        return await why_refused(wire.ended_by, self._endpoint, address, self._curve, received_bytes, self._kind)

    async def _refusal(self, wire: MonitoredSocket) -> Failure | None:
        """Why the process at the other end of an IPC connection is not trusted, if it is not."""
        try:
            user = wire.peer_user()
        except OSError:  # libzmq has closed it by now
            return Failure(FailureKind.RESET)
        return None if user in self._users else await _of_another(user)

    def _target(self, address: Address | None) -> str:
        if address is None:
            return str(self._endpoint)
        return str(Endpoint("tcp", host=address[1], port=self._endpoint.port))

    def _lost(self, wire: MonitoredSocket, failure: Failure) -> None:
        """The peer is gone, or says what is no message."""
        if self._wire is wire:
            self._end(failure._replace(is_here=wire.is_here and not self._endpoint.is_local))

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


def _most_telling(failures: Iterable[Failure]) -> Failure:
    return min(failures, key=lambda failure: _FURTHEST.index(failure.kind))


async def _trusted_users(ipc_owner: str | None) -> frozenset[int] | Failure:
    if ipc_owner is None or not can_be_asked:
        return trusted_users(ipc_owner)
    try:
        return await in_thread("stui-users", lambda: trusted_users(ipc_owner))
    except RuntimeError as error:
        return Failure(FailureKind.IPC_OWNER, f"no thread to be had to look up the user {ipc_owner!a}: {error}")


async def _of_another(user: int) -> Failure:
    """Whose socket it is, by name if the system says it soon."""
    shown = str(user)
    with suppress(TimeoutError, RuntimeError):
        async with asyncio.timeout(GREETING_WAIT_S):
            shown = await in_thread("stui-users", lambda: user_name(user))
    return Failure(FailureKind.IPC_OWNER, f"it is {shown}'s")


def _encryption(curve: CurveKeys | None) -> Options:
    if curve is None:
        return ()
    return (
        (zmq.CURVE_SERVERKEY, curve.server.encode()),
        (zmq.CURVE_PUBLICKEY, curve.public.encode()),
        (zmq.CURVE_SECRETKEY, curve.secret.reveal().encode()),
    )
