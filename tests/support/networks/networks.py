"""A client's, a router's and a backend's host with the wires between them, and what goes wrong on those.

client 10.77.1.1 c0 ── r0 10.77.1.2 router 10.77.2.2 r1 ── b0 10.77.2.1 backend
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.support.networks.other_hosts import at, host_name, hosts, ip

BACKEND: Final = "10.77.2.1"
ABSENT: Final = "10.77.2.99"  # nobody in the backend's network has it
_CLIENT: Final = "10.77.1.1"
_MOVED_CLIENT: Final = "10.77.1.9"
_ROUTER: Final = "10.77.1.2"
_FAR_TABLE: Final = "77"  # of the router's routes: what comes from a host goes over the line
_TUN: Final = Path("/dev/net/tun")
_DELAY_LINE: Final = Path(__file__).with_name("delay_line.py")


class Network:
    """Runs while the ``with`` block of ``network`` does.

    ``at_client`` and ``at_backend`` are the words that go before a command to have it run there.
    Each fault is a context manager, and lasts as long; one that a failing test leaves goes with its network.
    """

    def __init__(self) -> None:
        self._client, self._router, self._backend = self.hosts = tuple(host_name(role) for role in "crb")
        self.at_client, self.at_backend = at(self._client), at(self._backend)

    def wire(self) -> None:
        """Lay the wires between the hosts."""
        for number, (host, near, far) in enumerate(((self._client, "c0", "r0"), (self._backend, "b0", "r1")), start=1):
            ip("link", "add", near, "netns", host, "type", "veth", "peer", "name", far, "netns", self._router)
            for end, device, address in ((host, near, f"10.77.{number}.1"), (self._router, far, f"10.77.{number}.2")):
                ip("-n", end, "addr", "add", f"{address}/24", "dev", device)
                ip("-n", end, "link", "set", device, "up")
            ip("-n", host, "route", "add", "default", "via", f"10.77.{number}.2")
        self._at_router("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")

    @contextmanager
    def swallowed(self, *, at_least_s: float = 0.0) -> Iterator[None]:
        """The router drops what goes either way, and says nothing; for so long if the block ends before."""
        ends = (f"{_CLIENT}/32", f"{BACKEND}/32")
        for end in ends:
            ip("-n", self._router, "route", "add", "blackhole", end)
        heals_at = time.monotonic() + at_least_s
        yield
        threading.Event().wait(max(0.0, heals_at - time.monotonic()))
        for end in ends:
            ip("-n", self._router, "route", "del", "blackhole", end)

    @contextmanager
    def swallowed_on_the_way(self, *, to_client: bool) -> Iterator[None]:
        """The router drops what goes one way; the other one works."""
        with self._rule("-o", "r0" if to_client else "r1", "-j", "DROP"):
            yield

    @contextmanager
    def reset(self) -> Iterator[None]:
        """A firewall answers each packet of the client by ending its connection."""
        with self._rule("-p", "tcp", "-i", "r0", "-j", "REJECT", "--reject-with", "tcp-reset"):
            yield

    @contextmanager
    def lossy(self, share: float) -> Iterator[None]:
        """The router loses this share of the packets, at random, both ways."""
        with self._rule("-m", "statistic", "--mode", "random", "--probability", f"{share}", "-j", "DROP"):
            yield

    @contextmanager
    def slow(self, megabits: int) -> Iterator[None]:
        """Both ways of the line carry this much a second, with a queue of 0.4 s before it."""
        shape = ("root", "tbf", "rate", f"{megabits}mbit", "burst", "32kbit", "latency", "400ms")
        for device in ("r0", "r1"):
            self._at_router("tc", "qdisc", "add", "dev", device, *shape)
        yield
        for device in ("r0", "r1"):
            self._at_router("tc", "qdisc", "del", "dev", device, "root")

    @contextmanager
    def far(self, each_way_s: float) -> Iterator[None]:
        """The backend is far away: each packet takes so long, there and back; skips where no line can be made."""
        if not _TUN.exists():
            pytest.skip(f"only on systems with {_TUN}, for a line that delays")
        line = [*at(self._router), sys.executable, str(_DELAY_LINE), "far", f"{each_way_s}"]
        with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline(), "the line was not made"
            ip("-n", self._router, "link", "set", "far", "up")
            ip("-n", self._router, "route", "add", "default", "dev", "far", "table", _FAR_TABLE)
            for device in ("all", "far"):  # what comes from the line came from elsewhere first
                self._at_router("sh", "-c", f"echo 0 > /proc/sys/net/ipv4/conf/{device}/rp_filter")
            for device in ("r0", "r1"):
                ip("-n", self._router, "rule", "add", "iif", device, "table", _FAR_TABLE)
            yield
            for device in ("r0", "r1"):
                ip("-n", self._router, "rule", "del", "iif", device, "table", _FAR_TABLE)

    @contextmanager
    def client_offline(self) -> Iterator[None]:
        """The client's interface is down; it has its route again when it comes back."""
        ip("-n", self._client, "link", "set", "c0", "down")
        yield
        ip("-n", self._client, "link", "set", "c0", "up")
        ip("-n", self._client, "route", "add", "default", "via", _ROUTER)

    def move_client(self) -> None:
        """Give the client another address in place of its own, as a new network does."""
        ip("-n", self._client, "addr", "del", f"{_CLIENT}/24", "dev", "c0")
        ip("-n", self._client, "addr", "add", f"{_MOVED_CLIENT}/24", "dev", "c0")
        ip("-n", self._client, "route", "add", "default", "via", _ROUTER)

    @contextmanager
    def _rule(self, *words: str) -> Iterator[None]:
        self._at_router("iptables", "-I", "FORWARD", *words)
        yield
        self._at_router("iptables", "-D", "FORWARD", *words)

    def _at_router(self, *words: str) -> None:
        subprocess.run([*at(self._router), *words], check=True)


@contextmanager
def network() -> Iterator[Network]:
    """A network of one's own; skips the test where none can be made."""
    made = Network()
    with hosts(*made.hosts, tools=("tc", "iptables")):
        made.wire()
        yield made
