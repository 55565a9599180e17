"""A listener that keeps what a link tells it."""

from __future__ import annotations

from stui_supervisor.failures import Failure
from tests.support.watching import until


class Heard:
    """See ports.LinkListener. ``heard`` has "opened", "greeted", (token, body) and the failure, in order."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def opened(self) -> None:
        self.heard.append("opened")

    def received(self, token: bytes, body: bytes) -> None:
        self.heard.append((token, body))

    def greeted(self) -> None:
        self.heard.append("greeted")

    def lost(self, failure: Failure) -> None:
        self.heard.append(failure)

    async def hears(self, count: int) -> list[object]:
        """So many things, or more."""
        await until(lambda: len(self.heard) >= count)
        return self.heard
