"""A name service of our own: what ``socket.getaddrinfo`` of this process says of some names."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest import mock

from tests.support.programs.watching import LIMIT_S

_real: Final[Callable[..., Any]] = socket.getaddrinfo


@contextmanager
def names(**told: Callable[[], tuple[str, ...]]) -> Iterator[None]:
    """Inside, each of these names has the addresses that its function gives, or what it raises; it may take long."""

    def answer(host: Any, port: Any, *rest: Any, **keywords: Any) -> Any:
        if host not in told:
            return _real(host, port, *rest, **keywords)
        return [found for address in told[host]() for found in _real(address, port, *rest, **keywords)]

    with mock.patch.object(socket, "getaddrinfo", answer):
        yield


class SlowName:
    """A name that is told, or refused, once ``answers`` is set."""

    def __init__(self, refusal: OSError | None = None) -> None:
        self.answers = threading.Event()
        self.times_asked = 0
        self._refusal = refusal

    def __call__(self) -> tuple[str, ...]:
        self.times_asked += 1
        self.answers.wait(LIMIT_S)
        if self._refusal is not None:
            raise self._refusal
        return ("127.0.0.1",)
