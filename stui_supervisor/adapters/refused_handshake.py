"""Why a peer that accepts the connection does not complete the ZMTP handshake."""

from __future__ import annotations

import asyncio
import socket
from typing import Final, NamedTuple

import zmq

from stui_supervisor.adapters.addresses import Address
from stui_supervisor.config import GREETING_WAIT_S
from stui_supervisor.curve import CurveKeys
from stui_supervisor.endpoint import Endpoint

_GREETING: Final = b"\xff"  # the first byte of every peer, sent without being asked (ZMTP 3.1, RFC 37)


class Refusal(NamedTuple):
    """The monitor's event that ended a handshake, and its value."""

    event: int
    value: int


def refusal_of(refusal: Refusal, curve: CurveKeys | None) -> str | None:
    """What the end of a handshake means, if it is about keys; without one of libzmq's reasons it may not be."""
    if refusal.event == zmq.Event.HANDSHAKE_FAILED_AUTH:
        return "the backend does not let us in" + (f" (our public key is {curve.public})" if curve else "")
    if refusal.value == zmq.Event.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
        return "the backend encrypts" if curve is None else "the backend does not encrypt"
    if refusal.event == zmq.Event.HANDSHAKE_FAILED_NO_DETAIL and curve is not None:
        return "the backend does not have the pinned key"
    return None


async def greets(endpoint: Endpoint, address: Address | None) -> bool:
    """Whether a ZeroMQ peer is there at all."""
    try:
        async with asyncio.timeout(GREETING_WAIT_S):
            return await probe(endpoint, address, wanted=1) == _GREETING
    except (OSError, TimeoutError):
        return False


async def probe(endpoint: Endpoint, address: Address | None, wanted: int = 0) -> bytes:
    """Connect once without ZeroMQ, for the errno and the first bytes. Raises OSError."""
    family = address[0] if address else getattr(socket, "AF_UNIX", socket.AF_INET)  # Windows has IPC in libzmq only
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_STREAM) as peer:
        peer.setblocking(False)
        where: str | tuple[str, int] = (address[1], endpoint.port) if address else endpoint.path
        await loop.sock_connect(peer, where)
        return await loop.sock_recv(peer, wanted) if wanted else b""
