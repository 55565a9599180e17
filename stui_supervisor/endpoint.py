"""Where a backend listens: ``tcp://HOST:PORT`` or ``ipc://PATH``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from stui_supervisor.errors import ConfigurationError

_EXAMPLE: Final = "write tcp://HOST:PORT, for instance tcp://127.0.0.1:5555, or ipc:///PATH"
_HOST_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")
_HOST_MAX_LENGTH: Final = 253
_PORT_MAX: Final = 65_535
_IPC_PATH_MAX_BYTES: Final = 100  # sockaddr_un holds 104 bytes on macOS, 108 on Linux


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A checked address; ``str(endpoint)`` gives it back in its normal form.

    ``host`` and ``port`` belong to ``tcp``, ``path`` to ``ipc``. IPv6 hosts are kept without brackets.
    """

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str | Endpoint) -> Endpoint:
        """Read an address. Raises ConfigurationError, which says what a right one looks like."""
        if isinstance(text, Endpoint):
            return text
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
        return cls._parse_tcp(text, shown)

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
    def _parse_tcp(cls, text: str, shown: str) -> Endpoint:
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ConfigurationError(f"{shown} holds characters that no address has", hint=_EXAMPLE)
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ConfigurationError(f"{shown}: {error}", hint=f"ports are 1 to {_PORT_MAX}; {_EXAMPLE}") from error
        if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
            raise ConfigurationError(f"{shown} has something beside a host and a port", hint=_EXAMPLE)
        if port is None or port == 0:
            raise ConfigurationError(f"{shown} has no port", hint=f"ports are 1 to {_PORT_MAX}; {_EXAMPLE}")
        if not host or not _is_host(host):
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
        return f"tcp://{host}:{self.port}"


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return True
    labels = host.rstrip(".").split(".")
    if ":" in host or len(host) > _HOST_MAX_LENGTH or labels[-1].isdigit():
        return False
    return all(_HOST_LABEL.match(label) for label in labels)
