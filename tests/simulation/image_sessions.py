"""The sessions that one image keeps: what is in them, and whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class ImageSessions:
    """``states`` by the id of the session, ``owners`` are the clients' ids."""

    states: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget them all."""
        self.states.clear()
        self.owners.clear()
