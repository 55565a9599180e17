"""One plain TCP or IPC connection to a peer, without libzmq: for its errno, or for the greeting."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from stui_supervisor.adapters.addresses import Address
from stui_supervisor.endpoint import Endpoint

# ZMTP 3.1 (ZeroMQ RFC 37): ten bytes of signature, two of version, twenty of mechanism. A peer tells all
# of them once it has the signature and the major version; more from us would let it hang up first.
_SIGNATURE: Final = b"\xff"
_HALF_GREETING: Final = b"\xff" + bytes(8) + b"\x7f\x03"
_MECHANISM: Final = slice(12, 32)


async def connect_once(endpoint: Endpoint, address: Address | None) -> None:
    """Connect and hang up. Raises OSError, as the system says it."""
    await _ask(endpoint, address, b"", 0)


async def mechanism_at(endpoint: Endpoint, address: Address | None) -> bytes | None:
    """What the peer greets with, however busy its image is; None for what hangs up without a greeting.

    A frozen process does neither: the caller ends the wait. Raises OSError, as the system says it.
    """
    answer = await _ask(endpoint, address, _HALF_GREETING, _MECHANISM.stop)
    is_greeting = answer.startswith(_SIGNATURE) and len(answer) == _MECHANISM.stop
    return answer[_MECHANISM].rstrip(b"\0") if is_greeting else None


async def _ask(endpoint: Endpoint, address: Address | None, said: bytes, wanted: int) -> bytes:
    family = address[0] if address else getattr(socket, "AF_UNIX", socket.AF_INET)  # Windows has IPC in libzmq only
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_STREAM) as peer:
        peer.setblocking(False)
        where: str | tuple[str, int] = (address[1], endpoint.port) if address else endpoint.socket_name
        await loop.sock_connect(peer, where)
        answer = b""
        await loop.sock_sendall(peer, said)
        while len(answer) < wanted and (part := await loop.sock_recv(peer, wanted - len(answer))):
            answer += part
        return answer
