"""How failures are told apart: one table with the wording for people, and what follows from each kind."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from stui_supervisor.errors import (
    AuthenticationFailed,
    ConnectionRejected,
    DifferentImage,
    IncompatibleBackend,
    KeyRefused,
)


class FailureKind(StrEnum):
    """Why an attempt failed, a link was lost or does not come up."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NAME_NOT_FOUND = "name_not_found"
    NAME_SERVICE = "name_service"
    TIMEOUT = "timeout"
    NO_CONNECTION = "no_connection"
    NO_HANDSHAKE = "no_handshake"
    NOT_ZEROMQ = "not_zeromq"
    OTHER_SOCKET = "other_socket"
    OTHER_MECHANISM = "other_mechanism"
    RESET = "reset"
    SILENT = "silent"
    FROZEN = "frozen"
    PROTOCOL = "protocol_error"
    PROFILE = "profile_not_readable"
    CREDENTIAL = "credential_not_readable"
    BUSY_HANDSHAKE = "busy_handshake"
    IPC_OWNER = "ipc_owner"
    KEY_REFUSED = "key_refused"
    AUTHENTICATION = "authentication"
    TOKEN_IN_CLEAR = "token_in_clear"  # noqa: S105  # the name of a failure
    NOT_IDENTIFIED = "image_not_identified"
    INCOMPATIBLE = "incompatible"
    DIFFERENT_IMAGE = "different_image"
    IMAGE_NOT_NAMED = "image_not_named"
    IMAGE_NOT_IMPORTED = "image_not_imported"


class Curve(NamedTuple):
    """The longest waits before another attempt.

    ``local_s`` is for a backend on this machine and ``remote_s`` for any other while an outage is young
    (Settings.quick_retry_s); then it doubles up to ``cap_s``.
    """

    local_s: float
    remote_s: float
    cap_s: float


class FailureClass(NamedTuple):
    """What a kind of failure means to a person, and what follows from it.

    Without a ``curve`` nothing is tried again: a busy image is waited for on its link, and what has a
    ``rejection`` needs a person. One with both needs a person once it was tried often enough.
    """

    meaning: str
    hint: str
    curve: Curve | None
    rejection: type[ConnectionRejected] | None = None


_QUICK: Final = Curve(0.1, 0.5, 5.0)
_UNPINNED: Final = Curve(1.0, 1.0, 30.0)  # where the pinned image may be at another endpoint

