"""What the health of a link asks of the outside, and what it is told."""

from __future__ import annotations

from typing import NamedTuple

from stui_supervisor.health.sample import PathSample


class LookAtPath(NamedTuple):
    """Look at the link's connection; answer with PathSeen, at once."""

    link: int


class Knock(NamedTuple):
    """Find out whether the process at the other end lives: Greeted follows then, nothing otherwise."""

    link: int


class PathSeen(NamedTuple):
    """A look at the link's connection; None where the system does not let us look."""

    link: int
    sample: PathSample | None


class Greeted(NamedTuple):
    """The process at the other end of the link has answered a knock."""

    link: int
