"""The file of an IPC socket: what a dead backend left behind goes, what lives or is no socket stays.

libzmq itself removes whatever has the name, be it a living backend's socket or a person's file.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from stui_supervisor.errors import ConfigurationError

_IPC: Final = "ipc://"
_NOT_FILES: Final = ("*", "@")  # a name that libzmq chooses, and one that is no file (Linux)
_ONLY_OWNER: Final = 0o077  # connecting takes the right to write


@contextmanager
def private_socket(address: str) -> Iterator[None]:
    """Inside, ``address`` can be bound, and a socket file that is made then is for its owner only.

    Does nothing for an address without a file. Sets the umask of the whole process, so other threads must make
    no files meanwhile. Raises ConfigurationError when the address is in use, or what is there is no socket.
    """
    path = address.removeprefix(_IPC)
    if path == address or path.startswith(_NOT_FILES) or os.name != "posix":
        yield
        return
    _make_way(path, address)
    before = os.umask(_ONLY_OWNER)
    try:
        yield
    finally:
        os.umask(before)


def _make_way(path: str, address: str) -> None:
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ConfigurationError(f"what is at {path} is no socket", hint="name another path")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            probe.connect(path)
    except FileNotFoundError:
        return
    except ConnectionRefusedError:  # nobody listens any more
        os.unlink(path)  # noqa: PTH108  # of an address, which is text
        return
    except BlockingIOError:  # somebody listens, whose queue is full
        pass
    except OSError as error:
        raise ConfigurationError(f"{address} cannot be bound ({error.strerror})", hint="name another path") from error
    raise ConfigurationError(f"{address} is in use", hint="stop what listens there, or bind another")
