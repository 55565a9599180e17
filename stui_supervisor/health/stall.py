"""This process standing still itself: nothing is judged before what waits meanwhile has been heard."""

from __future__ import annotations

from stui_supervisor.config import EXPIRY_GRACE_S, STALL_S, Settings


class StallGuard:
    """From when on something is judged again (``judged_from``), and a request is over by its time (``expired_from``).

    The heartbeats may have stood still too, so they have their chance first. Both are monotonic times.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.judged_from = 0.0
        self.expired_from = 0.0

    def note(self, due: float, now: float) -> bool:
        """Something was to be done at ``due``. True when this process was held up, as had not been noted yet."""
        if now - due <= STALL_S:
            return False
        before = self.judged_from
        self.expired_from = now + EXPIRY_GRACE_S
        self.judged_from = now + self._settings.heartbeat_interval_s + self._settings.path_look_s
        return self.judged_from > before

    def link_ended(self) -> None:
        """What was to be heard on the link comes no more."""
        self.judged_from = 0.0

    def is_blind(self, now: float) -> bool:
        """True while nothing is judged."""
        return now < self.judged_from
