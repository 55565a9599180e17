"""What is worth its place on the disk: older copies of the work in a session, and sessions that nobody uses any more.

Copies are counted by the hours and days that have any, not by their age: a clock that was wrong for a
moment, or a holiday, costs none of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from stui_supervisor.claiming import Candidate, newest_first
from stui_supervisor.config import COPIES_MAX_BYTES, COPY_DAYS, COPY_HOURS


class Copy(NamedTuple):
    """One older copy; ``seq`` grows with each, whatever the clock says, and ``hour`` is what ``hour_of`` gives."""

    seq: int
    hour: int
    size_bytes: int


def hour_of(moment: datetime) -> int:
    """The hours from 1970, in UTC, to this one."""
    return int(moment.timestamp() // 3_600)


def worth_keeping(copies: Iterable[Copy], newest: int = 0) -> set[int]:
    """The seqs of those to keep: the ``newest`` ones and the last of each hour and day, within their limits."""
    kept: set[int] = set()
    hours: set[int] = set()
    days: set[int] = set()
    left_bytes = COPIES_MAX_BYTES
    for place, (seq, hour, size_bytes) in enumerate(sorted(copies, reverse=True)):
        day = hour // 24
        is_last_of_hour = hour not in hours and len(hours) < COPY_HOURS
        is_last_of_day = day not in days and len(days) < COPY_DAYS
        if not (is_last_of_hour or is_last_of_day or place < newest):
            continue
        left_bytes -= size_bytes
        if left_bytes < 0:
            break
        kept.add(seq)
        hours.add(hour)
        days.add(day)
    return kept


def outlived(candidates: Iterable[Candidate], now: datetime, days: float) -> list[Candidate]:
    """The sessions that were not saved for so long, the oldest first; some of them may be owned still.

    Never the newest with work in it of a profile and an image.
    """
    old: list[Candidate] = []
    with_work: set[tuple[str, str | None]] = set()
    for candidate in newest_first(candidates):
        owner = candidate.record.profile, candidate.record.image_id
        is_last_work = candidate.live_sections > 0 and owner not in with_work
        if candidate.live_sections:
            with_work.add(owner)
        if not is_last_work and now - candidate.saved_at > timedelta(days=days):
            old.append(candidate)
    return old[::-1]
