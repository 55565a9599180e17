"""How a request comes in and goes out again."""

from __future__ import annotations

from typing import NamedTuple

from stui_supervisor.errors import RequestError
from stui_supervisor.events import Announce
from stui_supervisor.requests.request import Request
from stui_supervisor.wire.dialects import Reply


class Send(NamedTuple):
    """Hand one message to the link; when the link does not take it, answer with NotTaken."""

    link: int
    token: bytes
    body: bytes

    def __repr__(self) -> str:
        return f"Send({self.link}, {self.token!r}, {len(self.body)} bytes)"  # which may hold the backend's token


class Finish(NamedTuple):
    """A request has ended: with a reply, or with an error."""

    request: int
    reply: Reply | None
    error: RequestError | None


class Submit(NamedTuple):
    """A request to be sent once, in turn."""

    request: Request


class Cancel(NamedTuple):
    """Nobody waits for the request any more."""

    request: int


RequestEffect = Send | Finish | Announce
