"""The image's copy of the work context: when it is behind, and when to bring it up to date."""

from __future__ import annotations

from stui_supervisor.config import Settings


class Sharing:
    """Gathers changes until the user pauses; a push then goes out when nobody waits for the image."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._takes_it = False
        self._is_left_alone = False
        self._made_again = False
        self._due: float | None = None

    def changed(self, now: float) -> None:
        """A section changed; the wait for a pause begins anew."""
        self._due = now + self._settings.share_delay_s

    def pushed(self) -> None:
        """All of the present context is on its way."""
        self._due = None

    def found(self, *, is_readable: bool) -> None:
        """The image's copy is here; one that cannot be merged is left alone, as a push would take its place."""
        self._is_left_alone = not is_readable

    def link_up(self, *, takes_it: bool) -> None:
        """A link is established; ``takes_it`` is False when its backend keeps no session for us."""
        self._takes_it = takes_it and not self._is_left_alone
        self._made_again = False

    def accepted(self) -> None:
        """The backend has taken a push."""
        self._made_again = False

    def may_make_session_again(self) -> bool:
        """True once after a push that was refused; false when a new session did not help either."""
        again, self._made_again = not self._made_again, True
        return again

    def next_deadline(self) -> float | None:
        """The monotonic time at which a push is due."""
        return self._due if self._takes_it else None
