"""One attempt at a link, and the link it becomes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple

from stui_supervisor.endpoint import Endpoint
from stui_supervisor.health.path import PathWatch
from stui_supervisor.link.handshake import Handshake
from stui_supervisor.peer.process import Look
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.secret import Secret
from stui_supervisor.wire.dialects import Dialect


class Phase(Enum):
    """What an attempt is waiting for."""

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


class Settled(NamedTuple):
    """What of the profile an attempt goes by: a profile that asks for more than this makes another one necessary."""

    wants_token: bool = False
    server_key: str | None = None
    pin: str | None = None
    ipc_owner: str | None = None


NOTHING_SETTLED: Final = Settled()


@dataclass(slots=True)
class Attempt:
    """The present attempt; ``link`` is its number.

    ``dialect`` is what the backend of an established link speaks. ``until`` is the monotonic time at
    which the phase ends by itself; a phase that does not has None. ``look`` is who answers on the link. Nothing is
    judged before ``judged_from``, and no request is over by its time before ``expired_from``. ``only_loopback``
    is Trust's. ``settled`` is what of the profile it was made with.
    """

    link: int = 0
    phase: Phase = Phase.IDLE
    until: float | None = None
    endpoint: Endpoint | None = None
    secret: Secret | None = None
    curve: CurveKeys | None = None
    only_loopback: bool = False
    settled: Settled = NOTHING_SETTLED
    handshake: Handshake | None = None
    look: Look = field(default_factory=Look)
    path: PathWatch | None = None
    judged_from: float = 0.0
    expired_from: float = 0.0
    dialect: Dialect = Dialect.COMMAND

    def enter(self, phase: Phase, until: float | None) -> None:
        """Begin a phase."""
        self.phase = phase
        self.until = until

    def next(self, endpoint: Endpoint) -> None:
        """Begin a new attempt; what belongs to the one before is forgotten."""
        self.link += 1
        self.endpoint = endpoint
        self.secret = None
        self.curve = None
        self.only_loopback = False
        self.settled = NOTHING_SETTLED
        self.handshake = None
        self.look = Look()
        self.path = None
        self.dialect = Dialect.COMMAND

    @property
    def waits(self) -> bool:
        """True between two attempts."""
        return self.phase in (Phase.WAITING, Phase.LOOKING)

    @property
    def has_link(self) -> bool:
        """True while a link of this attempt may be open."""
        return self.phase in (Phase.OPENING, Phase.HANDSHAKE, Phase.SWITCHING, Phase.UP)
