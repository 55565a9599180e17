"""Where a backend listens: ``tcp://HOST:PORT`` or ``ipc://PATH``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from stui_supervisor.errors import ConfigurationError

_EXAMPLE: Final = "write tcp://HOST:PORT, for instance tcp://127.0.0.1:5555, or ipc:///PATH"
_HOST_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")
_AUTHORITY: Final = re.compile(r"(?P<host>\[[^\[\]]+\]|[^\[\]:]+):(?P<port>[0-9]{1,9})\Z")
_HOST_MAX_LENGTH: Final = 253
_IPV6: Final = 6
_PORT_MAX: Final = 65_535
_IPC_PATH_MAX_BYTES: Final = 100  # sockaddr_un holds 104 bytes on macOS, 108 on Linux


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address; ``parse`` checks it, ``str(endpoint)`` gives it back in its normal form.

    ``host`` and ``port`` belong to ``tcp``, ``path`` to ``ipc``. IPv6 hosts are kept without brackets.
    """

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str | Endpoint) -> Endpoint:
        """Read an address. Raises ConfigurationError, which says what a right one looks like.

        One that was made without this is checked too: libzmq takes ports that do not exist for others.
        """
        if isinstance(text, Endpoint):
            return cls.parse(str(text))
        if not isinstance(text, str):
            raise ConfigurationError(f"an endpoint is text, not {type(text).__name__}", hint=_EXAMPLE)
        shown = ascii(text if len(text) <= _HOST_MAX_LENGTH else text[:_HOST_MAX_LENGTH] + "…")
        scheme, separator, rest = text.partition("://")
        scheme = scheme.lower()
        if not separator:
            raise ConfigurationError(f"{shown} has no scheme", hint=_EXAMPLE)
        if scheme == "ipc":
            return cls._parse_ipc(rest, shown)
        if scheme != "tcp":
            raise ConfigurationError(f"{shown}: the scheme {scheme[:20]!a} is not supported", hint=_EXAMPLE)
        return cls._parse_tcp(rest, shown)

    @classmethod
    def _parse_ipc(cls, path: str, shown: str) -> Endpoint:
        if not path or not path.isprintable():
            raise ConfigurationError(f"{shown} has no usable path", hint=_EXAMPLE)
        if len(path.encode()) > _IPC_PATH_MAX_BYTES:
            raise ConfigurationError(
                f"{shown}: the path is longer than {_IPC_PATH_MAX_BYTES} bytes", hint="use a shorter directory"
            )
        return cls("ipc", path=path)

    @classmethod
    def _parse_tcp(cls, rest: str, shown: str) -> Endpoint:
        if not rest.isascii() or not rest.isprintable() or " " in rest:
            raise ConfigurationError(f"{shown} holds characters that no address has", hint=_EXAMPLE)
        match = _AUTHORITY.match(rest)
        if match is None:
            raise ConfigurationError(f"{shown} is not a host and a port", hint=_EXAMPLE)
        address, percent, zone = match["host"].strip("[]").partition("%")
        host, port = address.lower() + percent + zone, int(match["port"])  # interfaces differ by case
        if not 0 < port <= _PORT_MAX:
            raise ConfigurationError(f"{shown}: the port {port} is out of range", hint=f"ports are 1 to {_PORT_MAX}")
        if not _is_host(host, bracketed=match["host"].startswith("[")):
            raise ConfigurationError(f"{shown} has no usable host name", hint=_EXAMPLE)
        return cls("tcp", host=host, port=port)

    @property
    def is_local(self) -> bool:
        """True when the backend is certainly on this machine: IPC, or a loopback address or name."""
        if self.scheme == "ipc" or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.scheme == "ipc":
            return f"ipc://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def usable(texts: Iterable[str]) -> Iterator[Endpoint]:
    """Those of the stored addresses that this version can use; a later one may know of more kinds."""
    for text in texts:
        with suppress(ConfigurationError):
            yield Endpoint.parse(text)


def _is_host(host: str, *, bracketed: bool) -> bool:
    try:
        return (ipaddress.ip_address(host).version == _IPV6) == bracketed
    except ValueError:
        labels = host.rstrip(".").split(".")
    if bracketed or len(host) > _HOST_MAX_LENGTH or labels[-1].isdigit():
        return False
    return all(_HOST_LABEL.match(label) for label in labels)
