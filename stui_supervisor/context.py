"""The work context."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """One named part of the context, as canonical JSON.

    ``value`` is None for a section that was deleted (kept so that the deletion wins over older
    copies). ``counter`` grows with each change; ``writer`` names the process that made it.
    """

    value: bytes | None
    counter: int
    writer: str
