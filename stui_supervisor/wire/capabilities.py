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

_COMMAND_BRACES: Final = 2  # that end a message: the parameters' own, and those around them
_ENVELOPE_BRACES: Final = 4  # as above


def capabilities_in(ping: Mapping[str, Any]) -> frozenset[str]:
    """What the result of a ping advertises."""
    advertised = ping.get("capabilities")
    if not isinstance(advertised, list):
        return frozenset()
    return frozenset(each for each in advertised if isinstance(each, str))


def with_parameters(body: bytes, dialect: Dialect, parameters: bytes) -> bytes:
    """A request as ``encode`` wrote it, its parameters last, with these JSON members added to them.

    Raises ConfigurationError when it gets larger than STUI allows.
    """
    end = len(body) - (_COMMAND_BRACES if dialect is Dialect.COMMAND else _ENVELOPE_BRACES)
    separator = b"" if body[end - 1 : end] == b"{" else b","
    whole = memoryview(body)  # a large body is copied once
    longer = b"".join((whole[:end], separator, parameters, whole[end:]))
    if len(longer) > MESSAGE_MAX_BYTES:
        raise ConfigurationError(
            f"the message has {len(longer):,} bytes with what the backend asks for, and STUI allows "
            f"{MESSAGE_MAX_BYTES:,}",
            hint="send it in parts",
        )
    return longer
