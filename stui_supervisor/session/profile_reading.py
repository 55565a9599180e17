"""The reading of the profile: whether what it settles is known, which answer counts, and when it is read again.

What is not known is never taken for "nothing was settled": no attempt begins before it is. What was read once
stays known when a later reading fails.
"""

from __future__ import annotations

from typing import Final

from stui_supervisor.errors import StoreError
from stui_supervisor.failures import FAILURES, Curve, FailureKind
from stui_supervisor.profile import Profile
from stui_supervisor.session.messages import ReadProfile

_CURVE: Final = FAILURES[FailureKind.PROFILE].curve or Curve(0.0, 0.0, 0.0)

_NOTHING_READ: Final = Profile(name="")  # which is none that can be read later


class ProfileReading:
    """One reading is under way at a time; one that hangs is waited for, and no other is begun on top.

    ``is_known`` is True once it was read, and from the start where no profile is used: then it is read only to see
    whether somebody settles something anew. ``failure`` is why the latest reading gave nothing.
    """

    def __init__(self, name: str, *, is_used: bool) -> None:
        self.name = name
        self._number = 0
        self._is_under_way = False
        self._is_to_be_repeated = False
        self._is_told = False
        self._wait_s = _CURVE.local_s
        self._is_used = is_used
        self._unused: Profile | None = None
        self.is_known = not is_used
        self.failure: StoreError | None = None

    @property
    def is_awaited(self) -> bool:
        """True while what is settled is unknown, or may be another by now."""
        return self._is_used and (self._is_under_way or not self.is_known)

    def begin_run(self) -> None:
        """The program starts, perhaps again: no answer to an earlier run's reading will come."""
        self._is_under_way = self._is_to_be_repeated = self._is_told = False
        self.failure = self._unused = None

    def begin(self) -> list[ReadProfile]:
        """Read it, unless that is under way already."""
        self._wait_s = _CURVE.local_s
        return self._read()

    def changed(self) -> list[ReadProfile]:
        """The file is another than the one that was read last."""
        self._is_to_be_repeated = self._is_under_way
        return self._read()

    def take_answer(self, number: int, failure: StoreError | None = None) -> bool:
        """Take the answer in; False for one that nobody waits for."""
        if not self._is_under_way or number != self._number:
            return False
        self._is_under_way = False
        self.failure = failure if self._is_used else None
        if failure is None:
            self.is_known, self._is_told = True, False
        elif self._unused is None:
            self._unused = _NOTHING_READ
        return True

    def take_news(self, profile: Profile) -> bool:
        """False for what does not count in this run: it was there at the start already."""
        if self._is_used:
            return True
        before, self._unused = self._unused, profile.protection()
        return before is not None and self._unused != before

    def again(self) -> list[ReadProfile]:
        """Read it once more if it changed while it was read."""
        is_wanted, self._is_to_be_repeated = self._is_to_be_repeated, False
        return self._read() if is_wanted else []

    def retry(self) -> tuple[list[ReadProfile], float]:
        """It is not known yet: read it again, and the seconds to wait for that."""
        wait_s, self._wait_s = self._wait_s, min(2 * self._wait_s, _CURVE.cap_s)
        return self._read(), wait_s

    def overdue(self, limit_s: float) -> None:
        """Nothing came within the time that a start gives it."""
        if self._is_under_way:
            self.failure = StoreError(f"nothing was read within {limit_s:g} s", hint="see whether the disk answers")

    def take_untold(self) -> StoreError | None:
        """What went wrong, once until it was read."""
        if self.failure is None or self._is_told:
            return None
        self._is_told = True
        return self.failure

    def _read(self) -> list[ReadProfile]:
        if self._is_under_way:
            return []
        self._number += 1
        self._is_under_way = True
        return [ReadProfile(self._number, self.name)]
