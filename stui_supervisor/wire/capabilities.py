"""What a backend may advertise in its ping, what a request to it then carries, and how it refuses one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stui_supervisor.config import MESSAGE_MAX_BYTES
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.wire.dialects import Dialect

DEADLINE: Final = "deadline"  # the capability; requests then carry DEADLINE_PARAMETER where they have one
IDEMPOTENCY: Final = "idempotency"  # the capability; requests then carry KEY_PARAMETER
DEADLINE_PARAMETER: Final = "deadline"  # ISO time in UTC; it does not run after that
KEY_PARAMETER: Final = "idempotency_key"  # it does not run when one with the same key has
EXPIRED: Final = "DeadlineExceeded"  # how the first is refused, in either dialect
REPEATED: Final = "RepeatedRequest"  # how the second is

_CLOSING_BRACES: Final = {Dialect.COMMAND: 2, Dialect.ENVELOPE: 4}  # the parameters' own, and those around them


def capabilities_in(ping: Mapping[str, Any]) -> frozenset[str]:
    """What the result of a ping advertises."""
    advertised = ping.get("capabilities")
    return (
        frozenset(each for each in advertised if isinstance(each, str)) if isinstance(advertised, list) else frozenset()
    )


def with_parameters(body: bytes, dialect: Dialect, parameters: bytes) -> bytes:
    """A request as ``encode`` wrote it, its parameters last, with these JSON members added to them.

    Raises ConfigurationError when it gets larger than STUI allows.
    """
    end = len(body) - _CLOSING_BRACES[dialect]
    separator = b"" if body[end - 1 : end] == b"{" else b","
    longer = b"".join((body[:end], separator, parameters, body[end:]))
    if len(longer) > MESSAGE_MAX_BYTES:
        raise ConfigurationError(
            f"the message has {len(longer):,} bytes with what the backend asks for, and STUI allows "
            f"{MESSAGE_MAX_BYTES:,}",
            hint="send it in parts",
        )
    return longer
