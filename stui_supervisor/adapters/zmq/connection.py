"""One connection over ZeroMQ, from the search for its addresses to its end.

libzmq's own reconnection is off. The monitor says when the peer has completed its handshake and when it is gone; why an
attempt failed, a plain TCP connection tells better (libzmq gives no errno).
"""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from typing import Final, Generic, TypeVar

import zmq

from stui_supervisor.adapters.zmq.address_race import AddressRace
from stui_supervisor.adapters.zmq.connection_plan import ConnectionPlan, Options
from stui_supervisor.adapters.zmq.diagnosis import not_made
from stui_supervisor.adapters.zmq.monitored_socket import MonitoredSocket
from stui_supervisor.adapters.zmq.resolver import Address
from stui_supervisor.adapters.zmq.targets import find_targets
from stui_supervisor.adapters.zmq.time_limit import time_limit
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.ports import ConnectionListener

_NAME_UNKNOWN: Final = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))

L = TypeVar("L", bound=ConnectionListener)


class ZmqConnection(ABC, Generic[L]):
    """One attempt to connect to an endpoint, and the connection it becomes.

    ``kind`` is the type of the socket, ``options`` are what it needs beside those of every connection.
    """

    def __init__(self, plan: ConnectionPlan, kind: int, options: Options = ()) -> None:
        self._plan = plan
        self._kind = kind
        self._race = AddressRace(plan, (*options, *plan.encryption), self._new_socket, self._won)
        self._is_racing = False
        self._listener: L | None = None
        self._task: asyncio.Task[None] | None = None
        self._socket: MonitoredSocket | None = None
        self._address: Address | None = None

    def open(self, listener: L) -> None:
        """Begin; the outcome comes as ``opened`` or ``lost``."""
        self._listener = listener
        self._task = asyncio.get_running_loop().create_task(self._establish(), name="stui-connect")

    def close(self) -> None:
        """Let go of everything; the listener hears nothing more."""
        self._listener = None
        if self._task is not None:
            self._task.cancel()
        self._drop_socket()

    @abstractmethod
    def _received(self, frames: list[bytes]) -> None:
        """One message has come."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._plan.endpoint} {'open' if self._socket else 'not open'}>"

    async def _establish(self) -> None:
        failure: Failure | None = None
        try:
            async with time_limit(self._plan.times.attempt_timeout_s):
                targets = await find_targets(self._plan)
                self._is_racing = True
                failure = targets if isinstance(targets, Failure) else await self._race.run(targets)
                if failure is None:
                    return
        except TimeoutError:
            # What else comes before the race takes no time.
            name_service = Failure(FailureKind.NAME_SERVICE)
            failure = await self._race.why_out_of_time() if self._is_racing else name_service
        except socket.gaierror as error:
            is_unknown = error.errno in _NAME_UNKNOWN
            kind = FailureKind.NAME_NOT_FOUND if is_unknown else FailureKind.NAME_SERVICE
            failure = Failure(kind, error.strerror or str(error))
        except OSError as error:
            failure = not_made(error)
        except zmq.ZMQError as error:
            failure = Failure(FailureKind.NO_CONNECTION, str(error))
        self._end(failure)

    def _new_socket(self) -> MonitoredSocket:
        return MonitoredSocket(self._plan, self._kind, self._received, self._lost)

    def _won(self, winner: MonitoredSocket, address: Address | None) -> None:
        """The connection is up, over this socket."""
        self._socket, self._address = winner, address
        if self._listener is not None:
            self._listener.opened()
        if winner.failure is not None:
            self._end(winner.failure)
        else:
            winner.read()

    def _lost(self, lost: MonitoredSocket, failure: Failure) -> None:
        """The peer is gone, or says what is no message."""
        if self._socket is lost:
            self._end(failure._replace(is_here=lost.is_here and not self._plan.endpoint.is_local))

    def _end(self, failure: Failure) -> None:
        listener, self._listener = self._listener, None
        self._drop_socket()
        if listener is not None:
            listener.lost(failure)

    def _drop_socket(self) -> None:
        self._race.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
