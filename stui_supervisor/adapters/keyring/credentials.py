"""The tokens of all endpoints and our own CURVE keys, each one item of the system's keyring.

An item of a token has the name of its endpoint, one of our keys that name behind ``curve``. Earlier versions kept an
endpoint as it was typed, and its key under the name of the endpoint with `` curve`` behind, which may be the name of
another endpoint's token. What they kept is read where there is nothing under the new name, and is then kept under that.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from stui_supervisor.adapters.keyring.items import FOR_ONE_RUN, KeyringItems
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError, CredentialError
from stui_supervisor.security.curve import CurveKeys, checked_key
from stui_supervisor.security.secret import Secret

_KEY: Final = "curve "
_EARLIER_KEY: Final = " curve"
_TOKEN: Final = "token "  # noqa: S105  # before an endpoint that would be named like an earlier version's key


class KeyringCredentials:
    """See ports.StoredCredentials. The item of a token is named after its endpoint."""

    source = "keyring"

    def __init__(self, items: KeyringItems | None = None) -> None:
        self._items = items or KeyringItems()

    def read(self, endpoint: Endpoint) -> Secret | None:
        """The token, or None when there is none."""
        name = _token_name(endpoint)
        token = self._items.get(name)
        if token is None:
            token = next((found for _, found in self._of_earlier_versions(endpoint)), None)
            if token is not None:
                with suppress(CredentialError):  # it is found under its old name the next time too
                    self._items.put(name, token)
        return token

    def write(self, endpoint: Endpoint, token: Secret) -> bool:
        """Keep the token; False when it was there already."""
        with suppress(CredentialError):  # which the writing tells
            self.read(endpoint)
        return self._items.put(_token_name(endpoint), token)

    def delete(self, endpoint: Endpoint) -> bool:
        """Remove the token under every name that it may have; False when there was none."""
        own = _token_name(endpoint)
        known = {own: self._items.get(own), **dict(self._of_earlier_versions(endpoint))}
        tokens = {token for token in known.values() if token is not None}
        # A relative path may have been typed in any directory: there the token itself shows that it is this one.
        others = (name for name in _relative_names(endpoint) if name not in known and self._items.get(name) in tokens)
        removed = [self._items.remove(name) for name in (*known, *others)]
        return any(removed)

    def _of_earlier_versions(self, endpoint: Endpoint) -> Iterator[tuple[str, Secret]]:
        """What may be its token under other names; our own key, which may have such a name, is none."""
        for name in _earlier_names(endpoint):
            token = self._items.get(name)
            if token is not None and not (name.endswith(_EARLIER_KEY) and _is_key(token)):
                yield name, token


class KeyringClientKeys:
    """See ports.ClientKeys. Only the secret key is kept, in an item of its own; the public one follows from it.

    Where there is no keyring a pair is kept as long as this object. It says who we are, not whom we trust.
    """

    def __init__(self, items: KeyringItems | None = None) -> None:
        self._items = items or KeyringItems()
        self._of_this_run: dict[str, Secret] = {}

    def read(self, endpoint: Endpoint, server_key: str) -> CurveKeys:
        """The keys for a link to this endpoint; our own pair is made when it is wanted first."""
        import zmq  # noqa: PLC0415  # a start without CURVE does not wait for it here

        if not zmq.has("curve"):
            hint = "install pyzmq from its own wheels: pip install --force-reinstall pyzmq"
            raise CredentialError("this libzmq cannot encrypt (no CURVE)", hint=hint)
        server = _pinned(endpoint, server_key)
        name = f"{_KEY}{endpoint}"
        try:
            if self._items.has_keyring():
                known = self._items.get(name) or self._of_earlier_versions(endpoint, name)
            else:
                known = self._of_this_run.get(name)
            if known is None:
                known = Secret(zmq.curve_keypair()[1].decode())
                self._keep(name, known)
        except CredentialError as error:  # a token of one run would not help
            raise CredentialError(error.message, hint=error.hint.removesuffix(f", {FOR_ONE_RUN}")) from None
        try:
            public = zmq.curve_public(checked_key(known.reveal()).encode()).decode()
        except ConfigurationError:
            raise _no_key(name) from None
        return CurveKeys(server, public, known)

    def _of_earlier_versions(self, endpoint: Endpoint, name: str) -> Secret | None:
        for text in (str(endpoint), *_earlier_names(endpoint)):
            earlier = f"{text}{_EARLIER_KEY}"
            known = self._items.get(earlier)
            if known is None:
                continue
            if _is_key(known):
                with suppress(CredentialError):  # it is found under its old name the next time too
                    self._items.put(name, known)
                return known
            if endpoint.scheme != "ipc":  # there it is the token of an endpoint of this name
                raise _no_key(earlier)
        return None

    def _keep(self, name: str, key: Secret) -> None:
        if self._items.has_keyring():
            self._items.put(name, key)
        else:
            self._of_this_run[name] = key


def _token_name(endpoint: Endpoint) -> str:
    text = str(endpoint)
    return f"{_TOKEN}{text}" if text.endswith(_EARLIER_KEY) else text


def _earlier_names(endpoint: Endpoint) -> Iterator[str]:
    """How an earlier version may have named it: as it was stored, and as people write it too."""
    names = [*endpoint.stored_as, str(endpoint), *_other_spellings(endpoint)]
    yield from (name for name in dict.fromkeys(names) if name != _token_name(endpoint))


def _other_spellings(endpoint: Endpoint) -> Iterator[str]:
    if endpoint.scheme == "ipc":
        directory = f"{endpoint.directory.rstrip('/')}/"
        if endpoint.directory and endpoint.path.startswith(directory):
            relative = endpoint.path.removeprefix(directory)
            yield from (f"ipc://{relative}", f"ipc://./{relative}")
        above, slash, name = endpoint.path.rpartition("/")
        yield from (f"ipc://{above}{between}{name}" for between in ("/./", "//") if slash)
        return
    try:
        address = ipaddress.ip_address(endpoint.host)
    except ValueError:
        yield f"tcp://{endpoint.host}.:{endpoint.port}"
        return
    if isinstance(address, ipaddress.IPv6Address):
        yield from (f"tcp://[{text}]:{endpoint.port}" for text in _written_out(address))
    else:
        mapped = ipaddress.IPv6Address(f"::ffff:{address}")
        yield f"tcp://[::ffff:{address}]:{endpoint.port}"
        yield f"tcp://[::ffff:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}]:{endpoint.port}"
        yield f"tcp://[{mapped.exploded}]:{endpoint.port}"


def _relative_names(endpoint: Endpoint) -> Iterator[str]:
    """What an earlier version may have kept when a path to the socket was typed in one of the directories above it."""
    if endpoint.scheme == "ipc":
        _, *parts = endpoint.path.split("/")
        for begin in range(len(parts)):
            relative = "/".join(parts[begin:])
            yield from (f"ipc://{relative}", f"ipc://./{relative}")


def _written_out(address: ipaddress.IPv6Address) -> Iterator[str]:
    """The spellings of an IPv6 address: with any run of zeros left out or none, and with leading zeros or without."""
    zone = "" if address.scope_id is None else f"%{address.scope_id}"
    long = ipaddress.IPv6Address(int(address)).exploded.split(":")  # with a zone Python writes none out
    short = [f"{int(number, 16):x}" for number in long]
    yield from (":".join(short) + zone, ":".join(long) + zone)
    begins = [at for at, number in enumerate(short) if number == "0"]
    for numbers in (short, long):
        for begin in begins:
            for end in range(begin + 1, len(short) + 1):
                if set(short[begin:end]) == {"0"}:
                    yield f"{':'.join(numbers[:begin])}::{':'.join(numbers[end:])}{zone}"


def _is_key(secret: Secret) -> bool:
    try:
        checked_key(secret.reveal())
    except ConfigurationError:
        return False
    return True


def _no_key(name: str) -> CredentialError:
    hint = f"delete the item {name!a} there; another is made then, for the backend to allow"
    return CredentialError("what the keyring holds for this link is no CURVE key", hint=hint)


def _pinned(endpoint: Endpoint, server_key: str) -> str:
    try:
        return checked_key(server_key)
    except ConfigurationError as error:
        raise CredentialError(f"the key pinned for {endpoint} is no CURVE key", hint=error.hint) from error
