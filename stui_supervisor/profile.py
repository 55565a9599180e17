"""What a person has settled for one profile: where it links to, and under which conditions."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from stui_supervisor.config import PROFILE_NAME_MAX_LENGTH, RECENT_ENDPOINTS_KEPT
from stui_supervisor.endpoint import Endpoint, are_same
from stui_supervisor.errors import ConfigurationError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One entry of ``profiles.json``; the defaults are those of a profile that nobody has set up.

    ``endpoints`` are where its image may be, in order: a start that knows of no last-known-good one begins
    with the first, and with ``failover`` the others are tried when an attempt fails. ``pin_image`` rejects
    every other image. ``notifications`` is where the image publishes, else its ping says so; ``topics`` are
    the wanted ones, none means all. ``uses_token`` says that the keyring holds a token;
    ``allow_plaintext_token`` lets it travel over a network in the clear. ``server_keys`` are the pinned
    CURVE keys (Z85) by endpoint. ``ipc_owner`` is the user, by name or number, whose IPC socket is trusted beside
    one's own and root's. ``recent`` are the endpoints that were linked last, the newest first. ``wanted`` is False
    after a person's disconnect: a start whose sessions are gone goes by it, and by ``recent``.
    ``extra`` carries keys of newer versions through unchanged.
    """

    name: str
    endpoints: tuple[str, ...] = ()
    failover: bool = False
    pin_image: str | None = None
    notifications: str | None = None
    topics: tuple[str, ...] = ()
    uses_token: bool = False
    allow_plaintext_token: bool = False
    server_keys: Mapping[str, str] = field(default_factory=dict)
    ipc_owner: str | None = None
    favourite: bool = False
    recent: tuple[str, ...] = ()
    wanted: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)

    def linked_to(self, endpoint: str, stored_as: Collection[str] = ()) -> Profile:
        """The same with this endpoint as the most recent one, and in its one spelling, also for ``stored_as``."""

        def one(text: str) -> str:
            return endpoint if text in stored_as or are_same(text, endpoint) else text

        others = (text for text in self.recent if one(text) != endpoint)
        return replace(
            self,
            recent=(endpoint, *others)[:RECENT_ENDPOINTS_KEPT],
            endpoints=tuple(dict.fromkeys(map(one, self.endpoints))),
            server_keys={one(text): key for text, key in self._keys_by_age(endpoint)},
        )

    def naming(self, endpoint: Endpoint) -> Profile:
        """The same where a person has named this endpoint, without a link to it so far."""
        if self.texts_of(endpoint):
            return self
        return replace(self, recent=(*self.recent[: RECENT_ENDPOINTS_KEPT - 1], str(endpoint)))

    def server_key(self, endpoint: Endpoint) -> str | None:
        """The key that is pinned for this endpoint, however its spelling was stored.

        A relative path of an earlier version counts where it may mean this endpoint: a pin too many is told, and one
        too few is not.
        """
        here = str(endpoint)
        pinned = [key for at, key in self._keys_by_age(here) if endpoint.is_stored_as(at) or endpoint.may_be(at)]
        return pinned[-1] if pinned else None

    def texts_of(self, endpoint: Endpoint) -> tuple[str, ...]:
        """The spellings under which it has this endpoint, which a person has named then."""
        texts = (*self.endpoints, *self.recent, *self.server_keys)
        return tuple(dict.fromkeys(text for text in texts if endpoint.is_stored_as(text)))

    def _keys_by_age(self, latest: str) -> list[tuple[str, str]]:
        """The pins in the order in which they were made; what is under this spelling is the newest of all."""
        return sorted(self.server_keys.items(), key=lambda pin: pin[0] == latest)

    def protection(self) -> Profile:
        """The same with nothing but what a person has settled: who may be linked to, and what is sent there."""
        return replace(self, favourite=False, recent=(), wanted=True)

    def wishing(self, *, wanted: bool) -> Profile:
        """The same with what the user last said about having a link."""
        return replace(self, wanted=wanted)


def checked_name(name: str) -> str:
    """The name itself. Raises ConfigurationError for one that cannot be."""
    if isinstance(name, str) and len(name) <= PROFILE_NAME_MAX_LENGTH and _NAME.match(name):
        return name
    raise ConfigurationError(
        f"{str(name)[:PROFILE_NAME_MAX_LENGTH]!a} cannot name a profile",
        hint=f"use 1 to {PROFILE_NAME_MAX_LENGTH} of a-z, A-Z, 0-9, '.', '-' and '_', the first a letter or digit",
    )
