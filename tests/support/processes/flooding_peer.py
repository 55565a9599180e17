"""A ZMTP peer written by hand whose one message has frames without end; and what hearing it takes.

As a program: opens a link or a subscription to the endpoint in its second argument, and prints by how many bytes this
process grew at most, how long that lasted, and why it ended. The command that resets the count is in proc(5) (Linux).
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from stui_supervisor.adapters.zmq.transport import ZmqTransport
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure
from tests.support.processes.link_listener import TIMES, Heard

GREETING: Final = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
_MORE, _LONG = 1, 2
_BATCH_BYTES: Final = 200_000
_AT_ONCE: Final = 0.0
_RESET_PEAK: Final = "5"
_BYTES_PER_KB: Final = 1024


class Cost(NamedTuple):
    """What hearing it took."""

    grown_bytes: int
    took_s: float
    failure: str


@contextmanager
def flooding(kind: bytes, frame_bytes: int, *, over_ipc: bool = False, pause_s: float = _AT_ONCE) -> Iterator[str]:
    """One that is a socket of this kind, and sends frames of this size, so many bytes at a time; gives its endpoint."""
    with (
        tempfile.TemporaryDirectory() as directory,
        socket.socket(socket.AF_UNIX if over_ipc else socket.AF_INET) as server,
    ):
        server.bind(f"{directory}/flood" if over_ipc else ("127.0.0.1", 0))
        server.listen()
        stopped = threading.Event()
        threading.Thread(target=_serve, args=(server, kind, frame_bytes, pause_s, stopped), daemon=True).start()
        yield f"ipc://{directory}/flood" if over_ipc else f"tcp://127.0.0.1:{server.getsockname()[1]}"
        stopped.set()
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


def cost_of_hearing(kind: bytes, endpoint: str) -> Cost:
    """What it takes another process to hear it."""
    command = [sys.executable, "-m", "tests.support.processes.flooding_peer", kind.decode(), endpoint]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return Cost(*json.loads(run.stdout))


def ready(kind: bytes) -> bytes:
    """The command by which a socket of this kind ends its half of a handshake."""
    said = b"\x05READY\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind
    return bytes((4, len(said))) + said


def _serve(server: socket.socket, kind: bytes, frame_bytes: int, pause_s: float, stopped: threading.Event) -> None:
    with suppress(OSError):
        connection, _ = server.accept()
        with connection:
            connection.sendall(GREETING)
            connection.sendall(ready(kind))
            connection.recv(1_000)
            stopped.wait(0.5)
            frame = _frame(frame_bytes)
            batch = frame * max(1, _BATCH_BYTES // len(frame))
            while not stopped.wait(pause_s):
                connection.sendall(batch)


def _frame(size: int) -> bytes:
    if size < 256:
        return bytes((_MORE, size)) + b"x" * size
    return bytes((_MORE | _LONG,)) + size.to_bytes(8, "big") + b"x" * size


async def _hear(kind: str, endpoint: str) -> Cost:
    transport, listener = ZmqTransport(), Heard()
    where = Endpoint.parse(endpoint)
    connection = transport.subscription(where, (), TIMES) if kind == "PUB" else transport(where, TIMES)
    before, began = _reset_peak(), time.monotonic()
    connection.open(listener)
    (failure,) = await listener.hears(1)
    if failure == "opened":
        before, began = _reset_peak(), time.monotonic()
        *_, failure = await listener.hears(2)
    took_s = time.monotonic() - began
    await asyncio.sleep(0.2)  # libzmq still reads for a moment
    grown = _peak() - before
    connection.close()
    transport.close()
    return Cost(grown, took_s, failure.message if isinstance(failure, Failure) else str(failure))


def _reset_peak() -> int:
    Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    return _peak()


def _peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return _BYTES_PER_KB * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_hear(*sys.argv[1:]))))
