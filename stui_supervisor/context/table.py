"""The sections by name, and what has to be known of all of them together: size, number, and the older deletions."""

from __future__ import annotations

from collections.abc import Mapping

from stui_supervisor.config import (
    CONTEXT_MAX_BYTES,
    DELETIONS_IN_ONE,
    SECTIONS_MAX,
    SHARED_DELETIONS_KEPT,
    TOMBSTONES_FOLDED,
    TOMBSTONES_KEPT,
)
from stui_supervisor.context.copies import on_its_way
from stui_supervisor.context.deletions import FORGOTTEN, Deletion, Shared, is_shared, share, shared_in
from stui_supervisor.context.section import Section, cost, total_bytes


class SectionTable:
    """All sections of a context, deleted ones included, in the order in which they began or were deleted.

    ``deleted`` are the older deletions, which several share one section; no section begins at or below ``floor``, so
    that nothing is taken for what was deleted. ``live`` counts the sections with a value. Change ``sections`` through
    the methods only.
    """

    def __init__(self) -> None:
        self.sections: dict[str, Section] = {}
        self.deleted: dict[bytes, Deletion] = {}
        self.floor = 0
        self.total_bytes = 0
        self.live = 0
        self._shared_names: dict[str, None] = {}

    def is_live(self, name: str) -> bool:
        """True for a section with a value."""
        section = self.sections.get(name)
        return section is not None and section.value is not None

    def value(self, name: str) -> bytes | None:
        """The value of a section; None where it is deleted or was never there."""
        section = self.sections.get(name)
        return section.value if section else None

    def growth(self, name: str, section: Section) -> int:
        """The bytes that the whole would grow by."""
        return cost(name, section) - cost(name, self.sections.get(name))

    def is_one_too_many(self, name: str, section: Section) -> bool:
        """True where there are as many sections as are allowed, and this one is none of them."""
        return section.value is not None and not self.is_live(name) and self.live >= SECTIONS_MAX

    def is_too_large(self, name: str, section: Section) -> bool:
        """False while the whole stays within its limit, or at least does not grow."""
        growth = self.growth(name, section)
        return growth > 0 and self.total_bytes + growth > CONTEXT_MAX_BYTES

    def hold(self, sections: Mapping[str, Section], size_bytes: int | None = None) -> None:
        """Have these sections and no others; ``size_bytes`` is their size, where it is known."""
        self.sections = dict(sections)
        deleted = [name for name, section in sections.items() if section.value is None]
        self._shared_names = dict.fromkeys(filter(is_shared, deleted))
        self.deleted = shared_in((name, sections[name]) for name in self._shared_names)
        self.floor = floor_of(self.deleted)
        self.total_bytes = total_bytes(sections) if size_bytes is None else size_bytes
        self.live = len(sections) - len(deleted)

    def put(self, name: str, section: Section) -> None:
        """Set a section; one that is new stands at the end."""
        self.total_bytes += self.growth(name, section)
        self.live += (section.value is not None) - self.is_live(name)
        self.sections[name] = section
        if section.value is None and is_shared(name):
            self._shared_names[name] = None
            self.deleted |= shared_in([(name, section)])
            self.floor = max(self.floor, section.counter)

    def remove(self, name: str) -> None:
        """Forget a section altogether."""
        self.live -= self.is_live(name)
        self.total_bytes -= cost(name, self.sections.pop(name))

    def note(self, name: str, section: Section) -> None:
        """Set a section of the same value: only what is remembered beside that is another."""
        self.sections[name] = section

    def send(self, name: str) -> Section | None:
        """The section, which an image may have from now on; None where there is none."""
        section = self.sections.get(name)
        if section is not None:
            section = self.sections[name] = on_its_way(section)
        return section

    def share_old_deletions(self) -> None:
        """Give the oldest deletions less room, and forget the very oldest."""
        singly = len(self.sections) - self.live - len(self._shared_names)
        if singly < TOMBSTONES_KEPT + TOMBSTONES_FOLDED:
            self._forget_oldest_deletions()  # an image may have brought some
            return
        old = [
            (name, section)
            for name, section in self.sections.items()
            if section.value is None and name not in self._shared_names
        ][: (singly - TOMBSTONES_KEPT) // DELETIONS_IN_ONE * DELETIONS_IN_ONE]
        for start in range(0, len(old), DELETIONS_IN_ONE):
            several = old[start : start + DELETIONS_IN_ONE]
            self.put(*share(several))
            for name, _ in several:
                self.remove(name)
        self._forget_oldest_deletions()

    def _forget_oldest_deletions(self) -> None:
        if len(self._shared_names) <= SHARED_DELETIONS_KEPT:
            return
        names = [name for name in self._shared_names if name != FORGOTTEN]
        oldest = names[: max(0, len(names) - SHARED_DELETIONS_KEPT)]
        if not oldest:
            return
        counter = max(self.sections[name].counter for name in [*oldest, FORGOTTEN] if name in self.sections)
        for name in oldest:
            self.remove(name)
            del self._shared_names[name]
        self.put(FORGOTTEN, Section(None, counter, ""))
        self.deleted = shared_in((name, self.sections[name]) for name in self._shared_names)


def floor_of(deleted: Shared) -> int:
    """The counter above which nothing is taken for what was deleted."""
    return max((deletion.counter for deletion in deleted.values()), default=0)
