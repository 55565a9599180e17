"""The image's copy of the work, merged into ours, in parts; what gives way is kept, and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stui_supervisor.config import COPY_MAX_BYTES, ERROR_TEXT_MAX_LENGTH, LISTED_BYTES, SECTIONS_MAX
from stui_supervisor.context.context import Merged
from stui_supervisor.context.image_copy import ImageCopy, bytes_beyond, reading_copy, sections_beyond
from stui_supervisor.context.parts import Portion, Steps
from stui_supervisor.context.section import Section, equal
from stui_supervisor.core.effects import Effect, SaveSnapshot
from stui_supervisor.core.report import Report
from stui_supervisor.core.shared import Leaves, Turn
from stui_supervisor.problems import ProblemCode
from stui_supervisor.replication.push_schedule import PushSchedule
from stui_supervisor.security.masks import without


class Merge:
    """Takes what is newer in another copy of the work; the ``schedule`` learns whether that may be written over."""

    def __init__(self, turn: Turn, report: Report, leaves: Leaves, schedule: PushSchedule) -> None:
        self._turn = turn
        self._report = report
        self._session = leaves.session
        self._masks = leaves.exchange.masks
        self._schedule = schedule

    def steps(self, state: object) -> Steps[bool]:
        """Merge this session state of a backend, in parts; True when ours has something that the image lacks."""
        sections = sections_beyond(state)
        own = self._session.context.sections()
        copy = yield from reading_copy({} if sections else state, own)
        listing = Portion()
        if listing.spend(LISTED_BYTES * len(copy.sections)):
            yield
        size = bytes_beyond({**copy.sections, **copy.remains})
        if listing.spend(LISTED_BYTES * len(copy.sections)):
            yield
        self._schedule.found(is_readable=not sections and not size)
        if sections:
            self._leave_copy(ProblemCode.TOO_MANY_SECTIONS, f"{sections:,} sections, and {SECTIONS_MAX:,}")
        elif size:
            self._leave_copy(ProblemCode.COPY_TOO_LARGE, f"{size:,} bytes, and {COPY_MAX_BYTES:,}")
        return not sections and not size and (yield from self._taking(copy, own))

    def _taking(self, copy: ImageCopy, own: Mapping[str, Section]) -> Steps[bool]:
        """Take over what was read; True when ours has something that the image lacks."""
        found, remains = copy.sections, copy.remains
        quoting = yield from self._masks.finding_quoting({**found, **remains}, own)
        if quoting:
            found, remains = without(quoting, found), without(quoting, remains)
            self._schedule.found(is_readable=False)
            self._leave_quoting(quoting)
        # What was set before anything could be restored wins over what was stored, which this may be the only copy of.
        merged, has_disk = Merged(), self._session.id is not None
        try:
            yield from self._session.context.merging(found, merged, keeps_changes=not has_disk)
            remains = yield from _finding_news(remains, own)
            unseen = self._session.take_unseen(remains)
        except GeneratorExit:  # the link is gone; what was taken so far stays, and what gave way to it is kept
            self._took(merged, {})
            raise
        self._took(merged, unseen)
        return bool(merged.newer) and not quoting

    def _took(self, merged: Merged, unseen: Mapping[str, Section]) -> None:
        if merged.taken:
            self._session.saver.context_changed(self._turn.now.monotonic_s)
        lost = {**unseen, **merged.lost}
        both_lost = {name: unseen[name] for name in unseen if name in merged.lost}
        self._turn.effects += self._session.keep(both_lost)
        self._turn.effects += self._session.keep(lost)
        self._tell_of_copies(lost, "the image")
        self._tell_of_doubtful(merged.doubtful)

    def adopted(self, effects: Sequence[Effect], whose: str) -> None:
        """A stored session was taken over with these effects: tell of the copies that they keep."""
        for effect in effects:
            if isinstance(effect, SaveSnapshot):
                self._tell_of_copies(effect.sections, whose)
        self._turn.effects += effects

    # What is told

    def _leave_quoting(self, names: list[str]) -> None:
        words = self._masks.text(", ".join(sorted(names)))[:ERROR_TEXT_MAX_LENGTH]
        hint = (
            "the rest was taken over; the image's copy stays as it is, and the work context is kept on this machine "
            "only, until the token is out of it"
        )
        message = f"the image's copy of the work quotes the token, in: {words}"
        self._report.problem(ProblemCode.COPY_QUOTES_TOKEN, message, hint)

    def _leave_copy(self, code: ProblemCode, excess: str) -> None:
        hint = "the image's copy stays as it is, and the work context is kept on this machine only"
        self._report.problem(code, f"the image's copy of the work has {excess} can be taken", hint)

    def _tell_of_copies(self, lost: Mapping[str, Section], whose: str) -> None:
        if not lost:
            return
        names = ", ".join(sorted(lost))[:ERROR_TEXT_MAX_LENGTH]
        place = "in a snapshot file of this session" if self._session.id else "in memory until a disk takes it"
        hint = f"the newer copy is in use, as far as that can be known; the other one is kept {place}"
        self._report.problem(ProblemCode.CONTEXT_DIFFERED, f"{whose} had another copy of: {names}", hint)

    def _tell_of_doubtful(self, doubtful: tuple[str, ...]) -> None:
        if not doubtful:
            return
        names = ", ".join(sorted(doubtful))[:ERROR_TEXT_MAX_LENGTH]
        message = f"these came from the image, and may have been deleted here: {names}"
        hint = "delete them again if they were: so many were deleted here that the oldest of these are forgotten"
        self._report.problem(ProblemCode.DELETIONS_FORGOTTEN, message, hint)


def _finding_news(remains: Mapping[str, Section], own: Mapping[str, Section]) -> Steps[dict[str, Section]]:
    """Those of the ``remains`` (see ImageCopy) with a value that our own sections do not have, and never had."""
    news, portion = dict[str, Section](), Portion()
    for name, section in remains.items():
        if _is_news(section, own.get(name)):
            news[name] = section
        if portion.spend(len(section.value or b"")):
            yield
    return news


def _is_news(section: Section, own: Section | None) -> bool:
    """False for a value that our own section has, or had before."""
    if own is None:
        return True
    return not equal(own.value, section.value) and section.sum_of_value() not in own.known
