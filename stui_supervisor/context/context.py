"""The work context: named sections of JSON, and how two copies of them become one.

Each change raises a section's counter and signs it; of two copies the one with the higher counter is the
newer. A section remembers which of its earlier values the image may still have: when such a copy gives way,
nothing is lost. A deleted section is remembered too, so that no older copy brings it back.

Nothing here reads a file, a clock or a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from stui_supervisor import exact_json
from stui_supervisor.config import (
    CONTEXT_MAX_BYTES,
    DELETIONS_IN_ONE,
    KNOWN_COPIES,
    LISTED_BYTES,
    SECTIONS_MAX,
    SHARED_DELETIONS_KEPT,
    TOMBSTONES_FOLDED,
    TOMBSTONES_KEPT,
)
from stui_supervisor.context.deletions import FORGOTTEN, Deletion, Shared, digest, is_shared, share, shared_in
from stui_supervisor.context.parts import Portion, Steps, at_once
from stui_supervisor.context.section import (
    COUNTER_MAX,
    METADATA_KEY,
    Section,
    cost,
    encode_section,
    encode_value,
    equal,
    total_bytes,
)
from stui_supervisor.errors import ConfigurationError

__all__ = ["METADATA_KEY", "Context", "Laid", "MergeResult", "Merged", "Section", "encode_value"]


@dataclass(slots=True)
class Merged:
    """What a merge has found, so far.

    ``taken`` are the names whose remote copy is ours now; ``newer`` the names whose local copy is
    newer than the remote one or missing there, so it has to be pushed; ``lost`` the copies with work
    in them that gave way, worth a snapshot, but none that our own section went through; ``doubtful`` those of
    ``taken`` that may be among the deletions which are forgotten.
    """

    taken: list[str] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)
    lost: dict[str, Section] = field(default_factory=dict)
    doubtful: tuple[str, ...] = ()


class MergeResult(NamedTuple):
    """The same at the end of a merge."""

    taken: tuple[str, ...] = ()
    newer: tuple[str, ...] = ()
    lost: Mapping[str, Section] = MappingProxyType({})
    doubtful: tuple[str, ...] = ()


class Laid(NamedTuple):
    """Sections laid over others: what there is now, and the copies with work in them that gave way."""

    sections: dict[str, Section]
    lost: dict[str, Section]
    size_bytes: int


class _Prepared(NamedTuple):
    """What one comes to that is laid over another."""

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
        self._sections: dict[str, Section] = {}
        self._shared_names: dict[str, None] = {}
        self._shared: dict[bytes, Deletion] = {}
        self._floor = 0
        self._total_bytes = 0
        self._live = 0
        self._prepared: _Prepared | None = None

    def sign_as(self, writer: str) -> None:
        """Sign what changes from now on so: the process is another one."""
        self._process = self._writer = writer
        self._runs = 0

    def __getitem__(self, name: str) -> Any:
        section = self._sections.get(name)
        if section is None or section.value is None:
            raise KeyError(name)
        return exact_json.loads(section.value)

    def __setitem__(self, name: str, value: Any) -> None:
        self._before_change()
        encoded = encode_section(name, value)
        old = self._sections.get(name)
        if old is not None and equal(old.value, encoded):
            return
        section = self._first(name, encoded) if old is None else self._next(old, encoded)
        self._check_size(name, section)
        # A section that lives again moves to the end, as a new key of a dict does.
        if old is not None and old.value is None:
            self._remove(name)
        self._put(name, section)
        self._on_change()

    def __delitem__(self, name: str) -> None:
        self._before_change()
        old = self._sections.get(name)
        if old is None or old.value is None:
            raise KeyError(name)
        self._remove(name)  # and set again: tombstones stay in the order of their deletion
        self._put(name, self._next(old, None))
        self._share_old_deletions()
        self._on_change()

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, section in self._sections.items() if section.value is not None])

    def __len__(self) -> int:
        return self._live

    def __contains__(self, name: object) -> bool:
        section = self._sections.get(name) if isinstance(name, str) else None
        return section is not None and section.value is not None

    def __repr__(self) -> str:
        return f"Context({', '.join(map(repr, self))}; {self._total_bytes} bytes)"

    def __reduce__(self) -> tuple[object, ...]:
        """A copy, also one that is pickled, is a dict of what is there now, and changes nothing here."""
        return dict, (dict(self),)

    def begin_run(self, on_disk: Mapping[str, Section]) -> None:
        """From here on what an earlier run has put ``on_disk`` is not a change of ours: it may be another's by now."""
        self._runs += 1
        if self._runs > 1:
            self._writer = f"{self._process} {self._runs}"
        self._sections = self.carried_over(self._sections, on_disk)

    def carried_over(self, sections: Mapping[str, Section], on_disk: Mapping[str, Section]) -> dict[str, Section]:
        """The same; what earlier runs have changed and no disk has is a change of this one."""
        unsaved = [name for name, section in sections.items() if on_disk.get(name) is not section]
        unsaved = [name for name in unsaved if on_disk.get(name) != sections[name]]  # a comparison costs ten looks
        ours = (name for name in unsaved if self._is_of_earlier_run(sections[name]) and not is_shared(name))
        return {**sections, **{name: replace(sections[name], writer=self._writer) for name in ours}}

    def _is_of_earlier_run(self, section: Section) -> bool:
        return section.writer != self._writer and f"{section.writer} ".startswith(f"{self._process} ")

    def sections(self) -> dict[str, Section]:
        """A snapshot, deleted sections included; changes to it change nothing here."""
        return dict(self._sections)

    def adopt(self, sections: Mapping[str, Section]) -> dict[str, Section]:
        """Fill in what was restored. What was assigned or deleted here before wins, and counts as newer.

        The result are the copies with work in them that gave way, worth a snapshot.
        """
        laid = self.overlay(self._sections, sections)
        self._hold(laid.sections, laid.size_bytes)
        self._share_old_deletions()
        return laid.lost

    def overlay(self, own: Mapping[str, Section], restored: Mapping[str, Section]) -> Laid:
        """What was restored with what was changed here since laid over it; each change counts as newer.

        Of a section that was not changed here, the newer copy wins. Changes nothing.
        """
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared.restored is restored and prepared.own == own:
            return prepared.laid
        return at_once(self._laying(own, restored))

    def preparing(self, restored: Mapping[str, Section]) -> Steps[None]:
        """Do in parts what ``adopt`` or ``overlay`` will need of this; it is of use while nothing changes here."""
        own = dict(self._sections)
        laid = yield from self._laying(own, restored)
        self._prepared = _Prepared(own, restored, laid)

    def _laying(self, own: Mapping[str, Section], restored: Mapping[str, Section]) -> Steps[Laid]:
        portion, deleted, deleted_there = Portion(), _shared_among(own), _shared_among(restored)
        floor = _floor(deleted_there)
        if portion.is_used_up(LISTED_BYTES * (len(own) + len(restored))):
            yield
        sections = {name: _out(section) for name, section in restored.items()}
        lost = (yield from _taking_out(deleted, own, sections)) if deleted else dict[str, Section]()
        if portion.is_used_up(LISTED_BYTES * len(sections)):
            yield
        for name, section in own.items():
            there = sections.get(name)
            if there is section or (there is not None and _is_same(section, there)):
                continue
            if portion.is_used_up(len(section.value or b"")):
                yield
            gone = deleted_there.get(digest(name)) if deleted_there and name not in restored else None
            if gone is not None and section.writer != self._writer and gone.covers(section):
                loser = None if gone.knows(section) else section
            else:
                sections[name], loser = self._over(section, there, floor)
            if loser is not None and loser.value is not None:
                lost[name] = loser
        if portion.is_used_up(LISTED_BYTES * len(sections)):
            yield
        size_bytes = total_bytes(sections)
        if portion.is_used_up(LISTED_BYTES * len(sections)):
            yield
        return Laid(sections, lost, size_bytes)

    def leave(self, on_disk: Mapping[str, Section]) -> None:
        """Hold only what no disk has: the rest is in another session, and stays there."""
        self._hold({name: section for name, section in self._sections.items() if on_disk.get(name) != section})

    def replace(self, sections: Mapping[str, Section]) -> None:
        """Hold the content of another session; nothing of the old one remains."""
        self._hold({name: _out(section) for name, section in sections.items()})

    def pushed(self) -> None:
        """All of the present content is on its way to the image, which may have it from now on."""
        for name in self._sections:
            self.on_its_way(name)

    def on_its_way(self, name: str) -> Section | None:
        """The section, which the image may have from now on; None where there is none."""
        section = self._sections.get(name)
        if section is not None:
            section = self._sections[name] = _on_its_way(section)
        return section

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
        missing = [name for name, section in self._sections.items() if name not in remote and not section.stays_here]
        found.newer += missing
        gone = [name for name, theirs in remote.items() if theirs.value is None and name not in self._sections]
        deleted_there = shared_in((name, remote[name]) for name in filter(is_shared, gone))
        portion = Portion()
        if portion.is_used_up(LISTED_BYTES * (len(remote) + len(self._sections))):
            yield
        deleted = {**deleted_there, **self._shared}
        for name, theirs in remote.items():
            self._merge_one(name, theirs, found, deleted, keeps_changes=keeps_changes)
            if portion.is_used_up(len(theirs.value or b"")):
                yield
        yield from self._deleting_what_was_deleted_there(deleted_there, found)
        found.doubtful = self._doubtful(found.taken, remote)
        self._share_old_deletions()

    def _merge_one(self, name: str, theirs: Section, found: Merged, deleted: Shared, *, keeps_changes: bool) -> None:
        ours = self._sections.get(name)
        if ours is theirs and ours.may_be_out:
            return
        if ours is not None and equal(ours.value, theirs.value) and ours.tag == theirs.tag:
            self._sections[name] = _with_known(_out(ours), theirs)
            return
        if ours is None and deleted and self._is_deleted(name, theirs, deleted, found.lost):
            found.newer += [name] if theirs.value is not None else []
            return
        if keeps_changes and ours is not None and ours.writer == self._writer and ours.counter <= theirs.counter:
            ours = self._sections[name] = replace(ours, counter=_after(theirs))
        if ours is not None and _rank(ours) > _rank(theirs):
            found.newer.append(name)
            self._sections[name] = _won_over(theirs, ours)
            loser: Section | None = theirs
        elif not self._is_one_too_many(name, theirs) and not self._is_too_large(name, theirs):
            found.taken.append(name)
            self._put(name, theirs if ours is None else replace(theirs, known=_latest(theirs.known, _past(ours))))
            loser = ours
        else:
            loser = theirs
        if loser is None or loser.value is None or equal(loser.value, self._value(name)):
            return
        if loser is ours or ours is None or loser.sum_of_value() not in ours.known:
            found.lost[name] = loser

    def _hold(self, sections: Mapping[str, Section], size_bytes: int | None = None) -> None:
        self._sections = dict(sections)
        deleted = [name for name, section in sections.items() if section.value is None]
        self._shared_names = dict.fromkeys(filter(is_shared, deleted))
        self._shared = shared_in((name, sections[name]) for name in self._shared_names)
        self._floor = _floor(self._shared)
        self._total_bytes = total_bytes(sections) if size_bytes is None else size_bytes
        self._live = len(sections) - len(deleted)

    def _over(self, own: Section, restored: Section | None, floor: int) -> tuple[Section, Section | None]:
        """Which of the two is there from now on, and which one is to be kept as it gave way."""
        if restored is None:
            is_below = own.value is not None and own.counter <= floor
            return (replace(own, counter=floor + 1, writer=self._writer) if is_below else own), None
        if own.counter <= restored.counter and equal(own.value, restored.value):
            return _knowing(restored, _latest(restored.known, own.known)), None
        if own.writer != self._writer and _rank(own) < _rank(restored):
            winner, loser = _knowing(restored, _latest(restored.known, _past(own))), own
        else:
            counter, writer = own.counter, own.writer
            if counter <= restored.counter and writer == self._writer:
                counter, writer = _after(restored), self._writer
            known = _latest(own.known, _past(restored))
            winner, loser = replace(own, counter=counter, writer=writer, known=known), restored
            if restored.writer == self._writer:  # what this very process had before
                return winner, None
        if loser.value is None or equal(loser.value, winner.value):
            return winner, None
        past = own.known if loser is restored else restored.known
        return winner, None if loser.sum_of_value() in past else loser

    def _first(self, name: str, value: bytes) -> Section:
        """A section of a new name, or of one whose deletion is so old that it is remembered with others."""
        deletion = self._shared.get(digest(name)) if self._shared else None
        known = (deletion.last_known,) if deletion else ()
        return Section(value, self._floor + 1, self._writer, known, may_be_out=False)

    def _next(self, previous: Section, value: bytes | None) -> Section:
        return Section(value, _after(previous), self._writer, _past(previous), may_be_out=False)

    def _value(self, name: str) -> bytes | None:
        section = self._sections.get(name)
        return section.value if section else None

    def _put(self, name: str, section: Section) -> None:
        self._total_bytes += self._growth(name, section)
        self._live += (section.value is not None) - (name in self)
        self._sections[name] = section
        if section.value is None and is_shared(name):
            self._shared_names[name] = None
            self._shared |= shared_in([(name, section)])
            self._floor = max(self._floor, section.counter)

    def _remove(self, name: str) -> None:
        self._live -= name in self
        self._total_bytes -= cost(name, self._sections.pop(name))

    def _growth(self, name: str, section: Section) -> int:
        return cost(name, section) - cost(name, self._sections.get(name))

    def _is_one_too_many(self, name: str, section: Section) -> bool:
        return section.value is not None and name not in self and self._live >= SECTIONS_MAX

    def _is_too_large(self, name: str, section: Section) -> bool:
        """False while the whole stays within its limit, or at least does not grow."""
        growth = self._growth(name, section)
        return growth > 0 and self._total_bytes + growth > CONTEXT_MAX_BYTES

    def _check_size(self, name: str, section: Section) -> None:
        if self._is_one_too_many(name, section):
            raise ConfigurationError(
                f"with section {name!r} there would be more than the {SECTIONS_MAX:,} sections that are allowed",
                hint="delete another one first, or keep what belongs together in one",
            )
        if self._is_too_large(name, section):
            total = self._total_bytes + self._growth(name, section)
            raise ConfigurationError(
                f"with section {name!r} the context would be {total:,} bytes, and {CONTEXT_MAX_BYTES:,} are allowed",
                hint="make this section smaller or delete another one; the old value stays",
            )

    # Older deletions

    def _is_deleted(self, name: str, theirs: Section, deleted: Shared, lost: dict[str, Section]) -> bool:
        """True for a copy of what was deleted long ago; ``lost`` gets it unless it is known."""
        deletion = deleted.get(digest(name))
        if deletion is None or not deletion.covers(theirs):
            return False
        if theirs.value is not None and not deletion.knows(theirs):
            lost[name] = theirs
        return True

    def _deleting_what_was_deleted_there(self, deleted: Shared, found: Merged) -> Steps[None]:
        portion = Portion()
        for name in list(self._sections) if deleted else []:
            if portion.is_used_up():
                yield
            ours = self._sections.get(name)
            deletion = deleted.get(digest(name)) if ours is not None and ours.value is not None else None
            if ours is None or deletion is None or not deletion.covers(ours):
                continue
            found.taken.append(name)
            self._remove(name)
            self._put(name, Section(None, deletion.counter, "", _past(ours)))
            if not deletion.knows(ours):
                found.lost[name] = ours

    def _doubtful(self, taken: list[str], remote: Mapping[str, Section]) -> tuple[str, ...]:
        forgotten = self._sections.get(FORGOTTEN)
        if forgotten is None or FORGOTTEN in taken:
            return ()
        return tuple(name for name in taken if name in self and remote[name].counter <= forgotten.counter)

    def _share_old_deletions(self) -> None:
        """Give the oldest deletions less room, and forget the very oldest."""
        singly = len(self._sections) - self._live - len(self._shared_names)
        if singly < TOMBSTONES_KEPT + TOMBSTONES_FOLDED:
            self._forget_oldest_deletions()  # an image may have brought some
            return
        old = [
            (name, section)
            for name, section in self._sections.items()
            if section.value is None and name not in self._shared_names
        ][: (singly - TOMBSTONES_KEPT) // DELETIONS_IN_ONE * DELETIONS_IN_ONE]
        for start in range(0, len(old), DELETIONS_IN_ONE):
            several = old[start : start + DELETIONS_IN_ONE]
            self._put(*share(several))
            for name, _ in several:
                self._remove(name)
        self._forget_oldest_deletions()

    def _forget_oldest_deletions(self) -> None:
        if len(self._shared_names) <= SHARED_DELETIONS_KEPT:
            return
        names = [name for name in self._shared_names if name != FORGOTTEN]
        oldest = names[: max(0, len(names) - SHARED_DELETIONS_KEPT)]
        if not oldest:
            return
        counter = max(self._sections[name].counter for name in [*oldest, FORGOTTEN] if name in self._sections)
        for name in oldest:
            self._remove(name)
            del self._shared_names[name]
        self._put(FORGOTTEN, Section(None, counter, ""))
        self._shared = shared_in((name, self._sections[name]) for name in self._shared_names)


def _shared_among(sections: Mapping[str, Section]) -> dict[bytes, Deletion]:
    deleted = [name for name, section in sections.items() if section.value is None]
    return shared_in((name, sections[name]) for name in filter(is_shared, deleted))


def _floor(deleted: Shared) -> int:
    """The counter above which nothing is taken for what was deleted."""
    return max((deletion.counter for deletion in deleted.values()), default=0)


def _taking_out(deleted: Shared, own: Mapping[str, Section], sections: dict[str, Section]) -> Steps[dict[str, Section]]:
    """Take what was deleted long ago out of what was restored; what of that is worth a snapshot."""
    lost: dict[str, Section] = {}
    portion = Portion()
    for name, section in list(sections.items()):
        deletion = deleted.get(digest(name)) if name not in own else None
        if deletion is not None and deletion.covers(section):
            del sections[name]
            if section.value is not None and not deletion.knows(section):
                lost[name] = section
        if portion.is_used_up():
            yield
    return lost


def _is_same(one: Section, other: Section) -> bool:
    """True for the very same change, of which both sides know the same past."""
    is_same_change = one.counter == other.counter and one.writer == other.writer
    return is_same_change and one.value == other.value and one.known == other.known


def _after(section: Section) -> int:
    return min(section.counter + 1, COUNTER_MAX)


def _out(section: Section) -> Section:
    return section if section.may_be_out else replace(section, may_be_out=True)


def _on_its_way(section: Section) -> Section:
    if section.may_be_out and (section.value_sum is not None or section.value is None):
        return section
    return replace(section, may_be_out=True, value_sum=None if section.value is None else section.sum_of_value())


def _knowing(section: Section, known: tuple[int, ...]) -> Section:
    return section if section.known == known else replace(section, known=known)


def _with_known(section: Section, other: Section) -> Section:
    return replace(section, known=_latest(other.known, section.known)) if other.known else section


def _won_over(loser: Section, section: Section) -> Section:
    """What was deleted knows the copy too that it won over: a server that merges gives that back."""
    known = _with_known(section, loser)
    if section.value is not None or loser.value is None:
        return known
    return replace(known, known=_latest(known.known, (loser.sum_of_value(),)))


def _past(section: Section) -> tuple[int, ...]:
    """What the image may have once the section has changed."""
    if section.value is None or not section.may_be_out:
        return section.known
    return _latest(section.known, (section.sum_of_value(),))


def _latest(known: tuple[int, ...], more: tuple[int, ...]) -> tuple[int, ...]:
    return (*(one for one in known if one not in more), *more)[-KNOWN_COPIES:]


def _rank(section: Section) -> tuple[int, str, bytes]:
    return section.counter, section.writer, section.value or b""
