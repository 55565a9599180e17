"""Where a backend listens: ``tcp://HOST:PORT`` or ``ipc://PATH``.

One endpoint has one spelling, by which pins, keyring items and records find it. A relative IPC path means something
only in the working directory of whoever names it, so it is made absolute there and then; one that an earlier version
has stored as it was typed is not followed by itself.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from stui_supervisor.errors import ConfigurationError

_EXAMPLE: Final = "write tcp://HOST:PORT, for instance tcp://127.0.0.1:5555, or ipc:///PATH"
_HOST_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")
_AUTHORITY: Final = re.compile(r"(?P<host>\[[^\[\]]+\]|[^\[\]:]+):(?P<port>[0-9]{1,9})\Z")
_HOST_MAX_LENGTH: Final = 253
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]*\Z|[0-9]+\Z")  # of inet_aton(3): hex, octal or decimal
_OCTETS: Final = 4
_OCTET_MAX: Final = 255
_ABSTRACT: Final = "@"  # begins a name of Linux that is no file
_NAMED_LOOPBACK: Final = "localhost"
_PORT_MAX: Final = 65_535
_IPC_PATH_MAX_BYTES: Final = 100  # sockaddr_un holds 104 bytes on macOS, 108 on Linux
_DRIVE: Final = re.compile(r"[A-Za-z]:[/\\]")


class RelativePath(ConfigurationError):
    """A stored path that means something only where it was typed."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        super().__init__(
            f"{shown} is a relative path, and the directory that it belongs to is not known",
            hint="name the endpoint with its whole path, or in the directory from which this one leads there",
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address; ``parse`` checks it, ``str(endpoint)`` gives it back in its normal form.

    ``host`` and ``port`` belong to ``tcp``, ``path`` to ``ipc``. IPv6 hosts are kept without brackets.
    ``directory`` is where it was named, if that is known, and ``stored_as`` are other spellings of it that an earlier
    version has stored; neither says where it is.
    """

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    directory: str = field(default="", compare=False, repr=False)
    stored_as: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def parse(cls, text: str | Endpoint) -> Endpoint:
        """Read an address that a person names. Raises ConfigurationError, which says what a right one looks like.

        A relative IPC path is one of the working directory. One that was made without this is checked too: libzmq
        takes ports that do not exist for others.
        """
        if isinstance(text, Endpoint):
            is_whole = text.path.startswith(_ABSTRACT) or _is_absolute(text.path)
            directory = text.directory if is_whole else _working_directory(text)
            return replace(cls._named(str(text), directory), stored_as=text.stored_as)
        endpoint = cls._named(text, _working_directory(text))
        return endpoint if str(endpoint) == text else replace(endpoint, stored_as=(text,))

    @classmethod
    def stored(cls, text: str) -> Endpoint:
        """Read an address from a file, or one that a backend has named.

        Raises RelativePath for a path that is not absolute, else as ``parse`` does.
        """
        endpoint = cls._read(text, "")
        return endpoint if str(endpoint) == text else replace(endpoint, stored_as=(text,))

    @classmethod
    def _named(cls, text: str, directory: str) -> Endpoint:
        try:
            return cls._read(text, directory)
        except RelativePath as error:
            words = f"{error.shown} is a relative path, and the working directory is gone"
            raise ConfigurationError(words, hint="name the whole path") from None

    @classmethod
    def _read(cls, text: str, directory: str) -> Endpoint:
        if not isinstance(text, str):
            raise ConfigurationError(f"an endpoint is text, not {type(text).__name__}", hint=_EXAMPLE)
        shown = ascii(text if len(text) <= _HOST_MAX_LENGTH else text[:_HOST_MAX_LENGTH] + "…")
        scheme, separator, rest = text.partition("://")
        scheme = scheme.lower()
        if not separator:
            raise ConfigurationError(f"{shown} has no scheme", hint=_EXAMPLE)
        if scheme == "ipc":
            return cls._parse_ipc(rest, shown, directory)
        if scheme != "tcp":
            raise ConfigurationError(f"{shown}: the scheme {scheme[:20]!a} is not supported", hint=_EXAMPLE)
        return cls._parse_tcp(rest, shown)

    @classmethod
    def _parse_ipc(cls, path: str, shown: str, directory: str) -> Endpoint:
        if path and path.isprintable() and not path.startswith(_ABSTRACT):
            path = _absolute(path, directory, shown)
        if not path or not path.isprintable():
            raise ConfigurationError(f"{shown} has no usable path", hint=_EXAMPLE)
        if len(path.encode()) > _IPC_PATH_MAX_BYTES:
            raise ConfigurationError(
                f"{shown}: the path is longer than {_IPC_PATH_MAX_BYTES} bytes", hint="use a shorter directory"
            )
        return cls("ipc", path=path, directory=directory)

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
        one = _one_spelling(host, bracketed=match["host"].startswith("["))
        if one is None:
            raise ConfigurationError(f"{shown} has no usable host name", hint=_EXAMPLE)
        return cls("tcp", host=one, port=port)

    @property
    def is_local(self) -> bool:
        """True when the backend is on this machine, or was named so: IPC, or a loopback address or name."""
        return self.is_named_loopback or self.is_loopback

    @property
    def is_named_loopback(self) -> bool:
        """True for ``localhost``: it means this machine, but where it leads to is for the system to say."""
        return self.host == _NAMED_LOOPBACK

    @property
    def is_loopback(self) -> bool:
        """True when nothing that is sent there leaves this machine: IPC, or an address of loopback."""
        return self.scheme == "ipc" or is_loopback(self.host)

    @property
    def socket_name(self) -> str:
        """The path as the system takes it: names that are no files begin with NUL there."""
        return "\0" + self.path[1:] if self.path.startswith(_ABSTRACT) else self.path

    def is_stored_as(self, text: str) -> bool:
        """True when a text that was stored means this endpoint.

        A relative path does in the directory in which this one was named.
        """
        if text == str(self):
            return True
        try:
            return self._read(text, self.directory) == self
        except ConfigurationError:
            return False

    def may_be(self, text: str) -> bool:
        """True when a text that was stored is a relative path which may lead here, as far as can be said."""
        scheme, _, path = text.partition("://")
        if scheme.lower() != "ipc" or _is_absolute(path) or path.startswith(_ABSTRACT):
            return False
        end = _tidy(path)  # without the way up, which leads anywhere
        return self.path == end or self.path.endswith(end)

    def __str__(self) -> str:
        if self.scheme == "ipc":
            return f"ipc://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def usable(texts: Iterable[str]) -> Iterator[Endpoint]:
    """Those of the stored addresses that this version can use; a later one may know of more kinds."""
    for text in texts:
        with suppress(ConfigurationError):
            yield Endpoint.stored(text)


def are_same(text: str | None, other: str | None) -> bool:
    """True when two stored texts mean one endpoint."""
    if text == other:
        return True
    try:
        return text is not None and other is not None and Endpoint.stored(text) == Endpoint.stored(other)
    except ConfigurationError:
        return False


def relative_among(texts: Iterable[str | None]) -> RelativePath | None:
    """What is wrong with the first of these stored texts that is a relative path; None where there is none."""
    for text in filter(None, texts):
        try:
            Endpoint.stored(text)
        except RelativePath as error:
            return error
        except ConfigurationError:
            continue
    return None


def is_loopback(host: str) -> bool:
    """True for an address of loopback; a name is none."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _one_spelling(host: str, *, bracketed: bool) -> str | None:
    """The host as every spelling of it is written here; None for what cannot be one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None if bracketed else _one_name(host)
    if isinstance(address, ipaddress.IPv4Address):
        return None if bracketed else str(address)
    if not bracketed:
        return None
    if address.ipv4_mapped is not None:  # the connection is one of IPv4
        return str(address.ipv4_mapped)
    return str(address).partition("%")[0] if address.is_loopback else str(address)


def _one_name(host: str) -> str | None:
    """A name without the dot that may end it, or the address that the system takes it for."""
    host = host.removesuffix(".")
    labels = host.split(".")
    if len(host) > _HOST_MAX_LENGTH or labels[-1].isdigit() or not all(map(_HOST_LABEL.match, labels)):
        return None
    return _address_of(labels) if all(map(_NUMBER.match, labels)) else host


def _address_of(labels: list[str]) -> str | None:
    """The IPv4 address that inet_aton(3) reads from one to four numbers, the last of which fills what is left."""
    *first, last = (_number(label) for label in labels)
    if len(labels) > _OCTETS or None in first or last is None:
        return None
    room = 8 * (_OCTETS - len(first))
    if last >= 1 << room or any(number is None or number > _OCTET_MAX for number in first):
        return None
    value = sum((number or 0) << 8 * (_OCTETS - 1 - place) for place, number in enumerate(first))
    return str(ipaddress.IPv4Address(value + last))


def _number(label: str) -> int | None:
    try:
        if label[:2] in {"0x", "0X"}:
            return int(label[2:] or "0", 16)
        return int(label, 8 if label.startswith("0") else 10)
    except ValueError:
        return None


def _working_directory(endpoint: str | Endpoint) -> str:
    """Where a person stands who names a path; empty where there is none, or none is needed."""
    if not str(endpoint).lower().startswith("ipc:"):
        return ""
    import os  # noqa: PLC0415  # the one thing that is asked of the system here

    try:
        return os.getcwd() if os.name == "posix" else os.getcwd().replace("\\", "/")  # noqa: PTH109  # text is wanted
    except OSError:  # it is gone
        return ""


def _absolute(path: str, directory: str, shown: str) -> str:
    """The path from the root, without what says nothing. Links are not looked at, so that ``..`` stays."""
    if _is_absolute(path):
        return _tidy(path)
    if not directory:
        raise RelativePath(shown)
    above = _tidy(directory)
    parts = [part for part in path.split("/") if part not in {"", "."}]
    while parts and parts[0] == "..":  # no link: the system gives the directory without any
        above, parts = above.rpartition("/")[0], parts[1:]
    return _tidy("/".join((above, *parts)))


def _is_absolute(path: str) -> bool:
    return path.startswith("/") or _DRIVE.match(path) is not None


def _tidy(path: str) -> str:
    parts = [part for part in path.split("/") if part not in {"", "."}]
    while _DRIVE.match(path) is None and parts and parts[0] == "..":  # above the root is the root
        del parts[0]
    return ("" if _DRIVE.match(path) else "/") + "/".join(parts)
