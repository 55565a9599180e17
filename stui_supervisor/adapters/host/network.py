"""Telling that an address or a route of this machine came or went.

Linux says so by netlink (rtnetlink(7)), within milliseconds and without any cost while nothing
happens. Elsewhere, and where a sandbox allows no such socket, a look every few seconds compares what
the standard library can tell without waiting.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from stui_supervisor.adapters.host.readiness import Readiness
from stui_supervisor.config import NETWORK_LOOK_S, NETWORK_SETTLE_S

# RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR and _IPV6_ROUTE of linux/rtnetlink.h.
_GROUPS: Final = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
# Addresses that documentation may use (RFC 5737, RFC 3849): they are reached by the default route, if at all.
_AFAR: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
_PORT: Final = 9  # discard; any will do


class HostNetwork:
    """See ports.NetworkWatch; each burst of changes is told once, when it has had time to end."""

    def __init__(self) -> None:
        self._source: _Netlink | _Looks | None = None
        self._settling: asyncio.TimerHandle | None = None
        self._changed: Callable[[], None] = lambda: None

    def watch(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` from the running loop, soon after each burst of changes."""
        self._changed = changed
        if sys.platform == "linux":
            # Such a socket may be denied, and not every loop can wait for one.
            with suppress(OSError, ImportError):
                self._source = _Netlink(self._stirred)
        if self._source is None:
            self._source = _Looks(self._stirred, _look)

    def close(self) -> None:
        """Tell no more."""
        source, self._source = self._source, None
        if source is not None:
            source.close()
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None

    def _stirred(self) -> None:
        if self._settling is None:
            self._settling = asyncio.get_running_loop().call_later(NETWORK_SETTLE_S, self._tell)

    def _tell(self) -> None:
        self._settling = None
        self._changed()


class _Netlink:
    """Changes that the kernel of Linux announces by itself (rtnetlink(7))."""

    def __init__(self, stirred: Callable[[], None]) -> None:
        self._stirred = stirred
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        try:
            self._socket.setblocking(False)
            self._socket.bind((0, _GROUPS))
            self._readiness = Readiness()
        except (OSError, ImportError):
            self._socket.close()
            raise
        self._readiness.watch(self._socket.fileno(), self._read)

    def close(self) -> None:
        self._readiness.forget(self._socket.fileno())
        self._readiness.close()
        self._socket.close()

    def _read(self) -> None:
        # That something was said is all that matters; the rest of a message is dropped with its first byte.
        with suppress(OSError):  # more was said than the kernel keeps for us: a change all the same
            self._socket.recv(1)
        self._stirred()


class _Looks:
    """Changes found by looking every NETWORK_LOOK_S, where the system does not announce them."""

    def __init__(self, stirred: Callable[[], None], look: Callable[[], object]) -> None:
        self._stirred = stirred
        self._look = look
        self._loop = asyncio.get_running_loop()
        self._seen = look()
        self._timer = self._loop.call_later(NETWORK_LOOK_S, self._look_again)

    def close(self) -> None:
        self._timer.cancel()

    def _look_again(self) -> None:
        self._timer = self._loop.call_later(NETWORK_LOOK_S, self._look_again)
        seen, self._seen = self._seen, self._look()
        if seen != self._seen:
            self._stirred()


def _look() -> list[object]:
    """The interfaces, and the addresses from which this machine would speak to another one afar."""
    return [*_interfaces(), *(_own_address(family, afar) for family, afar in _AFAR)]


def _interfaces() -> list[tuple[int, str]]:
    try:
        return socket.if_nameindex()
    except OSError:
        return []


def _own_address(family: socket.AddressFamily, afar: str) -> str | None:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((afar, _PORT))  # only looks up the route; a datagram socket sends nothing here
            return str(probe.getsockname()[0])
    except OSError:
        return None
