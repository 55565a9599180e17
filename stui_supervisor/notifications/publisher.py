"""Where an image publishes: the address that the user or the image gives, made one that we may connect to.

What an image says is hostile until checked. It may name a port of the machine that the link goes to, or a socket of
this machine where the link stays on it, and nothing else: a link is no way to have us knock at other doors. Only the
user may name another machine.
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Final, NamedTuple

from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.profile import Profile
from stui_supervisor.security.trust import Trust

_LOOPBACK: Final = "127.0.0.1"


class Publisher(NamedTuple):
    """Where an image publishes, and what has to be true of who answers there."""

    endpoint: Endpoint
    trust: Trust


def publisher_of(profile: Profile, named: object, link: Endpoint) -> Publisher:
    """The publisher that the profile names, or else the image's ping by ``named``. Raises ConfigurationError."""
    if profile.notifications is not None:
        endpoint, is_from_image = named_by_user(profile.notifications, link), False
    else:
        endpoint, is_from_image = named_by_image(named, link), True
    is_socket = endpoint.scheme == "ipc"
    # A name that the image gives for this machine must lead to it; one that the user gives is the user's.
    is_for_here = link.is_loopback and endpoint.is_named_loopback
    is_here_if_link_is = link.is_named_loopback and is_socket
    only_loopback = is_from_image and (is_for_here or is_here_if_link_is)
    return Publisher(endpoint, Trust(only_loopback, profile.ipc_owner if is_socket else None))


def named_by_user(text: str, link: Endpoint) -> Endpoint:
    """The publisher's address as the profile has it. Raises ConfigurationError."""
    endpoint = Endpoint.stored(text.replace("://*:", "://0.0.0.0:", 1))
    # A server that binds every address of its machine is reached at the one that the link uses.
    return replace(endpoint, host=link.host or _LOOPBACK) if _is_unspecified(endpoint.host) else endpoint


def named_by_image(text: object, link: Endpoint) -> Endpoint:
    """The publisher's address as the image's ping has it. Raises ConfigurationError."""
    endpoint = named_by_user(text, link) if isinstance(text, str) else Endpoint.stored(text)  # type: ignore[arg-type]  # says what it is instead of text
    if endpoint.scheme == "ipc" and not link.is_local:
        raise ConfigurationError(
            f"the image publishes at {endpoint}, a socket on a machine of its own, and the link goes to {link}",
            hint="if that socket is on this machine, name it as 'notifications' in the profile",
        )
    if endpoint.scheme != "ipc" and endpoint.host != link.host and not (endpoint.is_local and link.is_local):
        raise ConfigurationError(
            f"the image publishes at {endpoint}, which is not on the machine that the link goes to",
            hint="if that is right, name it as 'notifications' in the profile",
        )
    return endpoint


def _is_unspecified(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
