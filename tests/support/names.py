"""A name service of our own: what ``socket.getaddrinfo`` of this process says of some names."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest import mock

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
