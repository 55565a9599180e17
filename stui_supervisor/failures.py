"""How failures are told apart: one table with the wording for people and the curve of each kind."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class FailureKind(StrEnum):
    """Why an attempt failed or a link was lost."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NAME_NOT_FOUND = "name_not_found"
    TIMEOUT = "timeout"
    NOT_ZEROMQ = "not_zeromq"
    RESET = "reset"
    SILENT = "silent"
    FROZEN = "frozen"
    PROTOCOL = "protocol_error"
    CREDENTIAL = "credential_not_readable"
    KEY_REFUSED = "key_refused"


class FailureClass(NamedTuple):
    """What a kind of failure means to a person, and its curve.

    The longest wait is ``local_s`` for a backend on this machine and ``remote_s`` for any other while
    an outage is young (Settings.quick_retry_s), then doubles up to ``cap_s``.
    """

    meaning: str
    hint: str
    local_s: float
    remote_s: float
    cap_s: float


FAILURES: Final[dict[FailureKind, FailureClass]] = {
    FailureKind.REFUSED: FailureClass(
        "nothing listens there", "start the image's STUI server, or check the port", 0.15, 0.5, 5.0
    ),
    FailureKind.UNREACHABLE: FailureClass(
        "the host cannot be reached", "check the network, the VPN and the address", 0.5, 0.5, 5.0
    ),
    FailureKind.NAME_NOT_FOUND: FailureClass(
        "the host name is not known", "check the spelling and the network's name service", 1.0, 1.0, 10.0
    ),
    FailureKind.TIMEOUT: FailureClass(
        "no answer from the host", "check the network, the firewall and whether the host is up", 0.15, 0.5, 5.0
    ),
    FailureKind.NOT_ZEROMQ: FailureClass(
        "something accepts connections there but does not speak ZeroMQ, or is frozen",
        "check that the port is the one of the image's STUI server",
        0.5,
        1.0,
        5.0,
    ),
    FailureKind.RESET: FailureClass(
        "the connection ended: a restart, or a reply above 10 MB",
        "the image may be restarting, or its reply was larger than 10 MB",
        0.15,
        0.5,
        5.0,
    ),
    FailureKind.SILENT: FailureClass(
        "nothing comes through any more",
        "check the network; the link is made again as soon as it lets it",
        0.15,
        0.5,
        5.0,
    ),
    FailureKind.FROZEN: FailureClass(
        "the host is there but the backend's process is frozen", "look at the process; it may be stopped", 0.5, 0.5, 5.0
    ),
    FailureKind.PROTOCOL: FailureClass(
        "what answers there does not speak STUI's protocol", "check that the port is the STUI server's", 1.0, 1.0, 30.0
    ),
    FailureKind.CREDENTIAL: FailureClass(
        "the credential could not be read", "unlock the keyring, or set STUI_TOKEN for one run", 2.0, 2.0, 30.0
    ),
    FailureKind.KEY_REFUSED: FailureClass(
        "the encrypted handshake was refused", "compare the pinned key with the backend's", 0.5, 1.0, 5.0
    ),
}


class Failure(NamedTuple):
    """One failure: its kind and, where there is more to say, the detail in ``message``."""

    kind: FailureKind
    message: str = ""

    def __str__(self) -> str:
        meaning = FAILURES[self.kind].meaning
        return f"{meaning} ({self.message})" if self.message else meaning
