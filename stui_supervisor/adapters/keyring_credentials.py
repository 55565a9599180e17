"""The tokens of all endpoints and our own CURVE keys, each one item of the system's keyring."""

from __future__ import annotations

from stui_supervisor.adapters.keyring_items import FOR_ONE_RUN, KeyringItems
from stui_supervisor.curve import CurveKeys, checked_key
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError, CredentialError
from stui_supervisor.secret import Secret


class KeyringCredentials:
    """See ports.StoredCredentials. The item of a token is named after its endpoint."""

    source = "keyring"

    def __init__(self, items: KeyringItems | None = None) -> None:
        self._items = items or KeyringItems()

    def read(self, endpoint: Endpoint) -> Secret | None:
        """The token, or None when there is none."""
        return self._items.get(str(endpoint))

    def write(self, endpoint: Endpoint, token: Secret) -> bool:
        """Keep the token; False when it was there already."""
        return self._items.put(str(endpoint), token)

    def delete(self, endpoint: Endpoint) -> bool:
        """Keep it no longer; False when there was none."""
        return self._items.remove(str(endpoint))


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
        name = f"{endpoint} curve"
        try:
            known = self._items.get(name) if self._items.has_keyring() else self._of_this_run.get(name)
            if known is None:
                known = Secret(zmq.curve_keypair()[1].decode())
                self._keep(name, known)
        except CredentialError as error:  # a token of one run would not help
            raise CredentialError(error.message, hint=error.hint.removesuffix(f", {FOR_ONE_RUN}")) from None
        try:
            public = zmq.curve_public(checked_key(known.reveal()).encode()).decode()
        except ConfigurationError:
            hint = f"delete the item {name!a} there; another is made then, for the backend to allow"
            raise CredentialError("what the keyring holds for this link is no CURVE key", hint=hint) from None
        return CurveKeys(server, public, known)

    def _keep(self, name: str, key: Secret) -> None:
        if self._items.has_keyring():
            self._items.put(name, key)
        else:
            self._of_this_run[name] = key


def _pinned(endpoint: Endpoint, server_key: str) -> str:
    try:
        return checked_key(server_key)
    except ConfigurationError as error:
        raise CredentialError(f"the key pinned for {endpoint} is no CURVE key", hint=error.hint) from error
