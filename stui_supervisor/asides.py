"""What only the journal is told: it explains to a support person what users have no need to hear of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from stui_supervisor.events import Event


class Aside(Event):
    """An event that goes to the journal and to nobody else."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Woke(Aside):
    """The machine has slept for ``slept_s`` seconds."""

    slept_s: float


class NetworkChanged(Aside):
    """An address or a route of this machine came or went."""

    __slots__ = ()


class Beside(NamedTuple):
    """What is true while an event happens, for the line of the log that tells of it.

    ``elapsed_s`` are seconds since some fixed moment, those that the machine slept included. ``image_id`` and
    ``boot_id`` are what the image said of itself on this link; None where it said nothing.
    """

    link: int = 0
    session: str | None = None
    elapsed_s: float = 0.0
    image_id: str | None = None
    boot_id: str | None = None
