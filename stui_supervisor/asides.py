"""What only the journal is told: it explains to a support person what users have no need to hear of."""

from __future__ import annotations

from dataclasses import dataclass

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
