"""How often a backend has refused our keys, and when that is clear enough to ask a person."""

from __future__ import annotations

from stui_supervisor.config import KEY_REFUSALS_MAX
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import KeyRefused
from stui_supervisor.failures import Failure
from stui_supervisor.security.curve import fingerprint


class RefusedKeys:
    """Counts the handshakes that were refused in a row, at one endpoint and with one pinned key."""

    def __init__(self) -> None:
        self._refused: tuple[Endpoint, str | None] | None = None
        self._count = 0

    def refused(self, endpoint: Endpoint, pinned: str | None, failure: Failure) -> KeyRefused | None:
        """Count one more; returns the rejection once there were so many that only a person can help, else None."""
        if self._refused != (endpoint, pinned):
            self._refused, self._count = (endpoint, pinned), 0
        self._count += 1
        if self._count < KEY_REFUSALS_MAX:
            return None
        words, kind = failure.message, failure.kind
        if pinned is None:
            hint = f"pin its public key (profiles add NAME --server-key '{endpoint}=KEY'), then reconnect"
            return KeyRefused(f"{endpoint}: {words}, and no key is pinned for it", hint=hint, failure=kind)
        hint = "ask whoever runs the backend whether its key has changed and ours is allowed, then pin it and reconnect"
        return KeyRefused(f"{endpoint}: {words}; the pinned key is {fingerprint(pinned)}", hint=hint, failure=kind)

    def forget(self) -> None:
        """Count anew, as something has changed."""
        self._refused = None
