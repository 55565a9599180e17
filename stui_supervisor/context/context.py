"""The work context: named sections of JSON, and how two copies of them become one.

Each change raises a section's counter and signs it; of two copies the one with the higher counter is the
newer. A section remembers which of its earlier values the image may still have: when such a copy gives way,
nothing is lost. A deleted section is remembered too, so that no older copy brings it back.

Nothing here reads a file, a clock or a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import replace
from typing import Any, NamedTuple

from stui_supervisor import exact_json
from stui_supervisor.config import CONTEXT_MAX_BYTES, SECTIONS_MAX
from stui_supervisor.context.copies import after, out, past
from stui_supervisor.context.deletions import digest, is_shared
from stui_supervisor.context.merging import Laid, Merged, MergeResult, merging, overlaying
from stui_supervisor.context.parts import Steps, at_once
from stui_supervisor.context.section import METADATA_KEY, Section, encode_section, encode_value, equal
from stui_supervisor.context.table import SectionTable
from stui_supervisor.errors import ConfigurationError

__all__ = ["METADATA_KEY", "Context", "Laid", "MergeResult", "Merged", "Section", "encode_value"]


class _Prepared(NamedTuple):
    """An overlay that was worked out before it was needed: of which sections, and its result."""

    own: dict[str, Section]
    restored: Mapping[str, Section]
    laid: Laid


class Context(MutableMapping[str, Any]):
    """The work context as a mapping from section names to JSON values.

    Reads give copies; only assigning or deleting a section changes it, and each change calls
    ``on_change`` once; ``before_change`` may refuse it. Assigning an equal value is no change. Tuples are stored as
    lists. Raises ConfigurationError, and keeps the old value, when a name or a value cannot be stored or the whole
    would pass ``CONTEXT_MAX_BYTES`` or ``SECTIONS_MAX``. ``writer`` signs the changes and is unique for each process.
    """

    def __init__(
        self, writer: str, on_change: Callable[[], None], before_change: Callable[[], None] = lambda: None
    ) -> None:
        self._process = self._writer = writer
        self._runs = 0
        self._on_change = on_change
        self._before_change = before_change
        self._table = SectionTable()
        self._prepared: _Prepared | None = None

    def sign_as(self, writer: str) -> None:
        """Sign what changes from now on so: the process is another one."""
        self._process = self._writer = writer
        self._runs = 0

    def __getitem__(self, name: str) -> Any:
        section = self._table.sections.get(name)
        if section is None or section.value is None:
            raise KeyError(name)
        return exact_json.loads(section.value)

    def __setitem__(self, name: str, value: Any) -> None:
        self._before_change()
        encoded = encode_section(name, value)
        old = self._table.sections.get(name)
        if old is not None and equal(old.value, encoded):
            return
        section = self._first(name, encoded) if old is None else self._next(old, encoded)
        self._check_size(name, section)
        # A section that lives again moves to the end, as a new key of a dict does.
        if old is not None and old.value is None:
            self._table.remove(name)
        self._table.put(name, section)
        self._on_change()

    def __delitem__(self, name: str) -> None:
        self._before_change()
        old = self._table.sections.get(name)
        if old is None or old.value is None:
            raise KeyError(name)
        self._table.remove(name)  # and set again: tombstones stay in the order of their deletion
        self._table.put(name, self._next(old, None))
        self._table.share_old_deletions()
        self._on_change()

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, section in self._table.sections.items() if section.value is not None])

    def __len__(self) -> int:
        return self._table.live

    def __contains__(self, name: object) -> bool:
        section = self._table.sections.get(name) if isinstance(name, str) else None
        return section is not None and section.value is not None

    def __repr__(self) -> str:
        return f"Context({', '.join(map(repr, self))}; {self._table.total_bytes} bytes)"

    def __reduce__(self) -> tuple[object, ...]:
        """A copy, also one that is pickled, is a dict of what is there now, and changes nothing here."""
        return dict, (dict(self),)

    def begin_run(self, on_disk: Mapping[str, Section]) -> None:
        """A run begins. What an earlier one put ``on_disk`` counts as ours no more: others may have gone on with it."""
        self._runs += 1
        if self._runs > 1:
            self._writer = f"{self._process} {self._runs}"
        self._table.sections = self.carried_over(self._table.sections, on_disk)

    def carried_over(self, sections: Mapping[str, Section], on_disk: Mapping[str, Section]) -> dict[str, Section]:
        """These sections; those that earlier runs changed and no disk has are signed as changes of this run."""
        unsaved = [name for name, section in sections.items() if on_disk.get(name) is not section]
        unsaved = [name for name in unsaved if on_disk.get(name) != sections[name]]  # a comparison costs ten looks
        ours = (name for name in unsaved if self._is_of_earlier_run(sections[name]) and not is_shared(name))
        return {**sections, **{name: replace(sections[name], writer=self._writer) for name in ours}}

    def _is_of_earlier_run(self, section: Section) -> bool:
        return section.writer != self._writer and f"{section.writer} ".startswith(f"{self._process} ")

    def sections(self) -> dict[str, Section]:
        """A snapshot, deleted sections included; changes to it change nothing here."""
        return dict(self._table.sections)

    def adopt(self, sections: Mapping[str, Section]) -> dict[str, Section]:
        """Fill in what was restored. What was assigned or deleted here before wins, and counts as newer.

        The result are the copies with work in them that gave way, worth a snapshot.
        """
        laid = self.overlay(self._table.sections, sections)
        self._table.hold(laid.sections, laid.size_bytes)
        self._table.share_old_deletions()
        return laid.lost

    def overlay(self, own: Mapping[str, Section], restored: Mapping[str, Section]) -> Laid:
        """What was restored with what was changed here since laid over it; each change counts as newer.

        Of a section that was not changed here, the newer copy wins. Changes nothing.
        """
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared.restored is restored and prepared.own == own:
            return prepared.laid
        return at_once(overlaying(own, restored, self._writer))

    def preparing(self, restored: Mapping[str, Section]) -> Steps[None]:
        """Do in parts what ``adopt`` or ``overlay`` will need of this; it is of use while nothing changes here."""
        own = dict(self._table.sections)
        laid = yield from overlaying(own, restored, self._writer)
        self._prepared = _Prepared(own, restored, laid)

    def leave(self, on_disk: Mapping[str, Section]) -> None:
        """Hold only what no disk has: the rest is in another session, and stays there."""
        sections = self._table.sections
        self._table.hold({name: section for name, section in sections.items() if on_disk.get(name) != section})

    def replace(self, sections: Mapping[str, Section]) -> None:
        """Hold the content of another session; nothing of the old one remains."""
        self._table.hold({name: out(section) for name, section in sections.items()})

    def pushed(self) -> None:
        """All of the present content is on its way to the image, which may have it from now on."""
        for name in self._table.sections:
            self._table.send(name)

    def on_its_way(self, name: str) -> Section | None:
        """The section, which the image may have from now on; None where there is none."""
        return self._table.send(name)

    def merge(self, remote: Mapping[str, Section], *, keeps_changes: bool = False) -> MergeResult:
        """The same as ``merging``, all in one turn."""
        found = Merged()
        at_once(self.merging(remote, found, keeps_changes=keeps_changes))
        return MergeResult(tuple(found.taken), tuple(found.newer), found.lost, found.doubtful)

    def merging(self, remote: Mapping[str, Section], found: Merged, *, keeps_changes: bool = False) -> Steps[None]:
        """Take from ``remote`` what is newer there, and add to ``found``. Sections may change between two parts.

        The higher counter wins; between equal ones the writer, then the value decide, so that two
        sides that merge the same copies agree. A remote section that no longer fits is not taken. With
        ``keeps_changes`` what was changed here counts as newer, as in ``adopt``.
        """
        return merging(self._table, remote, found, changes_of=self._writer if keeps_changes else None)

    def _first(self, name: str, value: bytes) -> Section:
        """A section of a new name, or of one whose deletion is so old that it is remembered with others."""
        deletion = self._table.deleted.get(digest(name)) if self._table.deleted else None
        known = (deletion.last_known,) if deletion else ()
        return Section(value, self._table.floor + 1, self._writer, known, may_be_out=False)

    def _next(self, previous: Section, value: bytes | None) -> Section:
        return Section(value, after(previous), self._writer, past(previous), may_be_out=False)

    def _check_size(self, name: str, section: Section) -> None:
        if self._table.is_one_too_many(name, section):
            raise ConfigurationError(
                f"with section {name!r} there would be more than the {SECTIONS_MAX:,} sections that are allowed",
                hint="delete another one first, or keep what belongs together in one",
            )
        if self._table.is_too_large(name, section):
            total = self._table.total_bytes + self._table.growth(name, section)
            raise ConfigurationError(
                f"with section {name!r} the context would be {total:,} bytes, and {CONTEXT_MAX_BYTES:,} are allowed",
                hint="make this section smaller or delete another one; the old value stays",
            )
