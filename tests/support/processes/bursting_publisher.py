"""Publishers that end each connection right after a burst: ``bursting_publisher.py SECONDS`` hears them for so long.

A message of theirs has two frames, and libzmq may end a connection between the two. Prints how many bursts were heard
whole or in part, and what reached the event loop's handler of exceptions.
"""

from __future__ import annotations

import asyncio
import random
import socket
import sys
import threading
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, Final

from stui_supervisor.adapters.zmq.transport import ZmqTransport
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure
from tests.support.processes.flooding_peer import GREETING, ready
from tests.support.processes.link_listener import TIMES, Heard
from tests.support.processes.strange_servers import tcp_server
from tests.support.programs.watching import until

_PUBLISHERS: Final = 6
_MESSAGE: Final = bytes((1, 1)) + b"t" + bytes((0, 7)) + b'{"n":1}'
_BURST: Final = (20, 400)  # messages, at least and at most


def burst(peer: socket.socket) -> None:
    peer.sendall(GREETING + ready(b"PUB"))
    heard = b""
    with suppress(OSError):
        while b"SUBSCRIBE" not in heard and b"\x00\x01\x01" not in heard:
            part = peer.recv(1_000)
            if not part:
                return
            heard += part
        threading.Event().wait(random.choice((0.0, 0.01)))  # noqa: S311  # not for secrets
        peer.sendall(_MESSAGE * random.randint(*_BURST))  # noqa: S311  # as above


def has_ended(listener: Heard) -> bool:
    return any(isinstance(one, Failure) for one in listener.heard)


async def hear(transport: ZmqTransport, endpoint: str, ends_at: float) -> int:
    loop, bursts = asyncio.get_running_loop(), 0
    while loop.time() < ends_at:
        subscription, listener = transport.subscription(Endpoint.parse(endpoint), (), TIMES), Heard()
        subscription.open(listener)
        await until(partial(has_ended, listener))
        bursts += len(listener.heard) > 2
        subscription.close()
    return bursts


async def main(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    wrong: list[Any] = []
    loop.set_exception_handler(lambda _loop, context: wrong.append(repr(context.get("exception"))))
    transport = ZmqTransport()
    with ExitStack() as stack:
        endpoints = [stack.enter_context(tcp_server(burst)) for _ in range(_PUBLISHERS)]
        heard = await asyncio.gather(*(hear(transport, each, loop.time() + seconds) for each in endpoints))
    transport.close()
    sys.stdout.write(f"{sum(heard)} {wrong}\n")


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
