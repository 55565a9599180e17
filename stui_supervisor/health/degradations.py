"""What is wrong with a link that is up: perhaps several things at once, of which the worst is shown."""

from __future__ import annotations

from typing import Final, NamedTuple

from stui_supervisor.machine.states import DegradedReason

_WORST_FIRST: Final = (DegradedReason.SILENT, DegradedReason.BUSY, DegradedReason.SLOW, DegradedReason.DEAF)


class Degradation(NamedTuple):
    """One reason for a degraded link, and the words for it."""

    reason: DegradedReason
    words: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.words}"


class Degradations:
    """Those of one link; each ends by its own good news."""

    def __init__(self) -> None:
        self._present: dict[DegradedReason, str] = {}

    def begin(self, reason: DegradedReason, words: str) -> bool:
        """Note a trouble; False when it is known already."""
        is_new = reason not in self._present
        self._present[reason] = words
        return is_new

    def end(self, *reasons: DegradedReason) -> bool:
        """The troubles of these kinds are over; False when there were none."""
        if not self._present:
            return False
        return [self._present.pop(reason, None) for reason in reasons] != [None] * len(reasons)

    def clear(self) -> None:
        """The link is gone, and its troubles with it."""
        self._present.clear()

    @property
    def worst(self) -> Degradation | None:
        """The one to show."""
        present = self._present
        return next((Degradation(reason, present[reason]) for reason in _WORST_FIRST if reason in present), None)
