"""What a backend may advertise in its ping, what a request to it then carries, and how it refuses one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

DEADLINE: Final = "deadline"  # the capability; requests then carry DEADLINE_PARAMETER where they have one
IDEMPOTENCY: Final = "idempotency"  # the capability; requests then carry KEY_PARAMETER
DEADLINE_PARAMETER: Final = "deadline"  # ISO time in UTC; it does not run after that
KEY_PARAMETER: Final = "idempotency_key"  # it does not run when one with the same key has
EXPIRED: Final = "DeadlineExceeded"  # how the first is refused, in either dialect
REPEATED: Final = "RepeatedRequest"  # how the second is


def capabilities_in(ping: Mapping[str, Any]) -> frozenset[str]:
    """What the result of a ping advertises."""
    advertised = ping.get("capabilities")
    if not isinstance(advertised, list):
        return frozenset()
    return frozenset(each for each in advertised if isinstance(each, str))
