"""What a person has settled for one profile: where it links to, and under which conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stui_supervisor.config import PROFILE_NAME_MAX_LENGTH
from stui_supervisor.errors import ConfigurationError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One entry of ``profiles.json``; the defaults are those of a profile that nobody has set up.

    ``endpoints`` are tried after the last-known-good one, in order, and only when ``failover`` allows it.
    ``pin_image`` rejects every other image. ``notifications`` is where the image publishes, else its ping
    says so; ``topics`` are the wanted ones, none means all. ``uses_token`` says that the keyring holds a
    token; ``allow_plaintext_token`` lets it travel over a network in the clear. ``server_keys`` are the
    pinned CURVE keys (Z85) by endpoint. ``extra`` carries keys of newer versions through unchanged.
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
    extra: Mapping[str, Any] = field(default_factory=dict)


def checked_name(name: str) -> str:
    """The name itself. Raises ConfigurationError for one that cannot be."""
    if isinstance(name, str) and len(name) <= PROFILE_NAME_MAX_LENGTH and _NAME.match(name):
        return name
    raise ConfigurationError(
        f"{str(name)[:PROFILE_NAME_MAX_LENGTH]!a} cannot name a profile",
        hint=f"use 1 to {PROFILE_NAME_MAX_LENGTH} letters, digits, dots, dashes and underscores",
    )