FAILURES: Final[dict[FailureKind, FailureClass]] = {
    FailureKind.REFUSED: FailureClass(
        "nothing listens there", "start the image's STUI server, or check the port", _QUICK
    ),
    FailureKind.UNREACHABLE: FailureClass(
        "the host cannot be reached", "check the network, the VPN and the address", Curve(0.5, 0.5, 5.0)
    ),
    FailureKind.NAME_NOT_FOUND: FailureClass(
        "the host name is not known", "check the spelling and the network's name service", Curve(1.0, 1.0, 10.0)
    ),
    FailureKind.NAME_SERVICE: FailureClass(
        "the name service has not answered",
        "check the network's name service, or give the host's address instead of its name",
        Curve(0.5, 0.5, 5.0),
    ),
    FailureKind.TIMEOUT: FailureClass(
        "no answer from the host", "check the network, the firewall and whether the host is up", _QUICK
    ),
    FailureKind.NO_CONNECTION: FailureClass(
        "no connection could be made",
        "look at what the system says; it is tried again",
        _QUICK,
    ),
    FailureKind.NO_HANDSHAKE: FailureClass(
        "something accepts connections there, but no ZeroMQ handshake comes about",
        "see whether the image's STUI server runs there, and not frozen; a tunnel or forwarder may lead nowhere",
        Curve(0.5, 1.0, 5.0),
    ),
    FailureKind.NOT_ZEROMQ: FailureClass(
        "what answers there does not speak ZeroMQ",
        "check that the port is the one of the image's STUI server",
        Curve(0.5, 1.0, 5.0),
    ),
    FailureKind.OTHER_SOCKET: FailureClass(
        "what answers there speaks ZeroMQ, but is a socket of another kind",
        "check the port: notifications, for instance, have another one than requests",
        Curve(0.5, 1.0, 30.0),
    ),
    FailureKind.OTHER_MECHANISM: FailureClass(
        "what answers there speaks ZeroMQ, but asks for a security mechanism that is not supported",
        "let the image's STUI server use CURVE, or none on this machine",
        Curve(0.5, 1.0, 30.0),
    ),
    FailureKind.RESET: FailureClass(
        "the connection ended", "nothing has to be done where the image is started again", _QUICK
    ),
    FailureKind.SILENT: FailureClass(
        "nothing comes through any more", "check the network; the link is made again as soon as it lets it", _QUICK
    ),
    FailureKind.FROZEN: FailureClass(
        "the host is there but the backend's process is frozen",
        "look at the process; it may be stopped",
        Curve(0.5, 0.5, 5.0),
    ),
    FailureKind.PROTOCOL: FailureClass(
        "what answers there does not speak STUI's protocol",
        "check that the port is the STUI server's",
        Curve(1.0, 1.0, 30.0),
    ),
    FailureKind.PROFILE: FailureClass(
        "the profile cannot be read, and nothing is sent before it is known what it asks for",
        "see that profiles.json can be read, decide with 'profiles confirm', or run once with --without-profile",
        Curve(2.0, 2.0, 30.0),
    ),
    FailureKind.CREDENTIAL: FailureClass(
        "the credential could not be read",
        "look at the keyring; a token may also come from STUI_TOKEN",
        Curve(2.0, 2.0, 30.0),
    ),
    FailureKind.BUSY_HANDSHAKE: FailureClass(
        "the image does not answer; it may be computing", "wait for it, or interrupt what it computes", None
    ),
    FailureKind.IPC_OWNER: FailureClass(
        "the socket there is not shown to be a trusted user's",
        "see who listens there; if that is right, name the user: profiles add NAME --ipc-owner USER",
        Curve(1.0, 1.0, 30.0),
    ),
    FailureKind.KEY_REFUSED: FailureClass(
        "the keys or the encryption of the two ends do not match",
        "compare the pinned key with the backend's",
        Curve(0.5, 1.0, 5.0),
        KeyRefused,
    ),
    FailureKind.AUTHENTICATION: FailureClass(
        "the backend does not let this client in", "give the right token, then reconnect", None, AuthenticationFailed
    ),
    FailureKind.TOKEN_IN_CLEAR: FailureClass(
        "the token is not sent over a network in the clear",
        "pin the backend's CURVE key, link through an SSH tunnel, or allow it for this profile",
        None,
        AuthenticationFailed,
    ),
    FailureKind.NOT_IDENTIFIED: FailureClass(
        "the image did not manage to say which one it is",
        "look at the image: it answers pings with errors; it is asked again",
        Curve(1.0, 1.0, 30.0),
    ),
    FailureKind.INCOMPATIBLE: FailureClass(
        "the backend speaks another major version of STUI's protocol",
        "update stui-supervisor or the image's STUI server, then reconnect",
        None,
        IncompatibleBackend,
    ),
    FailureKind.DIFFERENT_IMAGE: FailureClass(
        "another image answers than the one the profile is pinned to",
        "connect to where the pinned image is, or change the profile's pin and reconnect",
        _UNPINNED,
        DifferentImage,
    ),
    FailureKind.IMAGE_NOT_IMPORTED: FailureClass(
        "the endpoint came with an imported session, and another image answers there than that session's",
        "connect to it by name, if that is where your work belongs",
        _UNPINNED,
        DifferentImage,
    ),
    FailureKind.IMAGE_NOT_NAMED: FailureClass(
        "the backend names no image, so the profile's pin cannot be checked",
        "take the pin away, or pin the backend's key instead, then reconnect",
        _UNPINNED,
        DifferentImage,
    ),
}


def kind_named(name: object) -> FailureKind | None:
    """The kind of this name; None without one, and for one of a later version."""
    return next((kind for kind in FailureKind if kind == name), None)


class Failure(NamedTuple):
    """One failure: its kind and, where there is more to say, the detail in ``message``.

    ``is_here`` is True where it has shown that the endpoint is on this machine, which its text does not say.
    """

    kind: FailureKind
    message: str = ""
    is_here: bool = False

    def __str__(self) -> str:
        meaning = FAILURES[self.kind].meaning
        return f"{meaning} ({self.message})" if self.message else meaning

    def as_rejection(self) -> ConnectionRejected:
        """The same as the error for the person who is needed now."""
        row = FAILURES[self.kind]
        if row.rejection is None:
            raise AssertionError(f"nobody is needed for {self.kind}")
        return row.rejection(str(self), hint=row.hint, failure=self.kind)
