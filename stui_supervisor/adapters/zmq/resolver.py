"""From a host name to addresses, without blocking the loop or the end of the program.

A name service may take longer than an attempt at a link has time: glibc alone waits 5 s for a first server that is
dead. So a question outlives the attempt that asked it, the attempts after it wait for the same answer, and one that
came too late for an attempt serves the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from itertools import count

from stui_supervisor.adapters.host.worker import Worker
from stui_supervisor.config import NAME_ASKED_AGAIN_S, NAME_KEPT_S
from stui_supervisor.endpoint import Endpoint, is_loopback

Address = tuple[socket.AddressFamily, str]
_Answer = list[Address] | OSError
_IPV6 = 6
_PORT = 9  # discard; any will do


def is_here(address: Address) -> bool:
    """True for an address of this machine: what would be sent there comes from there. Nothing is sent."""
    family, host = address
    if is_loopback(host):
        return True
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as unused:
            unused.connect((host, _PORT))
            return bool(unused.getsockname()[0] == host)
    except OSError:
        return False


class Resolver:
    """Finds the addresses of names for the attempts of one supervisor; for one event loop."""

    def __init__(self) -> None:
        self._names: dict[str, _Name] = {}
        self._tries = count(1)
        self._tried: dict[Address, int] = {}

    def begins(self, address: Address) -> None:
        """This address is being tried: at the next attempt the others come first."""
        self._tried[address] = next(self._tries)

    def succeeded(self, address: Address) -> None:
        """This address has led to the backend: from now on it comes before all others."""
        self._tried = {address: -1}

    async def addresses(self, endpoint: Endpoint) -> list[Address]:
        """Every address of the endpoint's host, in the system's order; those that were tried come after the others.

        Raises OSError as getaddrinfo does. It may be cancelled at any time; a thread that hangs is left to itself.
        """
        return sorted(await self._found(endpoint), key=lambda address: self._tried.get(address, 0))

    async def _found(self, endpoint: Endpoint) -> list[Address]:
        host = endpoint.host
        try:
            version = ipaddress.ip_address(host).version
        except ValueError:
            return await self._names.setdefault(host, _Name(host)).addresses()
        return [(socket.AF_INET6 if version == _IPV6 else socket.AF_INET, host)]


class _Name:
    """One name: its unanswered questions, the attempts that wait, and an answer that came too late for one of them."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._asked_at: list[float] = []
        self._waiting: set[asyncio.Future[_Answer]] = set()
        self._was_missed = False
        self._late: _Answer | None = None
        self._late_until = 0.0

    async def addresses(self) -> list[Address]:
        """See Resolver."""
        answer = self._late_answer()
        if answer is None:
            self._ask()
            answer = await self._next_answer()
        if isinstance(answer, OSError):
            raise answer
        return answer

    def _late_answer(self) -> _Answer | None:
        late = self._late if self._loop.time() < self._late_until else None
        if isinstance(late, OSError):
            self._late = None  # told once: asked again the service may know better
        return late

    async def _next_answer(self) -> _Answer:
        answer: asyncio.Future[_Answer] = self._loop.create_future()
        self._waiting.add(answer)
        try:
            return await answer
        except asyncio.CancelledError:
            self._was_missed = True
            raise
        finally:
            self._waiting.discard(answer)

    def _ask(self) -> None:
        """Ask the name service, unless a recent question is unanswered.

        An old one is not waited for, as the network may have changed since; but each takes a thread that may hang, so
        the time between two doubles.
        """
        now, out = self._loop.time(), len(self._asked_at)
        if out and now - self._asked_at[-1] < NAME_ASKED_AGAIN_S * 2 ** (out - 1):
            return

        def ask() -> None:
            answer = _look_up(self._host)
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._answered, now, answer)

        worker = Worker("stui-resolve")
        try:
            worker.post(ask)
        except RuntimeError as error:
            raise socket.gaierror(socket.EAI_AGAIN, f"no thread to be had for it: {error}") from error
        worker.close()
        self._asked_at.append(now)

    def _answered(self, asked_at: float, answer: _Answer) -> None:
        self._asked_at.remove(asked_at)
        waiting = [each for each in self._waiting if not each.done()]
        if not waiting or (self._was_missed and not isinstance(answer, OSError)):
            self._late, self._late_until = answer, self._loop.time() + NAME_KEPT_S
        self._was_missed = False
        for each in waiting:
            each.set_result(answer)


def _look_up(host: str) -> _Answer:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    except UnicodeError as error:
        return socket.gaierror(socket.EAI_NONAME, str(error))
    return list(dict.fromkeys((family, str(where[0])) for family, _, _, _, where in found))
