"""Why an attempt at a link failed, found out without libzmq.

Its monitor tells of a connection that was not made, but not the errno; and of a handshake that ended,
but which of two peers that do not fit hangs up first is chance. So the peer is connected to once more,
plainly: that gives the errno, or what it says of itself. A cause is named only where something shows it; else
what was seen is said.
"""

from __future__ import annotations

import errno
import os
from typing import Final

import zmq

from stui_supervisor.adapters.zmq.greeting import NULL, PeerGreeting, connect_once, look_at
from stui_supervisor.adapters.zmq.resolver import Address, is_here
from stui_supervisor.config import SAID_MAX_LENGTH
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.printable import printable
from stui_supervisor.security.curve import CurveKeys

# The greeting, and the WELCOME that only the owner of the key can make (ZeroMQ RFCs 37 and 26).
_KEY_SHOWN_BYTES: Final = 64 + 170
_CURVE: Final = b"CURVE"
_FITTING: Final = {zmq.DEALER: ("REP", "ROUTER", "DEALER"), zmq.SUB: ("PUB", "XPUB")}  # RFC 28 and 29
_NO_WAY: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, getattr(errno, "EHOSTDOWN", -1)}


async def why_refused(
    event: int,
    endpoint: Endpoint,
    address: Address | None,
    curve: CurveKeys | None,
    received_bytes: int | None,
    kind: int = zmq.DEALER,
) -> Failure:
    """Why a handshake ended with this ``event`` of the monitor, after ``received_bytes`` had come; None: not known.

    ``kind`` is the type of our own socket. What is not known counts as no refusal: the next attempt may tell.
    """
    seen = await look_at(endpoint, address)
    misfit = _misfit(seen, curve, kind)
    if misfit is not None:
        return misfit
    if seen.mechanism is not None and event == zmq.Event.HANDSHAKE_FAILED_AUTH:
        words = "the backend does not let us in" + (f" (our public key is {curve.public})" if curve else "")
        return Failure(FailureKind.KEY_REFUSED, words)
    if seen.mechanism == _CURVE and received_bytes is not None and received_bytes < _KEY_SHOWN_BYTES:
        return Failure(FailureKind.KEY_REFUSED, "the backend does not have the pinned key")
    if seen.is_zeromq or not seen.is_connected:
        return Failure(FailureKind.RESET, "during the handshake")
    return _without_greeting(seen)


async def why_unfinished(
    endpoint: Endpoint, address: Address | None, curve: CurveKeys | None, received_bytes: int | None, kind: int
) -> Failure:
    """Why an accepted connection led to no handshake in time; ``received_bytes`` is None where it is not known."""
    if received_bytes == 0:
        return Failure(FailureKind.NO_HANDSHAKE, "it says nothing")
    seen = await look_at(endpoint, address)
    misfit = _misfit(seen, curve, kind)
    if misfit is not None:
        return misfit
    if seen.is_zeromq or not seen.is_connected:
        return Failure(FailureKind.NO_HANDSHAKE, "the handshake was not over in time")
    return _without_greeting(seen)


async def why_not_connected(endpoint: Endpoint, address: Address | None) -> Failure:
    """Why a connection was not made, found out by trying once more."""
    try:
        await connect_once(endpoint, address)
    except OSError as error:
        is_mine = address is not None and not endpoint.is_local and is_here(address)
        return not_made(error)._replace(is_here=is_mine)
    # It has just come up, or its queue was full.
    return Failure(FailureKind.NO_CONNECTION, "the first was not made, a second one was accepted")


def not_made(error: OSError) -> Failure:
    """The Failure that an error of connecting stands for."""
    # An event loop puts words and an address of its own in place of the system's; Windows has them only there.
    words = os.strerror(error.errno) if os.name == "posix" and error.errno else error.strerror
    return Failure(_kind_of(error), words or str(error))


def _misfit(seen: PeerGreeting, curve: CurveKeys | None, kind: int) -> Failure | None:
    """What the other end says of itself that does not fit with this one."""
    if seen.mechanism is None:
        return None
    if seen.mechanism == _CURVE:
        return Failure(FailureKind.KEY_REFUSED, "the backend encrypts") if curve is None else None
    if seen.mechanism != NULL:
        return Failure(FailureKind.OTHER_MECHANISM, _shown(seen.mechanism))
    if curve is not None:
        return Failure(FailureKind.KEY_REFUSED, "the backend does not encrypt")
    if seen.socket_type is not None and seen.socket_type not in _FITTING[zmq.SocketType(kind)]:
        return Failure(FailureKind.OTHER_SOCKET, f"its type is {printable(seen.socket_type[:SAID_MAX_LENGTH])}")
    return None


def _without_greeting(seen: PeerGreeting) -> Failure:
    """What was seen of a peer that is not known to speak ZeroMQ."""
    if seen.said.startswith(b"\xff"):
        return Failure(FailureKind.NO_HANDSHAKE, "it began a greeting and did not end it")
    if seen.said:
        return Failure(FailureKind.NOT_ZEROMQ, f"it says {_shown(seen.said)}")
    # A forwarder whose backend is away accepts and closes too.
    words = "it closes the connection without a word" if seen.has_hung_up else "it says nothing"
    return Failure(FailureKind.NO_HANDSHAKE, words)


def _shown(said: bytes) -> str:
    first = said.splitlines()[0] if said.strip() else said
    return ascii(first.decode("latin-1"))[: SAID_MAX_LENGTH + 1].rstrip("'\"\\") + "'"


def _kind_of(error: OSError) -> FailureKind:
    # Python maps the Windows codes to these classes too.
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return FailureKind.REFUSED
    if isinstance(error, ConnectionResetError):
        return FailureKind.RESET
    if isinstance(error, TimeoutError):
        return FailureKind.TIMEOUT
    return FailureKind.UNREACHABLE if error.errno in _NO_WAY else FailureKind.NO_CONNECTION
