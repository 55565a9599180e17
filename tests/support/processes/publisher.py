"""A PUB socket that comes and goes on one address."""

from __future__ import annotations

from typing import Final, Self

import zmq

from tests.support.programs.watching import until

_ANY: Final = "tcp://127.0.0.1:*"


class Publisher:
    """Publishes from the moment it is made; ``vanish`` and ``appear`` again on the same ``endpoint``.

    It keeps whatever it publishes until it is sent: what is missing later was lost by the other end.
    """

    def __init__(self, bind: str = _ANY) -> None:
        self.endpoint = bind
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._subscribers = 0
        self.appear()

    def appear(self) -> None:
        """Listen. Twice is once."""
        if self._context is not None:
            return
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.XPUB)  # a PUB socket that tells who subscribes
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(self.endpoint)
        self.endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._subscribers = 0

    def vanish(self) -> None:
        """End every connection and refuse new ones. Twice is once."""
        if self._context is not None:
            self._context.destroy(linger=0)
            self._context = self._socket = None

    async def heard_by(self, least: int = 1) -> None:
        """Return once so many subscriptions have come since it appeared."""
        await until(lambda: self._count() >= least)

    def publish(self, *frames: bytes) -> None:
        """Send one message to everyone who has subscribed."""
        assert self._socket is not None, "it has vanished"
        self._socket.send_multipart(frames)

    def _count(self) -> int:
        assert self._socket is not None, "it has vanished"
        while self._socket.poll(0):
            self._subscribers += self._socket.recv()[:1] == b"\x01"
        return self._subscribers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.vanish()
