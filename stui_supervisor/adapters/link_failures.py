"""Why an attempt at a link failed, and whether a silent process lives, found out without libzmq.

Its monitor tells of a connection that was not made, but not the errno; and of a handshake that ended,
but which of two peers that do not fit hangs up first is chance. So the peer is connected to once more,
plainly: that gives the errno, or a greeting which names its mechanism.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final

import zmq

from stui_supervisor.adapters.addresses import Address
from stui_supervisor.config import GREETING_WAIT_S, KNOCK_WAIT_S
from stui_supervisor.curve import CurveKeys
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind

# ZMTP 3.1 (ZeroMQ RFC 37): ten bytes of signature, two of version, twenty of mechanism. A peer tells all
# of them once it has the signature and the major version; more from us would let it hang up first.
_SIGNATURE: Final = b"\xff"
_HALF_GREETING: Final = b"\xff" + bytes(8) + b"\x7f\x03"
_MECHANISM: Final = slice(12, 32)


async def why_refused(event: int, endpoint: Endpoint, address: Address | None, curve: CurveKeys | None) -> Failure:
    """What the end of a handshake means, which the monitor told as ``event``."""
    mechanism = await _mechanism_at(endpoint, address, GREETING_WAIT_S)
    words: str | None = None
    if mechanism == b"CURVE" and curve is None:
        words = "the backend encrypts"
    elif mechanism == b"NULL" and curve is not None:
        words = "the backend does not encrypt"
    elif mechanism is not None and event == zmq.Event.HANDSHAKE_FAILED_AUTH:
        words = "the backend does not let us in" + (f" (our public key is {curve.public})" if curve else "")
    elif mechanism == b"CURVE":
        words = "the backend does not have the pinned key"
    # A forwarder whose backend is away accepts and closes too; it does not greet.
    return Failure(FailureKind.NOT_ZEROMQ) if words is None else Failure(FailureKind.KEY_REFUSED, words)


async def is_greeted(endpoint: Endpoint, address: Address | None) -> bool:
    """True when a process is there whose ZeroMQ lives, however busy its image is."""
    return await _mechanism_at(endpoint, address, KNOCK_WAIT_S) is not None


async def why_not_connected(endpoint: Endpoint, address: Address | None) -> Failure:
    """What kept a connection from being made."""
    try:
        await _probe(endpoint, address)
    except OSError as error:
        return Failure(_kind_of(error), error.strerror or "")
    # It accepts connections now: it has just come up, or its queue was full.
    return Failure(FailureKind.REFUSED, "it listens since a moment ago")


async def _probe(endpoint: Endpoint, address: Address | None, said: bytes = b"", wanted: int = 0) -> bytes:
    """Connect once without ZeroMQ, for the errno and the first bytes of the answer. Raises OSError."""
    family = address[0] if address else getattr(socket, "AF_UNIX", socket.AF_INET)  # Windows has IPC in libzmq only
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_STREAM) as peer:
        peer.setblocking(False)
        where: str | tuple[str, int] = (address[1], endpoint.port) if address else endpoint.path
        await loop.sock_connect(peer, where)
        answer = b""
        await loop.sock_sendall(peer, said)
        while len(answer) < wanted and (part := await loop.sock_recv(peer, wanted - len(answer))):
            answer += part
        return answer


async def _mechanism_at(endpoint: Endpoint, address: Address | None, within_s: float) -> bytes | None:
    """What the peer greets with; None when there is no greeting in that time."""
    try:
        async with asyncio.timeout(within_s):
            answer = await _probe(endpoint, address, _HALF_GREETING, _MECHANISM.stop)
    except (OSError, TimeoutError):
        return None
    is_greeting = answer.startswith(_SIGNATURE) and len(answer) == _MECHANISM.stop
    return answer[_MECHANISM].rstrip(b"\0") if is_greeting else None


def _kind_of(error: OSError) -> FailureKind:
    # Python maps the Windows codes to these classes too.
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return FailureKind.REFUSED
    if isinstance(error, ConnectionResetError):
        return FailureKind.RESET
    return FailureKind.TIMEOUT if isinstance(error, TimeoutError) else FailureKind.UNREACHABLE
