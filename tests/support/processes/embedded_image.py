"""The reference image without a process or a socket: bytes in, bytes out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from stui_supervisor.backend import BackendSettings
from stui_supervisor.backend.errors import Refusal
from stui_supervisor.backend.image import Image
from stui_supervisor.wire.capabilities import DEADLINE_PARAMETER, KEY_PARAMETER
from stui_supervisor.wire.service import Request, decode_request, encode_error, encode_result

_PROMISES: Final = {DEADLINE_PARAMETER, KEY_PARAMETER}


class EmbeddedImage:
    """Answers one body after the other. ``executed`` is what it was asked; set ``silent`` and it keeps its answers."""

    def __init__(self, settings: BackendSettings | None = None) -> None:
        self._image = Image(
            settings or BackendSettings(), wait=lambda _seconds: None, publish=lambda _topic, _body: None
        )
        self.executed: list[Request] = []
        self.silent = False

    def __call__(self, body: bytes) -> bytes | None:
        request, now = decode_request(body), datetime.now(UTC)
        self.executed.append(request)
        if self.silent:
            return None
        try:
            self._image.admit(request, now.timestamp())
            return encode_result(request, self._image.answer(request, now.timestamp()), at=now)
        except Refusal as refusal:
            return encode_error(request, refusal.kind.word(request.dialect), str(refusal), at=now)

    def asked(self, command: str) -> list[dict[str, Any]]:
        """The parameters of every request of this command, as the caller gave them."""
        return [
            {name: value for name, value in request.parameters.items() if name not in _PROMISES}
            for request in self.executed
            if request.command == command
        ]


def _no_time(_seconds: float) -> None:
    """A Delay takes none."""


def _no_reader(_topic: str, _content: dict[str, Any]) -> None:
    """Nobody listens to notifications."""
