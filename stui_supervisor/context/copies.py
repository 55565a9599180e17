"""Two copies of one section: which is the later, and what of its past an image may still have.

Each function answers with a section or a value, and changes none.
"""

from __future__ import annotations

from dataclasses import replace

from stui_supervisor.config import KNOWN_COPIES
from stui_supervisor.context.section import COUNTER_MAX, Section


def rank(section: Section) -> tuple[int, str, bytes]:
    """Of two copies the one of higher rank wins; two sides that compare the same copies agree."""
    return section.counter, section.writer, section.value or b""


def is_same(one: Section, other: Section) -> bool:
    """True for the very same change, of which both sides know the same past."""
    is_same_change = one.counter == other.counter and one.writer == other.writer
    return is_same_change and one.value == other.value and one.known == other.known


def after(section: Section) -> int:
    """The counter of the change that follows this one."""
    return min(section.counter + 1, COUNTER_MAX)


def out(section: Section) -> Section:
    """The same; an image may have it."""
    return section if section.may_be_out else replace(section, may_be_out=True)


def on_its_way(section: Section) -> Section:
    """The same; an image may have it, and its checksum is worked out."""
    if section.may_be_out and (section.value_sum is not None or section.value is None):
        return section
    return replace(section, may_be_out=True, value_sum=None if section.value is None else section.sum_of_value())


def past(section: Section) -> tuple[int, ...]:
    """The checksums of what an image may have once the section has changed."""
    if section.value is None or not section.may_be_out:
        return section.known
    return latest(section.known, (section.sum_of_value(),))


def latest(known: tuple[int, ...], more: tuple[int, ...]) -> tuple[int, ...]:
    """The latest of these checksums, ``more`` being later than ``known``; only so many are remembered."""
    return (*(one for one in known if one not in more), *more)[-KNOWN_COPIES:]


def knowing(section: Section, known: tuple[int, ...]) -> Section:
    """The same with this past."""
    return section if section.known == known else replace(section, known=known)


def with_known(section: Section, other: Section) -> Section:
    """The same with the past of both; its own is the later."""
    return replace(section, known=latest(other.known, section.known)) if other.known else section


def won_over(loser: Section, section: Section) -> Section:
    """The same after it has won. What was deleted knows the loser too: a server that merges gives that back."""
    known = with_known(section, loser)
    if section.value is not None or loser.value is None:
        return known
    return replace(known, known=latest(known.known, (loser.sum_of_value(),)))
