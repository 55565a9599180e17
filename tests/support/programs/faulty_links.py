"""Links of a program's own that break the rule of their port: they raise."""

from __future__ import annotations

import time
from collections.abc import Callable

from stui_supervisor.endpoint import Endpoint
from stui_supervisor.health.sample import PathSample
from stui_supervisor.ports import LinkListener, LinkTimes
from stui_supervisor.testing import FakeLink, FakePeer


class FaultyPeer(FakePeer):
    """The factory of links that raise OSError in the methods named in ``faults``."""

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        super().__init__(answer)
        self.faults: set[str] = set()
        self.has_kernel = False

    def __call__(self, endpoint: Endpoint, times: LinkTimes) -> FaultyLink:
        self.links.append(link := FaultyLink(self, endpoint, times))
        return link


class FaultyLink(FakeLink):
    """A link of a ``FaultyPeer``. With a kernel it looks as if no byte had come since it was opened."""

    def __init__(self, peer: FaultyPeer, endpoint: Endpoint, times: LinkTimes) -> None:
        super().__init__(peer, endpoint, times)
        self._faulty = peer
        self._since = time.monotonic()

    def open(self, listener: LinkListener) -> None:
        self._may_fail("open")
        super().open(listener)

    def send(self, token: bytes, body: bytes) -> bool:
        self._may_fail("send")
        return super().send(token, body)

    def look(self) -> PathSample | None:
        self._may_fail("look")
        silent_s = time.monotonic() - self._since
        return PathSample(silent_s, silent_s, 0, 0, has_outstanding=False) if self._faulty.has_kernel else None

    def knock(self) -> None:
        self._may_fail("knock")

    def close(self) -> None:
        super().close()
        self._may_fail("close")

    def _may_fail(self, method: str) -> None:
        if method in self._faulty.faults:
            raise OSError(f"cannot {method}")
