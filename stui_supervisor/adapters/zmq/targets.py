"""Where a connection may lead: the addresses of its endpoint, and who may listen there."""

from __future__ import annotations

from typing import Final, NamedTuple

from stui_supervisor.adapters.host.worker import in_thread
from stui_supervisor.adapters.zmq.connection_plan import ConnectionPlan
from stui_supervisor.adapters.zmq.ipc_owner import can_be_asked, trusted_users
from stui_supervisor.adapters.zmq.resolver import Address
from stui_supervisor.endpoint import Endpoint, is_loopback
from stui_supervisor.failures import Failure, FailureKind

_THIS_MACHINE: Final = Endpoint("tcp", host="localhost", port=1)


class Targets(NamedTuple):
    """The addresses to try, None standing for an IPC socket, and the users who may listen there; none: anybody."""

    addresses: list[Address | None]
    users: frozenset[int] = frozenset()


async def find_targets(plan: ConnectionPlan) -> Targets | Failure:
    """The addresses to try; a Failure where none can be trusted. Raises OSError when the name is not resolved."""
    if plan.endpoint.scheme == "ipc":
        users = await _trusted_users(plan.trust.ipc_owner)
        if isinstance(users, Failure):
            return users
        return await _why_not_this_machine(plan) or Targets([None], users)
    found = await plan.resolver.addresses(plan.endpoint)
    if not plan.trust.only_loopback:
        return Targets([*found])
    safe: list[Address | None] = [address for address in found if is_loopback(address[1])]
    if found and not safe:
        return Failure(FailureKind.TOKEN_IN_CLEAR, f"{plan.endpoint.host} leads to {found[0][1]} here")
    return Targets(safe)


async def _why_not_this_machine(plan: ConnectionPlan) -> Failure | None:
    """Why a socket is not that of the backend that was linked to by the name of this machine, if it is not."""
    if not plan.trust.only_loopback:
        return None
    for address in await plan.resolver.addresses(_THIS_MACHINE):
        if not is_loopback(address[1]):
            return Failure(FailureKind.TOKEN_IN_CLEAR, f"{_THIS_MACHINE.host} leads to {address[1]} here")
    return None


async def _trusted_users(ipc_owner: str | None) -> frozenset[int] | Failure:
    if ipc_owner is None or not can_be_asked:
        return trusted_users(ipc_owner)
    try:
        return await in_thread("stui-users", lambda: trusted_users(ipc_owner))
    except RuntimeError as error:
        return Failure(FailureKind.IPC_OWNER, f"no thread to be had to look up the user {ipc_owner!a}: {error}")
