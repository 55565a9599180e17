"""A TCP proxy between a supervisor and its backend that can delay, hold everything back, or drop every connection."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

_CHUNK_BYTES: Final = 65_536


class TcpProxy:
    """Forwards to one port of this machine while the ``async with`` block runs; ``endpoint`` is its own address.

    What is forwarded arrives ``delay_s`` later, either way.
    """

    def __init__(self, port: int, delay_s: float = 0.0) -> None:
        self.endpoint = ""
        self._delay_s = delay_s
        self._port = port
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._ends: set[asyncio.StreamWriter] = set()

    def hold(self) -> None:
        """Forward nothing more, either way, without a word to anybody."""
        self._is_open.clear()

    def release(self) -> None:
        """Forward what was held back, and go on."""
        self._is_open.set()

    def stop_listening(self) -> None:
        """Refuse new connections; those that are open stay."""
        self._server.close()

    def drop(self) -> None:
        """End every connection as a reset does; what was on its way is lost."""
        for end in self._ends:
            end.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.transport.abort()
            return
        self._ends |= {writer, far_writer}
        pumps = [asyncio.create_task(self._pump(*ends)) for ends in ((reader, far_writer), (far_reader, writer))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            self._ends -= {writer, far_writer}
            writer.transport.abort()
            far_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                await self._is_open.wait()
                if self._delay_s:
                    asyncio.get_running_loop().call_later(self._delay_s, writer.write, chunk)
                else:
                    writer.write(chunk)
                    await writer.drain()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.endpoint = f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_listening()
        self.drop()
        await self._server.wait_closed()
