"""A tunnel to a port of this machine, as ``ssh -L`` makes one: what it has taken it hands on at its own pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

_HANDED_ON_EACH_S: Final = 0.1


@asynccontextmanager
async def tunnel(port: int, *, bytes_per_s: int, takes_bytes: int) -> AsyncIterator[str]:
    """Gives its endpoint. To the port it takes so much at a time, then nothing until it has handed that on."""
    carrying: set[asyncio.Task[None]] = set()

    async def serve(near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        far_in, far_out = await asyncio.open_connection("127.0.0.1", port)
        pace = int(bytes_per_s * _HANDED_ON_EACH_S)
        ways = (_carry(near_in, far_out, takes_bytes, pace), _carry(far_in, near_out, takes_bytes, takes_bytes))
        carrying.update(asyncio.create_task(way) for way in ways)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=takes_bytes)
    async with server:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, takes_bytes: int, pace: int) -> None:
    try:
        while taken := await source.read(takes_bytes):
            for start in range(0, len(taken), pace):
                sink.write(taken[start : start + pace])
                await sink.drain()
                if start + pace < len(taken):
                    await asyncio.sleep(_HANDED_ON_EACH_S)
    finally:
        sink.close()
