"""The image's copy of the work context: when it is behind, and when to bring it up to date."""

from __future__ import annotations

from math import inf

from stui_supervisor.config import PUSHES_UNTOLD, SESSION_RETRY_S, Settings


class PushSchedule:
    """Gathers changes until the user pauses; a push then goes out when nobody waits for the image.

    ``takes_it``: the backend keeps a session for us, whose copy may be written over.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.takes_it = False
        self._is_left_alone = False
        self._made_again = False
        self._due = inf
        self._not_before = 0.0
        self._failed = 0
        self._refused = 0

    def changed(self, now: float) -> None:
        """A section changed; the wait for a pause begins anew."""
        self._due = max(now + self._settings.share_delay_s, self._not_before)

    def put_off(self, now: float) -> bool:
        """The backend did not manage to take a push; it gets another later. True when that is worth telling."""
        self._failed += 1
        self._not_before = now + min(self._settings.share_delay_s * 2**self._failed, SESSION_RETRY_S)
        self._due = self._not_before if self._due == inf else max(self._due, self._not_before)
        return self._failed == PUSHES_UNTOLD

    def refused(self, now: float) -> bool:
        """The backend refuses a push, to a new session too; it gets another ever more rarely. True the first time."""
        self._not_before = self._due = now + SESSION_RETRY_S * 2**self._refused
        self._refused += 1
        return self._refused == 1

    @property
    def is_put_off(self) -> bool:
        """True when one push after the other has failed, or was refused: another one at once would be in vain."""
        return self._failed >= PUSHES_UNTOLD or self._refused > 0

    def pushed(self) -> None:
        """All of the present context is on its way."""
        self._due = inf

    def found(self, *, is_readable: bool) -> None:
        """The image's copy is here; one that cannot be merged is left alone, as a push would take its place."""
        self._is_left_alone = not is_readable

    def link_up(self, *, takes_it: bool) -> None:
        """A link is established; ``takes_it`` is False when its backend keeps no session for us."""
        self.takes_it = takes_it and not self._is_left_alone
        self._made_again = False
        self._not_before, self._failed, self._refused = 0.0, 0, 0

    def accepted(self) -> None:
        """The backend has taken a push."""
        self._made_again = False
        self._not_before, self._failed, self._refused = 0.0, 0, 0

    def session_lost(self) -> bool:
        """A push was refused, as the session is gone. True when it is to be made again, which helps once."""
        again, self._made_again = not self._made_again, True
        return again

    def session_made(self) -> None:
        """The session was made again; should a push be refused now, another one would not help."""
        self._made_again = True

    def next_deadline(self) -> float:
        """The monotonic time at which a push is due."""
        return self._due if self.takes_it else inf
