"""When to write: changes are gathered, one write is under way at a time, a failed one is repeated later.

Only the last write of a run does not wait for the one before it. Whoever waits for something to be on the disk
waits for the write that holds it: the failure of an earlier one is not theirs, and the next one begins at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from math import inf
from types import MappingProxyType
from typing import Final, NamedTuple

from stui_supervisor.config import Settings
from stui_supervisor.context.section import Section

_NOTHING: Final[Mapping[str, Section]] = MappingProxyType({})


class Revisions(NamedTuple):
    """How often each part of a session has changed; what is on disk is an earlier pair."""

    record: int = 0
    context: int = 0


class Write(NamedTuple):
    """A write that is under way; ``sections`` is None for one of the record alone."""

    version: Revisions
    sections: Mapping[str, Section] | None


class Waiter(NamedTuple):
    """A caller that waits until this version is on the disk; ``number`` is the caller's own."""

    number: int
    version: Revisions

    def is_held_by(self, written: Revisions) -> bool:
        """True when what is waited for is part of what was written."""
        return self.version.record <= written.record and self.version.context <= written.context


class SaveSchedule:
    """What of one session is not on disk yet, and when it is due. ``on_disk`` are the sections that the disk has."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._writing: deque[Write] = deque()
        self._due = inf
        self._waiters: list[Waiter] = []
        self.present = Revisions()
        self.saved = Revisions()
        self._begun = 0
        self.on_disk = _NOTHING
        self.ok = True

    @property
    def is_clean(self) -> bool:
        """True when the disk has everything."""
        return self.saved == self.present and not self._writing

    @property
    def is_record_saved(self) -> bool:
        """True when the disk has the record, whatever it lacks of the context."""
        return self.saved.record == self.present.record

    @property
    def has_work(self) -> bool:
        """True when the disk lacks some of the context."""
        return self.saved.context != self.present.context

    @property
    def has_unwritten_work(self) -> bool:
        """True when some of the context is in no write that has begun, and none is under way."""
        return not self._writing and self._begun != self.present.context

    def record_changed(self, now: float) -> None:
        """The record changed; it and the context are due at once."""
        self.present = self.present._replace(record=self.present.record + 1)
        self._due = now

    def context_changed(self, now: float) -> None:
        """A section changed; it is due on disk soon."""
        self.present = self.present._replace(context=self.present.context + 1)
        due = now + self._settings.save_delay_s
        self._due = min(self._due, due)

    def wanted(self, now: float) -> None:
        """What has changed is to be on disk soon."""
        self._due = now

    def wait(self, number: int, now: float) -> None:
        """A caller waits, under this number, until what is present now is on the disk."""
        self._waiters.append(Waiter(number, self.present))
        if not self._writing or self._writing[-1].version != self.present:
            self._due = now

    def begin(self, sections: Mapping[str, Section]) -> Mapping[str, Section] | None:
        """A write starts; the sections when it has to hold the context as well as the record, else None."""
        held = sections if self.present.context > self.saved.context else None
        self._writing.append(Write(self.present, held))
        self._begun = self.present.context
        self._due = inf
        return held

    def finished(self) -> list[int]:
        """The earliest write that is under way is on disk; the numbers of those who waited for it."""
        if self._writing:
            self.saved, sections = self._writing.popleft()
            self.on_disk = self.on_disk if sections is None else sections
        self.ok = True
        return self._end_waiting(self.saved)

    def failed(self, now: float) -> list[int]:
        """The earliest write that is under way failed; the numbers of those who waited for it.

        It is due again later, or at once where somebody waits for what it did not hold.
        """
        ended = self._end_waiting(self._writing.popleft().version) if self._writing else []
        self._due = now if self._waiters else now + self._settings.save_retry_s
        self.ok = False
        return ended

    def claim_failed(self, now: float) -> list[int]:
        """There is no session to write to; it is due again later. The numbers of those who waited."""
        self._due = now + self._settings.save_retry_s
        self.ok = False
        return self._end_waiting(self.present)

    def _end_waiting(self, written: Revisions) -> list[int]:
        ended = [waiter.number for waiter in self._waiters if waiter.is_held_by(written)]
        self._waiters = [waiter for waiter in self._waiters if not waiter.is_held_by(written)]
        return ended

    def begin_anew(self, now: float) -> None:
        """There is another place to write to, and nothing is there; due at once. Who waits goes on waiting."""
        self._writing.clear()
        self.present = Revisions(self.present.record + 1, self.present.context + 1)
        self.saved = Revisions()
        self._due = now

    def begin_run(self) -> None:
        """A new run begins: no answer to an earlier one's write will come, and what it wrote is not certain."""
        self._writing.clear()
        self._waiters.clear()
        self.saved = Revisions()

    def next_deadline(self) -> float:
        """The monotonic time at which ``begin`` should be called."""
        return inf if self._writing else self._due
