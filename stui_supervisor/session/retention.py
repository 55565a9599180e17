"""What is worth its place on the disk: older copies of the work in a session, and sessions that nobody uses any more.

Copies are counted by the hours and days that have any, not by their age, and in the order of their saving: a clock
that was wrong for a moment or was put back, or a holiday, costs none of them. For the same reason the last few
sessions with work of an image stay, whatever their age; but of so many images only, as a disk has an end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from stui_supervisor.config import COPIES_MAX_BYTES, COPY_DAYS, COPY_HOURS, IMAGES_KEPT, SESSIONS_KEPT
from stui_supervisor.peer.identity import Identity
from stui_supervisor.session.claim_order import Candidate, newest_first


class Copy(NamedTuple):
    """One older copy; ``hour`` is what ``hour_of`` gives for the moment of its saving."""

    hour: int
    size_bytes: int


def hour_of(moment: datetime) -> int:
    """The hours from 1970, in UTC, to this one."""
    return int(moment.timestamp() // 3_600)


class Thinning:
    """Decides which copies to keep, from the last saved one back.

    Kept are the ``newest`` ones and the last of each hour and day, within their limits.
    """

    def __init__(self, newest: int = 0) -> None:
        self._newest = newest
        self._hour: int | None = None
        self._day: int | None = None
        self._hours = self._days = 0
        self._left_bytes = COPIES_MAX_BYTES

    def take(self, copy: Copy) -> bool:
        """The next copy; True to keep it."""
        hour, day = copy.hour, copy.hour // 24
        is_last_of_hour = hour != self._hour and self._hours < COPY_HOURS
        is_last_of_day = day != self._day and self._days < COPY_DAYS
        if not (is_last_of_hour or is_last_of_day or self._newest > 0):
            return False
        self._left_bytes -= copy.size_bytes
        if self._left_bytes < 0:
            return False
        self._newest -= 1
        self._hours += hour != self._hour
        self._days += day != self._day
        self._hour, self._day = hour, day
        return True


def outlived(candidates: Iterable[Candidate], now: datetime, days: float, images: int = IMAGES_KEPT) -> list[Candidate]:
    """The sessions that were not saved for so long, the oldest first; some of them may be owned still.

    Never the newest few with work in them of a profile and an image, as long as that is among the last ``images`` of
    the profile: a server may name another one at each of its starts. Nor the one that was linked last of a profile.
    """
    old: list[Candidate] = []
    linked: set[str] = set()
    images_of: Counter[str] = Counter()
    to_keep: dict[tuple[str, Identity | None], int] = {}
    for candidate in newest_first(candidates):
        profile, owner = candidate.record.profile, (candidate.record.profile, candidate.record.image)
        is_last = candidate.record.endpoint is not None and profile not in linked
        if is_last:
            linked.add(profile)
        is_kept = False
        if candidate.live_sections:
            if owner not in to_keep:
                images_of[profile] += 1
                to_keep[owner] = SESSIONS_KEPT if images_of[profile] <= images else 0
            is_kept = to_keep[owner] > 0
            to_keep[owner] -= 1
        if not (is_last or is_kept) and now - candidate.saved_at > timedelta(days=days):
            old.append(candidate)
    return old[::-1]
