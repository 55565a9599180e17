"""Why an attempt at a link failed, found out without libzmq.

Its monitor tells of a connection that was not made, but not the errno; and of a handshake that ended,
but which of two peers that do not fit hangs up first is chance. So the peer is connected to once more,
plainly: that gives the errno, or a greeting which names its mechanism.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import zmq

from stui_supervisor.adapters.addresses import Address, is_here
from stui_supervisor.adapters.greeting import connect_once, mechanism_at
from stui_supervisor.config import GREETING_WAIT_S
from stui_supervisor.curve import CurveKeys
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind

# The greeting, and the WELCOME that only the owner of the key can make (ZeroMQ RFCs 37 and 26).
_KEY_SHOWN_BYTES: Final = 64 + 170


async def why_refused(
    event: int, endpoint: Endpoint, address: Address | None, curve: CurveKeys | None, received_bytes: int | None
) -> Failure:
    """What the end of a handshake means, which the monitor told as ``event``, after so much had come.

    None for what is not known is no refusal: the next attempt may tell.
    """
    mechanism = await _mechanism_at(endpoint, address)
    words: str | None = None
    if mechanism == b"CURVE" and curve is None:
        words = "the backend encrypts"
    elif mechanism == b"NULL" and curve is not None:
        words = "the backend does not encrypt"
    elif mechanism is not None and event == zmq.Event.HANDSHAKE_FAILED_AUTH:
        words = "the backend does not let us in" + (f" (our public key is {curve.public})" if curve else "")
    elif mechanism == b"CURVE" and (received_bytes is None or received_bytes >= _KEY_SHOWN_BYTES):
        return Failure(FailureKind.RESET)
    elif mechanism == b"CURVE":
        words = "the backend does not have the pinned key"
    # A forwarder whose backend is away accepts and closes too; it does not greet.
    return Failure(FailureKind.NOT_ZEROMQ) if words is None else Failure(FailureKind.KEY_REFUSED, words)


async def why_not_connected(endpoint: Endpoint, address: Address | None) -> Failure:
    """What kept a connection from being made."""
    try:
        await connect_once(endpoint, address)
    except OSError as error:
        is_mine = address is not None and not endpoint.is_local and is_here(address)
        return Failure(_kind_of(error), error.strerror or "", is_mine)
    # It accepts connections now: it has just come up, or its queue was full.
    return Failure(FailureKind.REFUSED, "it listens since a moment ago")


async def _mechanism_at(endpoint: Endpoint, address: Address | None) -> bytes | None:
    with suppress(OSError):  # a TimeoutError is one
        async with asyncio.timeout(GREETING_WAIT_S):
            return await mechanism_at(endpoint, address)
    return None


def _kind_of(error: OSError) -> FailureKind:
    # Python maps the Windows codes to these classes too.
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return FailureKind.REFUSED
    if isinstance(error, ConnectionResetError):
        return FailureKind.RESET
    return FailureKind.TIMEOUT if isinstance(error, TimeoutError) else FailureKind.UNREACHABLE
