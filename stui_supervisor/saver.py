"""When to write: changes are gathered, one write is under way at a time, a failed one is repeated later."""

from __future__ import annotations

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
        self._writing: Versions | None = None
        self._due: float | None = None
        self.present = Versions()
        self.saved = Versions()
        self.ok = True

    @property
    def is_clean(self) -> bool:
        """True when the disk has everything."""
        return self.saved == self.present and self._writing is None

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
        self._writing = self.present
        self._due = None
        return self.present.context > self.saved.context

    def finished(self) -> None:
        """The write that was under way is on disk."""
        if self._writing is not None:
            self.saved = self._writing
        self._writing = None
        self.ok = True

    def failed(self, now: float) -> None:
        """The write that was under way, or a claim, failed; it is due again later."""
        self._writing = None
        self._due = now + self._settings.save_retry_s
        self.ok = False

    def begin_run(self) -> None:
        """A new run begins; no answer to an earlier one's write will come."""
        self._writing = None

    def next_deadline(self) -> float | None:
        """The monotonic time at which ``begin`` should be called."""
        return None if self._writing is not None else self._due
