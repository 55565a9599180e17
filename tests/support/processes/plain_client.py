"""A STUI client of the simplest kind: one blocking REQ socket, nothing of ours in between."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Final, Self

import zmq

_ANSWERS_WITHIN_MS: Final = 10_000


class PlainClient:
    """Asks one backend, one request after the other, for as long as the ``with`` block runs."""

    def __init__(self, endpoint: str) -> None:
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.REQ)
        self.socket.setsockopt(zmq.RCVTIMEO, _ANSWERS_WITHIN_MS)
        self.socket.connect(endpoint)

    def send(self, command: str, **parameters: Any) -> None:
        """Send a request of the command dialect; the reply is still to be received."""
        self.socket.send(json.dumps({"id": "m1", "command": command, "parameters": parameters}).encode())

    def receive(self) -> Any:
        """The reply, whole."""
        return json.loads(self.socket.recv())

    def exchange(self, *frames: bytes) -> Any:
        """The reply to these very frames."""
        self.socket.send_multipart(frames)
        return self.receive()

    def ask(self, command: str, **parameters: Any) -> dict[str, Any]:
        """The reply to a request of the command dialect."""
        self.send(command, **parameters)
        return dict(self.receive())

    def result(self, command: str, **parameters: Any) -> dict[str, Any]:
        """What a request of the command dialect gives; it has to succeed."""
        reply = self.ask(command, **parameters)
        assert reply["status"] == "success", reply
        return dict(reply["result"])

    def ask_in_envelope(self, request_type: str, **params: Any) -> dict[str, Any]:
        """The response's data to a request of the envelope dialect."""
        data = {"request_type": request_type, "params": params}
        message = {"id": "m1", "version": "1.0.0", "timestamp": "", "payload": {"type": "Request", "data": data}}
        return dict(self.exchange(json.dumps(message).encode())["payload"]["data"])

    def close(self) -> None:
        """Forget what is unanswered."""
        self._context.destroy(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
