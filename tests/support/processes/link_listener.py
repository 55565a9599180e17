"""A listener that keeps what a link or a subscription tells it, and how patient those of the tests are."""

from __future__ import annotations

from stui_supervisor.failures import Failure
from stui_supervisor.ports import LinkTimes
from tests.support.programs.watching import until

TIMES = LinkTimes(attempt_timeout_s=5.0, heartbeat_interval_s=10.0, heartbeat_timeout_s=45.0)
SHORT = TIMES._replace(attempt_timeout_s=0.2)
QUICK_HEARTBEATS = TIMES._replace(heartbeat_interval_s=0.05, heartbeat_timeout_s=0.2)


class Heard:
    """See ports. ``heard`` has "opened", "greeted", (token, body) or (frame, …), and the failure, in order."""

    def __init__(self) -> None:
        self.heard: list[object] = []
        self.crowds = 0

    def opened(self) -> None:
        self._hear("opened")

    def received(self, token: bytes, body: bytes) -> None:
        self._hear((token, body))

    def published(self, frames: list[bytes]) -> None:
        self._hear(tuple(frames))

    def crowded(self) -> None:
        self.crowds += 1

    def greeted(self) -> None:
        self._hear("greeted")

    def lost(self, failure: Failure) -> None:
        self._hear(failure)

    def _hear(self, what: object) -> None:
        self.heard.append(what)

    async def hears(self, count: int) -> list[object]:
        """So many things, or more."""
        await until(lambda: len(self.heard) >= count)
        return self.heard


class HeardKinds(Heard):
    """The same, with a failure by its kind alone."""

    def lost(self, failure: Failure) -> None:
        self._hear(failure.kind)

    async def hears_just(self, *everything: object) -> None:
        """Wait until it was told as much, and compare."""
        assert await self.hears(len(everything)) == list(everything)
