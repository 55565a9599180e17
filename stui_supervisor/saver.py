"""When to write: changes are gathered, one write is under way at a time, a failed one is repeated later.

Only the last write of a run does not wait for the one before it.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from stui_supervisor.config import Settings


class Versions(NamedTuple):
    """How often each part of a session has changed; what is on disk is an earlier pair."""

    record: int = 0
    context: int = 0


class Saver:
    """What of one session is not on disk yet, and when it is due."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._writing: deque[Versions] = deque()
        self._due: float | None = None
        self.present = Versions()
        self.saved = Versions()
        self.ok = True

    @property
    def is_clean(self) -> bool:
        """True when the disk has everything."""
        return self.saved == self.present and not self._writing

    def record_changed(self, now: float) -> None:
        """The record changed; it and the context are due at once."""
        self.present = self.present._replace(record=self.present.record + 1)
        self._due = now

    def context_changed(self, now: float) -> None:
        """A section changed; it is due on disk soon."""
        self.present = self.present._replace(context=self.present.context + 1)
        due = now + self._settings.save_delay_s
        self._due = due if self._due is None else min(self._due, due)

    def wanted(self, now: float) -> None:
        """Somebody waits for what has changed to be on disk."""
        self._due = now

    def begin(self) -> bool:
        """A write starts; True when it has to hold the context as well as the record."""
        self._writing.append(self.present)
        self._due = None
        return self.present.context > self.saved.context

    def finished(self) -> None:
        """The earliest write that is under way is on disk."""
        if self._writing:
            self.saved = self._writing.popleft()
        self.ok = True

    def failed(self, now: float) -> None:
        """The earliest write that is under way, or a claim, failed; it is due again later."""
        if self._writing:
            self._writing.popleft()
        self._due = now + self._settings.save_retry_s
        self.ok = False

    def begin_run(self) -> None:
        """A new run begins: no answer to an earlier one's write will come, and what it wrote is not certain."""
        self._writing.clear()
        self.saved = Versions()

    def next_deadline(self) -> float | None:
        """The monotonic time at which ``begin`` should be called."""
        return None if self._writing else self._due
