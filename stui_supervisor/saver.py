"""When to write: changes are gathered, one write is under way at a time, a failed one is repeated later."""

from __future__ import annotations

from stui_supervisor.config import Settings


class Saver:
    """What of a session is not on disk yet, and when it is due.

    The context is counted in versions; ``context_version`` is the present one, ``saved_version`` the
    newest that is on disk.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._record_changed = False
        self._writing_version: int | None = None
        self._due: float | None = None
        self.context_version = 0
        self.saved_version = 0
        self.ok = True

    @property
    def is_writing(self) -> bool:
        """True from ``begin`` to ``finished`` or ``failed``."""
        return self._writing_version is not None

    @property
    def is_context_changed(self) -> bool:
        """True when the disk does not have the present context."""
        return self.context_version > self.saved_version

    def context_changed(self, now: float) -> None:
        """A section changed; it is due on disk soon."""
        self.context_version += 1
        due = now + self._settings.save_delay_s
        self._due = due if self._due is None else min(self._due, due)

    def record_changed(self, now: float) -> None:
        """The record changed with a transition; it and the context are due at once."""
        self._record_changed = True
        self._due = now

    def context_wanted(self, now: float) -> None:
        """The user waits for the context to be on disk."""
        self._due = now

    def begin(self) -> bool:
        """A write starts; True when it has to hold the context as well as the record."""
        with_context = self.is_context_changed
        self._writing_version = self.context_version
        self._record_changed = False
        self._due = None
        return with_context

    def finished(self) -> None:
        """The write that was under way is on disk."""
        if self._writing_version is not None:
            self.saved_version = max(self.saved_version, self._writing_version)
        self._writing_version = None
        self.ok = True

    def failed(self, now: float) -> None:
        """The write that was under way, or a claim, failed; all of it is due again later."""
        self._writing_version = None
        self._record_changed = True
        self._due = now + self._settings.save_retry_s
        self.ok = False

    def forget(self) -> None:
        """Another session begins, with nothing to write yet."""
        self._record_changed = False
        self._due = None
        self.saved_version = self.context_version

    def next_deadline(self) -> float | None:
        """The monotonic time at which ``begin`` should be called."""
        return None if self.is_writing else self._due
