"""A line that delays and loses: a TCP proxy, as a process of its own, between a client and a backend on this machine.

``jitter_proxy.py PORT SEED`` prints the port on which it accepts what it hands on to 127.0.0.1:PORT; it ends
with its stdin. What it models is what a program sees of such a line. Each piece of data arrives up to
``JITTER_S`` late, drawn anew, either way. TCP hides loss: a lost piece is sent again after the sender's
retransmission timeout, twice that when it is lost again and so on (RFC 6298, section 5.5), and whatever was
sent after it waits, because TCP hands over in order. So 5 % of the pieces are late by 0.2 to 0.4 s and its
doublings, and the ones behind them too. What it does not model is the acknowledgements: those come from this
machine's kernel, at once. ``Network.lossy`` has those lost as well.
"""

from __future__ import annotations

import asyncio
import sys
from random import Random
from typing import Final

JITTER_S: Final = 0.3
LOSS: Final = 0.05
RETRANSMISSION_S: Final = (0.2, 0.4)
_PIECE_BYTES: Final = 65_536

Piece = tuple[float, bytes]


def delay_s(rng: Random) -> float:
    """How late one piece is."""
    late_s, again_s = rng.uniform(0.0, JITTER_S), rng.uniform(*RETRANSMISSION_S)
    while rng.random() < LOSS:
        late_s += again_s
        again_s *= 2
    return late_s


async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, rng: Random) -> None:
    """Hand on one direction of a connection, to its end."""
    pieces: asyncio.Queue[Piece] = asyncio.Queue()
    handing_on = asyncio.create_task(hand_on(pieces, sink))
    now = asyncio.get_running_loop().time
    while piece := await source.read(_PIECE_BYTES):
        pieces.put_nowait((now() + delay_s(rng), piece))
    pieces.put_nowait((now(), b""))
    await handing_on


async def hand_on(pieces: asyncio.Queue[Piece], sink: asyncio.StreamWriter) -> None:
    """Write the pieces in order, each when it is due."""
    now = asyncio.get_running_loop().time
    while True:
        due, piece = await pieces.get()
        await asyncio.sleep(due - now())
        if not piece:
            break
        sink.write(piece)
        await sink.drain()
    sink.close()


async def main(port: int, seed: int) -> None:
    rng = Random(seed)  # noqa: S311  # not a secret

    async def serve(client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        backend_in, backend_out = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(
            carry(client_in, backend_out, rng), carry(backend_in, client_out, rng), return_exceptions=True
        )
        for end in (client_out, backend_out):
            end.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
