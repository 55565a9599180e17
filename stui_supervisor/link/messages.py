"""What a link asks of the outside, and what it is told. Each answer carries the number of its attempt."""

from __future__ import annotations

from typing import NamedTuple

from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import CredentialError
from stui_supervisor.failures import Failure
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.secret import Secret
from stui_supervisor.security.trust import ANYONE, Trust


class ReadCredential(NamedTuple):
    """Read what the endpoint asks for; answer with CredentialRead or CredentialFailed.

    That is its token, and with a pinned ``server_key`` the keys of an encrypted link.
    """

    link: int
    endpoint: Endpoint
    with_token: bool = True
    server_key: str | None = None


class OpenLink(NamedTuple):
    """Begin an attempt, encrypted where there are keys; answer with Opened or Lost."""

    link: int
    endpoint: Endpoint
    timeout_s: float
    curve: CurveKeys | None = None
    trust: Trust = ANYONE


class CloseLink(NamedTuple):
    """Let go of the link."""

    link: int


class LookOut(NamedTuple):
    """Look, many times a second, whether anybody listens at these endpoints of this machine, and at no others any more.

    Answer for each of them with SeenListening: what is seen first, and later that somebody listens; after that,
    the endpoint is looked at no more.
    """

    number: int
    endpoints: tuple[Endpoint, ...]


class CredentialRead(NamedTuple):
    """The credential for the attempt and the keys of its link, as far as there are any."""

    link: int
    secret: Secret | None
    source: str
    curve: CurveKeys | None = None


class CredentialFailed(NamedTuple):
    """The credential could not be read."""

    link: int
    error: CredentialError


class Opened(NamedTuple):
    """The link's transport is up."""

    link: int


class SeenListening(NamedTuple):
    """Whether anybody listens at an endpoint of this machine; None where that cannot be seen."""

    number: int
    endpoint: Endpoint
    is_listening: bool | None


class NotTaken(NamedTuple):
    """The link did not take the message of the last Send; the backend certainly has not got it."""

    link: int
    token: bytes


class Received(NamedTuple):
    """The link brought a reply."""

    link: int
    token: bytes
    body: bytes

    def __repr__(self) -> str:
        return f"Received({self.link}, {self.token!r}, {len(self.body)} bytes)"  # which may quote the backend's token


class Lost(NamedTuple):
    """The link never came up, or is gone."""

    link: int
    failure: Failure
