"""The race for one connection: every address of an endpoint is tried, and the first that shakes hands wins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from stui_supervisor.adapters.host.worker import in_thread
from stui_supervisor.adapters.zmq.connection_plan import ConnectionPlan, Options
from stui_supervisor.adapters.zmq.diagnosis import why_not_connected, why_refused, why_unfinished
from stui_supervisor.adapters.zmq.ipc_owner import user_name
from stui_supervisor.adapters.zmq.monitored_socket import MonitoredSocket
from stui_supervisor.adapters.zmq.resolver import Address
from stui_supervisor.adapters.zmq.targets import Targets
from stui_supervisor.config import GREETING_WAIT_S, STAGGER_S
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind

# How an address may fail, the one that got furthest first; one that has no way to it says the least.
_FURTHEST: Final = (
    FailureKind.IPC_OWNER,
    FailureKind.KEY_REFUSED,
    FailureKind.OTHER_MECHANISM,
    FailureKind.OTHER_SOCKET,
    FailureKind.NOT_ZEROMQ,
    FailureKind.NO_HANDSHAKE,
    FailureKind.RESET,
    FailureKind.REFUSED,
    FailureKind.TIMEOUT,
    FailureKind.UNREACHABLE,
    FailureKind.NO_CONNECTION,
)


class AddressRace:
    """Tries the addresses one after the other, none waiting long for the one before (RFC 8305).

    Each is tried again as well, until it accepts: a packet that got lost is sent again by the kernel only after a
    second, but a handshake may need its time. ``make_socket`` makes the socket of one try, which gets the ``options``;
    ``won`` is called with the one that is up first, and its address. ``racing`` are those that are not up yet.
    """

    def __init__(
        self,
        plan: ConnectionPlan,
        options: Options,
        make_socket: Callable[[], MonitoredSocket],
        won: Callable[[MonitoredSocket, Address | None], None],
    ) -> None:
        self._plan = plan
        self._options = options
        self._make_socket = make_socket
        self._won = won
        self._failures: dict[Address | None, Failure] = {}
        self._unfinished: tuple[Address | None, MonitoredSocket, int | None] | None = None
        self._is_over = False
        self.racing: dict[MonitoredSocket, Address | None] = {}

    async def run(self, targets: Targets) -> Failure | None:
        """None once there is a winner, else the failure that tells most once every address has one."""
        if not targets.addresses:
            return Failure(FailureKind.NAME_NOT_FOUND, "it has no address")
        tries: dict[asyncio.Task[Failure | None], Address | None] = {}
        order = list(targets.addresses)
        try:
            while len(self._failures) < len(targets.addresses):
                accepted = {address for one, address in self.racing.items() if one.is_connected}
                if waiting := [each for each in order if each not in accepted and each not in self._failures]:
                    address = waiting[0]
                    order.remove(address)
                    order.append(address)
                    if address is not None:
                        self._plan.resolver.begins(address)
                    tries[asyncio.create_task(self._try(address, targets.users), name="stui-try")] = address
                done, _ = await asyncio.wait(tries, timeout=STAGGER_S, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    failure = task.result()
                    if failure is None:
                        return None
                    self._failures[tries.pop(task)] = failure
            return _most_telling(self._failures.values())
        finally:
            for task in tries:
                task.cancel()
            accepted_ones = ((address, one, one.came_bytes) for one, address in self.racing.items() if one.is_connected)
            self._unfinished = next(accepted_ones, None)
            self.close()

    async def why_out_of_time(self) -> Failure:
        """After a ``run`` that was cut off: why the farthest that an address got was no handshake."""
        out_of_time = _most_telling((Failure(FailureKind.TIMEOUT), *self._failures.values()))
        if self._unfinished is None:
            return out_of_time
        address, one, received_bytes = self._unfinished
        unfinished = await why_unfinished(self._plan.endpoint, address, self._plan.curve, received_bytes, one.kind)
        return _most_telling((unfinished, out_of_time))

    def close(self) -> None:
        """Nobody wins any more."""
        self._is_over = True
        for one in self.racing:
            one.close()
        self.racing.clear()

    async def _try(self, address: Address | None, users: frozenset[int]) -> Failure | None:
        """Connect to one address; None once it has won."""
        one = self._make_socket()
        self.racing[one] = address
        one.connect(self._target(address), self._options)
        is_up = await one.outcome
        if is_up and not one.is_closed and users:
            refusal = await _refusal(one, users)
            if refusal is not None:
                one.close()
                return refusal
        if one.is_closed or self._is_over:
            one.close()
            return Failure(FailureKind.RESET)
        del self.racing[one]
        if is_up:
            self._is_over = True
            if address is not None:
                self._plan.resolver.succeeded(address)
            self._won(one, address)
            return None
        received_bytes = one.received_bytes
        one.close()
        endpoint = self._plan.endpoint
        if not one.is_connected:
            return await why_not_connected(endpoint, address)
        return await why_refused(one.ended_by, endpoint, address, self._plan.curve, received_bytes, one.kind)

    def _target(self, address: Address | None) -> str:
        if address is None:
            return str(self._plan.endpoint)
        return str(Endpoint("tcp", host=address[1], port=self._plan.endpoint.port))


async def _refusal(one: MonitoredSocket, users: frozenset[int]) -> Failure | None:
    """Why the process at the other end of an IPC connection is not trusted, if it is not."""
    try:
        user = one.peer_user()
    except OSError:  # libzmq has closed it by now
        return Failure(FailureKind.RESET)
    return None if user in users else await _of_another(user)


async def _of_another(user: int) -> Failure:
    """Whose socket it is, by name if the system says it soon."""
    shown = str(user)
    with suppress(TimeoutError, RuntimeError):
        async with asyncio.timeout(GREETING_WAIT_S):
            shown = await in_thread("stui-users", lambda: user_name(user))
    return Failure(FailureKind.IPC_OWNER, f"it is {shown}'s")


def _most_telling(failures: Iterable[Failure]) -> Failure:
    return min(failures, key=lambda failure: _FURTHEST.index(failure.kind))
