"""The reading of the profile at each restore: which answer counts, and what is still to be told."""

from __future__ import annotations

from stui_supervisor.effects import ReadProfile
from stui_supervisor.errors import StoreError


class ProfileReading:
    """One read at a time is awaited; ``failure`` is kept until it is known whether the whole disk is away."""

    def __init__(self) -> None:
        self._number = 0
        self.is_awaited = False
        self.failure: StoreError | None = None

    def begin(self, name: str) -> ReadProfile:
        """Ask for the profile; only the answer to the latest call counts."""
        self._number += 1
        self.is_awaited, self.failure = True, None
        return ReadProfile(self._number, name)

    def ends_with(self, number: int, failure: StoreError | None = None) -> bool:
        """True for the answer that is awaited, which it is no more."""
        if not self.is_awaited or number != self._number:
            return False
        self.is_awaited, self.failure = False, failure
        return True

    def take_failure(self) -> StoreError | None:
        """What went wrong, once."""
        failure, self.failure = self.failure, None
        return failure
