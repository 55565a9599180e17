"""Whose process listens at an IPC socket: the kernel says who began to listen there, whoever may own the file.

A socket's path may lie where others can write, and then anybody can listen in the backend's place.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from typing import Final

from stui_supervisor.failures import Failure, FailureKind

_UCRED: Final = struct.Struct("=iII")  # Linux, unix(7): process, user, group
_XUCRED: Final = struct.Struct("=IIh2x16I")  # macOS, sys/ucred.h: version, user, groups
_SOL_LOCAL: Final = 0
_LOCAL_PEERCRED: Final = 1
_ROOT: Final = 0

can_be_asked: Final = sys.platform in {"linux", "darwin"}


def trusted_users(ipc_owner: str | None) -> frozenset[int] | Failure:
    """The users who may listen: this one, root, and the one that the profile names. It may block, by a name service."""
    if not can_be_asked:
        words = "this system does not tell whose it is, so the owner whom the profile names cannot be checked"
        return frozenset() if ipc_owner is None else Failure(FailureKind.IPC_OWNER, words)
    ours = frozenset({_ROOT, os.geteuid()})
    if ipc_owner is None:
        return ours
    named = user_number(ipc_owner)
    words = f"the profile names {ipc_owner!a} as its owner, and this machine knows no such user"
    return Failure(FailureKind.IPC_OWNER, words) if named is None else ours | {named}


def user_number(name: str) -> int | None:
    """The number of a user given by name or number; None for one that is not known. It may block, as above."""
    if name.isascii() and name.isdigit():
        return int(name)
    import pwd  # noqa: PLC0415  # not on Windows

    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError, OSError):
        return None


def user_name(number: int) -> str:
    """What people call the user, with the number. It may block, as above."""
    import pwd  # noqa: PLC0415  # not on Windows

    try:
        return f"{pwd.getpwuid(number).pw_name} ({number})"
    except (KeyError, OverflowError, OSError):
        return str(number)


def user_at(descriptor: int) -> int:
    """The user of the process that listens at the other end. Raises OSError for what is no such connection."""
    own = os.dup(descriptor)
    try:
        connection = socket.socket(fileno=own)
    except OSError:
        os.close(own)
        raise
    with connection:
        if connection.family != socket.AF_UNIX:
            raise OSError(0, "it is no IPC connection")
        if sys.platform == "darwin":
            raw = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED.size)
            return int(_XUCRED.unpack(raw)[1])
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        return int(_UCRED.unpack(raw)[1])
