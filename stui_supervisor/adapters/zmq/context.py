"""One ZeroMQ context for all links of the process: its I/O thread is shared, and ends with the last link."""

from __future__ import annotations

import os
import threading

import zmq

from stui_supervisor.config import ZMQ_DESCRIPTORS, ZMQ_SOCKETS_MAX

_lock = threading.Lock()
_context: zmq.Context[zmq.Socket[bytes]] | None = None
_pid = 0
_users = 0


def acquire() -> zmq.Context[zmq.Socket[bytes]]:
    """The shared context; ``release`` it once every socket made from it is closed."""
    global _context, _pid, _users  # noqa: PLW0603  # the one place where the process-wide context lives
    with _lock:
        if _context is None or _pid != os.getpid():
            _need_descriptors()
            # A forked child must not touch the threads of its parent's context.
            _context, _pid, _users = zmq.Context(), os.getpid(), 0
            _context.max_sockets = ZMQ_SOCKETS_MAX
        _users += 1
        return _context


def _need_descriptors() -> None:
    """Raises OSError when the process is about to run out of descriptors: libzmq would abort it."""
    spare: list[int] = []
    try:
        while len(spare) < ZMQ_DESCRIPTORS:
            spare.append(os.open(os.devnull, os.O_RDONLY))
    finally:
        for descriptor in spare:
            os.close(descriptor)


def release() -> None:
    """Give the context back; the last one out ends its threads."""
    global _context, _users  # noqa: PLW0603  # as above
    with _lock:
        _users -= 1
        if _users == 0 and _context is not None:
            _context.term()
            _context = None
