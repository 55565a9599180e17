"""The input that is being handled: its moment, and what it has led to so far."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from stui_supervisor.core.effects import Effect
from stui_supervisor.events import Announce, Event
from stui_supervisor.moment import Moment

BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)  # nothing has happened yet


class Turn:
    """The moment ``now`` and the ``effects`` so far, in their order.

    One object for the life of a core, begun anew with every input: work that is done in parts goes on in a later turn
    than the one that it began in.
    """

    def __init__(self) -> None:
        self.now = Moment(0.0, BEFORE_ALL)
        self.effects: list[Effect] = []

    def begin(self, now: Moment) -> None:
        """The next input has come."""
        self.now = now
        self.effects = []

    def announce(self, event: Event) -> None:
        """Tell the user, and the journal, of this."""
        self.effects.append(Announce(event))
