"""What the reference backend guarantees about requests: none runs after its deadline, none runs twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from stui_supervisor.backend.errors import Kind, Refusal
from stui_supervisor.backend.settings import KEY_MAX_LENGTH, KEYS_KEPT
from stui_supervisor.wire.capabilities import DEADLINE_PARAMETER, KEY_PARAMETER


class Guarantees:
    """Remembers the idempotency keys of the requests that ran, the newest last."""

    def __init__(self) -> None:
        self._keys: dict[str, None] = {}

    @property
    def keys(self) -> list[str]:
        """The keys that are remembered, the oldest first."""
        return list(self._keys)

    def remember(self, keys: Iterable[str]) -> None:
        """Add keys of requests that ran. The oldest beyond ``KEYS_KEPT`` are forgotten."""
        self._keys |= dict.fromkeys(map(_bounded, keys))
        for key in self.keys[:-KEYS_KEPT]:
            del self._keys[key]

    def admit(self, parameters: Mapping[str, Any], now: float) -> bool:
        """Remember the key of a request that is about to run; True when there is a new one to be saved.

        ``now`` is in seconds since 1970. Raises Refusal when its deadline is over or its key is known, and when
        either is malformed.
        """
        deadline, key = parameters.get(DEADLINE_PARAMETER), parameters.get(KEY_PARAMETER)
        if deadline is not None and _seconds(deadline) < now:
            raise Refusal(Kind.EXPIRED, f"its deadline was {deadline}")
        if key is None:
            return False
        if not isinstance(key, str):
            raise Refusal(Kind.INVALID_PARAMETERS, f"the parameter {KEY_PARAMETER} has to be text")
        if _bounded(key) in self._keys:
            raise Refusal(Kind.REPEATED, "a request with this key has run")
        self.remember([key])
        return True


def _bounded(key: str) -> str:
    """The key itself, or the SHA-256 of one that would take too much memory."""
    return key if len(key) <= KEY_MAX_LENGTH else sha256(key.encode()).hexdigest()


def _seconds(deadline: object) -> float:
    """A deadline in seconds since 1970. Raises Refusal when it is no ISO time with a zone."""
    try:
        at = datetime.fromisoformat(deadline) if isinstance(deadline, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refusal(Kind.INVALID_PARAMETERS, f"the parameter {DEADLINE_PARAMETER} has to be an ISO time with a zone")
    return at.timestamp()
