"""A client's, a router's and a backend's host, each a network namespace of Linux, and what goes wrong between them.

    client 10.77.1.1 c0 ── r0 10.77.1.2 router 10.77.2.2 r1 ── b0 10.77.2.1 backend

What happens in these networks happens nowhere else. Each has names of its own that begin with the id of
the process that made it, so several can be there at once, and what a killed one left is removed by the next.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

BACKEND: Final = "10.77.2.1"
ABSENT: Final = "10.77.2.99"  # nobody in the backend's network has it
_CLIENT: Final = "10.77.1.1"
_MOVED_CLIENT: Final = "10.77.1.9"
_ROUTER: Final = "10.77.1.2"
_PREFIX: Final = "stui-test"
_TOOLS: Final = ("ip", "tc", "iptables")
_numbers = itertools.count()


class Network:
    """Runs while the ``with`` block of ``network`` does.

    Each fault is a context manager, and lasts as long; one that a failing test leaves goes with its network.
    """

    def __init__(self, name: str) -> None:
        self._client, self._router, self._backend = self.hosts = (f"{name}-c", f"{name}-r", f"{name}-b")

    @property
    def at_client(self) -> tuple[str, ...]:
        """What goes before a command to have it run at the client's host."""
        return ("ip", "netns", "exec", self._client)

    @property
    def at_backend(self) -> tuple[str, ...]:
        """The same for the backend's host."""
        return ("ip", "netns", "exec", self._backend)

    def build(self) -> None:
        """Make the hosts and the wires between them."""
        for host in self.hosts:
            _run("ip", "netns", "add", host)
            _ip(host, "link", "set", "lo", "up")
        for number, (host, near, far) in enumerate(((self._client, "c0", "r0"), (self._backend, "b0", "r1")), start=1):
            _run("ip", "link", "add", near, "netns", host, "type", "veth", "peer", "name", far, "netns", self._router)
            for end, device, address in (
                (host, near, f"10.77.{number}.1/24"),
                (self._router, far, f"10.77.{number}.2/24"),
            ):
                _ip(end, "addr", "add", address, "dev", device)
                _ip(end, "link", "set", device, "up")
            _ip(host, "route", "add", "default", "via", f"10.77.{number}.2")
        _run(*_at(self._router), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")

    def remove(self) -> None:
        """Take them away again."""
        for host in self.hosts:
            _remove(host)

    @contextmanager
    def swallowed(self, *, at_least_s: float = 0.0) -> Iterator[None]:
        """The router drops what goes either way, and says nothing; for so long if the block ends before."""
        ends = (f"{_CLIENT}/32", f"{BACKEND}/32")
        for end in ends:
            _ip(self._router, "route", "add", "blackhole", end)
        heals_at = time.monotonic() + at_least_s
        yield
        threading.Event().wait(max(0.0, heals_at - time.monotonic()))
        for end in ends:
            _ip(self._router, "route", "del", "blackhole", end)

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
            _run(*_at(self._router), "tc", "qdisc", "add", "dev", device, *shape)
        yield
        for device in ("r0", "r1"):
            _run(*_at(self._router), "tc", "qdisc", "del", "dev", device, "root")

    @contextmanager
    def client_offline(self) -> Iterator[None]:
        """The client's interface is down; it has its route again when it comes back."""
        _ip(self._client, "link", "set", "c0", "down")
        yield
        _ip(self._client, "link", "set", "c0", "up")
        _ip(self._client, "route", "add", "default", "via", _ROUTER)

    def move_client(self) -> None:
        """Give the client another address in place of its own, as a new network does."""
        _ip(self._client, "addr", "del", f"{_CLIENT}/24", "dev", "c0")
        _ip(self._client, "addr", "add", f"{_MOVED_CLIENT}/24", "dev", "c0")
        _ip(self._client, "route", "add", "default", "via", _ROUTER)

    @contextmanager
    def _rule(self, *words: str) -> Iterator[None]:
        _run(*_at(self._router), "iptables", "-I", "FORWARD", *words)
        yield
        _run(*_at(self._router), "iptables", "-D", "FORWARD", *words)


@contextmanager
def network() -> Iterator[Network]:
    """A network of one's own; skips the test where none can be made."""
    if sys.platform != "linux":
        pytest.skip("only on Linux")
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root and iproute2 and iptables to make network namespaces; missing: {missing or 'root'}")
    _remove_stale()
    made = Network(f"{_PREFIX}-{os.getpid()}-{next(_numbers)}")
    try:
        made.build()
        yield made
    finally:
        made.remove()


def _remove_stale() -> None:
    """Remove the hosts of processes that have ended, with what still runs there."""
    for line in _output("ip", "netns", "list").splitlines():
        host = line.split()[0]
        if host.startswith(f"{_PREFIX}-") and not Path(f"/proc/{host.split('-')[2]}").exists():
            for pid in _output("ip", "netns", "pids", host).split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            _remove(host)


def _remove(host: str) -> None:
    subprocess.run(["ip", "netns", "del", host], check=False, stderr=subprocess.DEVNULL)  # noqa: S607  # as above


def _at(host: str) -> tuple[str, ...]:
    return ("ip", "netns", "exec", host)


def _ip(host: str, *words: str) -> None:
    _run("ip", "-n", host, *words)


def _run(*words: str) -> None:
    subprocess.run(words, check=True)


def _output(*words: str) -> str:
    return subprocess.run(words, check=False, capture_output=True, text=True).stdout
