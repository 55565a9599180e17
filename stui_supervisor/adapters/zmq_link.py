"""A link over ZeroMQ: one DEALER socket, which any REP or ROUTER server answers.

The empty frame and the token before a message come back with its reply, so that replies and messages
pair exactly, and a late reply is recognised.
"""

from __future__ import annotations

from typing import Final

import zmq

from stui_supervisor.adapters import zmq_context
from stui_supervisor.adapters.readiness import Readiness
from stui_supervisor.adapters.zmq_connection import ZmqConnection
from stui_supervisor.adapters.zmq_subscription import ZmqSubscription
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.path import PathSample
from stui_supervisor.ports import LinkListener, LinkTimes

_FRAMES: Final = (2, 3)  # [token, b"", body]; some ROUTER servers leave out the empty one


class ZmqTransport:
    """Makes the links and subscriptions of one supervisor; to be closed after them, in the loop that made it."""

    def __init__(self) -> None:
        self._context = zmq_context.acquire()
        self._readiness = Readiness()

    def __call__(self, endpoint: Endpoint, times: LinkTimes) -> ZmqLink:
        """A new link, not yet opened."""
        return ZmqLink(self._context, self._readiness, endpoint, times, zmq.DEALER)

    def subscription(self, endpoint: Endpoint, topics: tuple[str, ...], times: LinkTimes) -> ZmqSubscription:
        """A new subscription, not yet opened."""
        return ZmqSubscription(self._context, self._readiness, endpoint, topics, times)

    def close(self) -> None:
        """Let go of the context and what watches its sockets."""
        self._readiness.close()
        zmq_context.release()


class ZmqLink(ZmqConnection[LinkListener]):
    """See ports.Link."""

    def send(self, token: bytes, body: bytes) -> bool:
        """Hand one message to the peer's transport; False: it certainly was not taken."""
        return self._wire is not None and self._wire.send(token, body)

    def look(self) -> PathSample | None:
        """What the kernel knows of the connection; None elsewhere than on Linux, and for IPC."""
        return self._wire.look() if self._wire is not None else None

    def _received(self, frames: list[bytes]) -> None:
        if len(frames) not in _FRAMES:
            self._end(Failure(FailureKind.PROTOCOL, f"a reply of {len(frames)} frames"))
        elif self._listener is not None:
            self._listener.received(frames[0], frames[-1])
