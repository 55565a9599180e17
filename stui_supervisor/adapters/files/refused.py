"""What is known of files that could not be used, before people are told of them."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class RefusedFile(NamedTuple):
    """A file that could not be used. ``is_movable``: it is damaged beyond doubt, no link, and may be set aside.

    ``error`` is what the disk said where it gave nothing; the next try may go well.
    """

    name: str
    reason: str
    is_movable: bool
    error: OSError | None = None


class UsedParts(NamedTuple):
    """What of a session could be used all the same: when its work and its record were saved; None for nothing."""

    work_at: datetime | None
    record_at: datetime | None
