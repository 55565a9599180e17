"""What the reference backend promises about requests: none after its deadline, none twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from stui_supervisor.backend.errors import Kind, Refusal
from stui_supervisor.config import BACKEND_KEY_MAX_LENGTH, BACKEND_KEYS_KEPT
from stui_supervisor.wire.capabilities import DEADLINE_PARAMETER, KEY_PARAMETER


class Promises:
    """The keys of the requests that ran, the newest last."""

    def __init__(self) -> None:
        self._keys: dict[str, None] = {}

    @property
    def keys(self) -> list[str]:
        """Those remembered, the oldest first."""
        return list(self._keys)

    def remember(self, keys: Iterable[str]) -> None:
        """Take these for keys of requests that ran; the oldest of too many are forgotten."""
        self._keys |= dict.fromkeys(map(_bounded, keys))
        for key in self.keys[:-BACKEND_KEYS_KEPT]:
            del self._keys[key]

    def admit(self, parameters: Mapping[str, Any], now: float) -> bool:
        """Let a request run; True when its key is to be remembered over a restart. Raises Refusal."""
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
    """The key itself, or what is as good as one that would take too much memory."""
    return key if len(key) <= BACKEND_KEY_MAX_LENGTH else sha256(key.encode()).hexdigest()


def _seconds(deadline: object) -> float:
    """Since 1970."""
    try:
        at = datetime.fromisoformat(deadline) if isinstance(deadline, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refusal(Kind.INVALID_PARAMETERS, f"the parameter {DEADLINE_PARAMETER} has to be an ISO time with a zone")
    return at.timestamp()
