"""What a person has settled for one profile: where it links to, and under which conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from stui_supervisor.config import PROFILE_NAME_MAX_LENGTH, RECENT_ENDPOINTS_KEPT
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
    CURVE keys (Z85) by endpoint. ``recent`` are the endpoints that were linked last, the newest first.
    ``wanted`` is False after a person's disconnect: a start whose sessions are gone goes by it, and by ``recent``.
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
    favourite: bool = False
    recent: tuple[str, ...] = ()
    wanted: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)

    def linked_to(self, endpoint: str) -> Profile:
        """The same with this endpoint as the most recent one."""
        others = (known for known in self.recent if known != endpoint)
        return replace(self, recent=(endpoint, *others)[:RECENT_ENDPOINTS_KEPT])

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
