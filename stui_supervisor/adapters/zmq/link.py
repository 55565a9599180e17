"""A link over ZeroMQ: one DEALER socket for one attempt, never reused.

A message is only handed over while a peer is there, so that nothing that was asked of a dead backend reaches a
restarted one.
"""

from __future__ import annotations

import asyncio
from typing import Final

import zmq

from stui_supervisor.adapters.zmq.connection import ZmqConnection
from stui_supervisor.adapters.zmq.connection_plan import ConnectionPlan
from stui_supervisor.adapters.zmq.greeting import mechanism_at
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.health.sample import PathSample
from stui_supervisor.ports import LinkListener

_FRAMES: Final = (2, 3)  # [token, b"", body]; some ROUTER servers leave out the empty one


class ZmqLink(ZmqConnection[LinkListener]):
    """See ports.Link."""

    def __init__(self, plan: ConnectionPlan) -> None:
        super().__init__(plan, zmq.DEALER)
        self._knocking: asyncio.Task[None] | None = None

    def send(self, token: bytes, body: bytes) -> bool:
        """Hand one message to the peer's transport; False: it certainly was not taken."""
        return self._socket is not None and self._socket.send(token, body)

    def look(self) -> PathSample | None:
        """What the kernel knows of the connection; None elsewhere than on Linux, and for IPC."""
        return self._socket.look() if self._socket is not None else None

    def knock(self) -> None:
        """See ports.Link. Does nothing while an earlier knock is under way."""
        if self._socket is not None and (self._knocking is None or self._knocking.done()):
            self._knocking = asyncio.get_running_loop().create_task(self._knock(), name="stui-knock")

    async def _knock(self) -> None:
        try:
            lives = await mechanism_at(self._plan.endpoint, self._address) is not None
        except OSError as error:
            # A process that is frozen listens still; one that serves a single connection may not.
            lives = isinstance(error, ConnectionRefusedError)
        if lives and self._listener is not None:
            self._listener.greeted()

    def _drop_socket(self) -> None:
        super()._drop_socket()
        if self._knocking is not None:
            self._knocking.cancel()

    def _received(self, frames: list[bytes]) -> None:
        if len(frames) not in _FRAMES:
            self._end(Failure(FailureKind.PROTOCOL, f"a reply of {len(frames)} frames"))
        elif self._listener is not None:
            self._listener.received(frames[0], frames[-1])
