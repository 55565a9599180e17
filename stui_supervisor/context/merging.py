"""How two copies of a context become one, in parts: ours with an image's, or with what was restored from a disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from stui_supervisor.config import LISTED_BYTES
from stui_supervisor.context.copies import after, is_same, knowing, latest, out, past, rank, with_known, won_over
from stui_supervisor.context.deletions import FORGOTTEN, Deletion, Shared, digest, is_shared, shared_in
from stui_supervisor.context.parts import Portion, Steps
from stui_supervisor.context.section import Section, equal, total_bytes
from stui_supervisor.context.table import SectionTable, floor_of


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


def merging(
    table: SectionTable, remote: Mapping[str, Section], found: Merged, *, changes_of: str | None = None
) -> Steps[None]:
    """Take from ``remote`` into ``table`` what is newer there, and add to ``found``; the table may change in between.

    The higher rank wins. A remote section that no longer fits is not taken. What the writer ``changes_of`` has changed
    counts as newer.
    """
    missing = [name for name, section in table.sections.items() if name not in remote and not section.stays_here]
    found.newer += missing
    gone = [name for name, theirs in remote.items() if theirs.value is None and name not in table.sections]
    deleted_there = shared_in((name, remote[name]) for name in filter(is_shared, gone))
    portion = Portion()
    if portion.spend(LISTED_BYTES * (len(remote) + len(table.sections))):
        yield
    deleted = {**deleted_there, **table.deleted}
    for name, theirs in remote.items():
        _merge_one(table, name, theirs, found, deleted, changes_of)
        if portion.spend(len(theirs.value or b"")):
            yield
    yield from _deleting_what_was_deleted_there(table, deleted_there, found)
    found.doubtful = _doubtful(table, found.taken, remote)
    table.share_old_deletions()


def _merge_one(
    table: SectionTable, name: str, theirs: Section, found: Merged, deleted: Shared, changes_of: str | None
) -> None:
    ours = table.sections.get(name)
    if ours is theirs and ours.may_be_out:
        return
    if ours is not None and equal(ours.value, theirs.value) and ours.tag == theirs.tag:
        table.note(name, with_known(out(ours), theirs))
        return
    deletion = _deletion_of(name, theirs, deleted) if ours is None and deleted else None
    if deletion is not None:
        if theirs.value is not None:
            found.newer.append(name)
            found.lost |= {} if deletion.knows(theirs) else {name: theirs}
        return
    if ours is not None and ours.writer == changes_of and ours.counter <= theirs.counter:
        ours = replace(ours, counter=after(theirs))
        table.note(name, ours)
    if ours is not None and rank(ours) > rank(theirs):
        found.newer.append(name)
        table.note(name, won_over(theirs, ours))
        loser: Section | None = theirs
    elif not table.is_one_too_many(name, theirs) and not table.is_too_large(name, theirs):
        found.taken.append(name)
        table.put(name, theirs if ours is None else replace(theirs, known=latest(theirs.known, past(ours))))
        loser = ours
    else:
        loser = theirs
    if loser is None or loser.value is None or equal(loser.value, table.value(name)):
        return
    if loser is ours or ours is None or loser.sum_of_value() not in ours.known:
        found.lost[name] = loser


def _deleting_what_was_deleted_there(table: SectionTable, deleted: Shared, found: Merged) -> Steps[None]:
    portion = Portion()
    for name in list(table.sections) if deleted else []:
        if portion.spend():
            yield
        ours = table.sections.get(name)
        if ours is None or ours.value is None or (deletion := _deletion_of(name, ours, deleted)) is None:
            continue
        found.taken.append(name)
        table.remove(name)
        table.put(name, Section(None, deletion.counter, "", past(ours)))
        if not deletion.knows(ours):
            found.lost[name] = ours


def _doubtful(table: SectionTable, taken: list[str], remote: Mapping[str, Section]) -> tuple[str, ...]:
    forgotten = table.sections.get(FORGOTTEN)
    if forgotten is None or FORGOTTEN in taken:
        return ()
    return tuple(name for name in taken if table.is_live(name) and remote[name].counter <= forgotten.counter)


def overlaying(own: Mapping[str, Section], restored: Mapping[str, Section], writer: str) -> Steps[Laid]:
    """Lay our ``own`` sections over those that were restored; each change of this ``writer`` counts as newer."""
    portion, deleted, deleted_there = Portion(), _shared_among(own), _shared_among(restored)
    floor = floor_of(deleted_there)
    if portion.spend(LISTED_BYTES * (len(own) + len(restored))):
        yield
    sections = {name: out(section) for name, section in restored.items()}
    lost = (yield from _taking_out(deleted, own, sections)) if deleted else dict[str, Section]()
    if portion.spend(LISTED_BYTES * len(sections)):
        yield
    for name, section in own.items():
        there = sections.get(name)
        if there is section or (there is not None and is_same(section, there)):
            continue
        if portion.spend(len(section.value or b"")):
            yield
        gone = deleted_there.get(digest(name)) if deleted_there and name not in restored else None
        if gone is not None and section.writer != writer and gone.covers(section):
            loser = None if gone.knows(section) else section
        else:
            sections[name], loser = _over(section, there, floor, writer)
        if loser is not None and loser.value is not None:
            lost[name] = loser
    if portion.spend(LISTED_BYTES * len(sections)):
        yield
    size_bytes = total_bytes(sections)
    if portion.spend(LISTED_BYTES * len(sections)):
        yield
    return Laid(sections, lost, size_bytes)


def _over(own: Section, restored: Section | None, floor: int, writer: str) -> tuple[Section, Section | None]:
    """Which of the two is there from now on, and which one is to be kept as it gave way."""
    if restored is None:
        is_below = own.value is not None and own.counter <= floor
        return (replace(own, counter=floor + 1, writer=writer) if is_below else own), None
    if own.counter <= restored.counter and equal(own.value, restored.value):
        return knowing(restored, latest(restored.known, own.known)), None
    if own.writer != writer and rank(own) < rank(restored):
        winner, loser = knowing(restored, latest(restored.known, past(own))), own
    else:
        is_behind = own.counter <= restored.counter and own.writer == writer
        counter = after(restored) if is_behind else own.counter
        winner, loser = replace(own, counter=counter, known=latest(own.known, past(restored))), restored
        if restored.writer == writer:  # what this very process had before
            return winner, None
    if loser.value is None or equal(loser.value, winner.value):
        return winner, None
    had = own.known if loser is restored else restored.known
    return winner, None if loser.sum_of_value() in had else loser


def _taking_out(deleted: Shared, own: Mapping[str, Section], sections: dict[str, Section]) -> Steps[dict[str, Section]]:
    """Take what was deleted long ago out of what was restored; what of that is worth a snapshot."""
    lost: dict[str, Section] = {}
    portion = Portion()
    for name, section in list(sections.items()):
        deletion = _deletion_of(name, section, deleted) if name not in own else None
        if deletion is not None:
            del sections[name]
            if section.value is not None and not deletion.knows(section):
                lost[name] = section
        if portion.spend():
            yield
    return lost


def _deletion_of(name: str, section: Section, deleted: Shared) -> Deletion | None:
    """The older deletion, if there is one, that this copy of a section must not undo."""
    deletion = deleted.get(digest(name))
    return deletion if deletion is not None and deletion.covers(section) else None


def _shared_among(sections: Mapping[str, Section]) -> dict[bytes, Deletion]:
    deleted = [name for name, section in sections.items() if section.value is None]
    return shared_in((name, sections[name]) for name in filter(is_shared, deleted))
