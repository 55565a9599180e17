"""Runs in a network namespace of its own: links over it, listens to every byte, and says what went by.

Arguments: home, secret file of a backend or "", the text to look for. Prints the state reached, the reason, and
whether the text was seen.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading

from stui_supervisor import ConnectionRejected, State, Supervisor
from tests.support.programs.watching import LIMIT_S

_ALL_PROTOCOLS = 0x0003
_MOST = 65_536


async def _linked(endpoint: str, home: str) -> tuple[str, str]:
    async with Supervisor(endpoint, home=home) as supervisor:
        try:
            return await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S), ""
        except ConnectionRejected as error:
            return supervisor.state, str(error)


def main(endpoint: str, home: str, text: str) -> None:
    seen = bytearray()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS)) as wire:
        wire.settimeout(0.2)
        ended = threading.Event()

        def listen() -> None:
            while True:
                try:
                    seen.extend(wire.recv(_MOST))
                except TimeoutError:
                    if ended.is_set():
                        return

        listener = threading.Thread(target=listen)
        listener.start()
        state, why = asyncio.run(_linked(endpoint, home))
        ended.set()
        listener.join()
    print(json.dumps([state, why, len(seen) > 0, text.encode() in seen]))  # noqa: T201  # to the test


if __name__ == "__main__":
    main(*sys.argv[1:])
