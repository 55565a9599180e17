"""What the supervisor asks the image for itself, beside the user's requests."""

from __future__ import annotations

from stui_supervisor.config import LOOK_OLD_S, Settings
from stui_supervisor.core.leaves import Leaves
from stui_supervisor.core.turn import Turn
from stui_supervisor.requests.request_queue import Purpose
from stui_supervisor.security.secret import Secret
from stui_supervisor.wire.dialects import Dialect, Operation


class Questions:
    """Sends messages of our own on the present link."""

    def __init__(self, turn: Turn, settings: Settings, leaves: Leaves) -> None:
        self._turn = turn
        self._settings = settings
        self._attempt = leaves.attempt
        self._exchange = leaves.exchange

    def ask(self, purpose: Purpose, operation: Operation) -> None:
        """Send this to an established backend, in its dialect and with the token of the link."""
        attempt = self._attempt
        self.ask_in(attempt.connection.dialect, purpose, operation, attempt.secret)

    def ask_in(self, dialect: Dialect, purpose: Purpose, operation: Operation, secret: Secret | None) -> None:
        """Send this while it is not known yet what the backend speaks."""
        message = self._exchange.ask(self._attempt.link, purpose, dialect, operation, self._turn.now, secret)
        self._turn.effects.append(message)

    def ping(self) -> None:
        """Ask who answers, and whether it does."""
        self.ask(Purpose.PING, Operation("ping", {}))

    @property
    def is_look_old(self) -> bool:
        """True when it is too long ago that the image said who it is."""
        interval_s = min(LOOK_OLD_S, self._settings.ping_interval_s)
        return self._attempt.connection.look.is_old(self._turn.now.monotonic_s, interval_s)
