"""Whom a connection may end at, beside what its keys say."""

from __future__ import annotations

from typing import NamedTuple


class Trust(NamedTuple):
    """What has to be true of the other end before the first message.

    ``only_loopback``: a name may lead to an address of loopback only, as a token goes there in the clear. For a socket
    that is the name of this machine, by which its link went.
    ``ipc_owner`` is the user, by name or number, whose IPC socket is trusted beside our own and root's.
    """

    only_loopback: bool = False
    ipc_owner: str | None = None


ANYONE = Trust()
