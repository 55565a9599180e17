"""What an attempt waits for: the phases, who looks after each, and what follows when it has lasted too long."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple


class Phase(Enum):
    """What an attempt is waiting for; an established link is one that waits for nothing."""

    IDLE = auto()
    LOADING = auto()
    PROFILE = auto()
    WAITING = auto()
    LOOKING = auto()
    CREDENTIAL = auto()
    OPENING = auto()
    HANDSHAKE = auto()
    SWITCHING = auto()
    UP = auto()


class PhaseRule(NamedTuple):
    """Which part of the core looks after a phase, and what follows at its end; "" where it does not end by itself."""

    owner: str
    at_its_end: str


PHASES: Final = {
    Phase.IDLE: PhaseRule("LinkEnd", ""),
    Phase.LOADING: PhaseRule("Restore", "go on with what could be read"),
    Phase.PROFILE: PhaseRule("Dialer", "read the profile again"),
    Phase.WAITING: PhaseRule("Dialer", "begin the next attempt"),
    Phase.LOOKING: PhaseRule("Dialer", "look anew, or give up"),
    Phase.CREDENTIAL: PhaseRule("Dialer", "the attempt has failed"),
    Phase.OPENING: PhaseRule("Dialer", "the attempt has failed"),
    Phase.HANDSHAKE: PhaseRule("Conversation", "tell that the image is busy, and go on waiting"),
    Phase.SWITCHING: PhaseRule("Conversation", "go on in memory"),
    Phase.UP: PhaseRule("Conversation", ""),
}
