"""One attempt at a link, and the connection that it becomes."""

from __future__ import annotations

from math import inf
from typing import Final, NamedTuple

from stui_supervisor.config import Settings
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.health.degradations import Degradations
from stui_supervisor.health.path import PathWatch
from stui_supervisor.health.pings import PingWatch
from stui_supervisor.health.stall import StallGuard
from stui_supervisor.link.handshake import Handshake
from stui_supervisor.link.phase import Phase
from stui_supervisor.peer.process import Look
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.secret import Secret
from stui_supervisor.wire.dialects import Dialect


class Settled(NamedTuple):
    """What the profile asked for when an attempt began. Should it ask for more later, another attempt is necessary."""

    wants_token: bool = False
    server_key: str | None = None
    pin: str | None = None
    ipc_owner: str | None = None


NOTHING_SETTLED: Final = Settled()


class Connection:
    """What belongs to one link, and ends with it.

    ``dialect`` is what the backend of an established link speaks, ``look`` is who answers, ``path`` is the watch over
    the connection, from its opening to its end. ``rtt_ms`` is how long the latest timed answer took.
    """

    def __init__(self, settings: Settings) -> None:
        self.handshake: Handshake | None = None
        self.look = Look()
        self.path: PathWatch | None = None
        self.dialect = Dialect.COMMAND
        self.pings = PingWatch(settings)
        self.degradations = Degradations()
        self.rtt_ms: float | None = None


class Attempt:
    """The present attempt; ``link`` is its number, and that of the link it becomes.

    ``until`` is the monotonic time at which the phase ends by itself, infinity where it does not. ``only_loopback`` is
    as in Trust. ``settled`` is what the profile asked for when it began. ``stall`` says from when on anything is judged
    again after this process stood still.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.link = 0
        self.phase = Phase.IDLE
        self.until = inf
        self.endpoint: Endpoint | None = None
        self.secret: Secret | None = None
        self.curve: CurveKeys | None = None
        self.only_loopback = False
        self.settled = NOTHING_SETTLED
        self.connection = Connection(settings)
        self.stall = StallGuard(settings)

    def enter(self, phase: Phase, until: float = inf) -> None:
        """Begin a phase."""
        self.phase = phase
        self.until = until

    def shake_hands(self, now: float) -> None:
        """Wait for the next reply in the handshake; after ``handshake_notice_s`` seconds the silence is looked at."""
        self.enter(Phase.HANDSHAKE, now + self._settings.handshake_notice_s)

    def next(self, endpoint: Endpoint) -> None:
        """Begin a new attempt; what belongs to the one before is forgotten."""
        self.link += 1
        self.endpoint = endpoint
        self.secret = None
        self.curve = None
        self.only_loopback = False
        self.settled = NOTHING_SETTLED
        self.connection = Connection(self._settings)

    def is_in(self, link: int, *phases: Phase) -> bool:
        """True when this is the attempt of that number, and in one of these phases."""
        return link == self.link and self.phase in phases

    @property
    def waits(self) -> bool:
        """True between two attempts."""
        return self.phase in (Phase.WAITING, Phase.LOOKING)

    @property
    def is_up(self) -> bool:
        """True while the link is established."""
        return self.phase is Phase.UP

    @property
    def has_link(self) -> bool:
        """True while a link of this attempt may be open."""
        return self.phase in (Phase.OPENING, Phase.HANDSHAKE, Phase.SWITCHING, Phase.UP)

    @property
    def target(self) -> Endpoint:
        """Where it goes; for an attempt that has begun."""
        if self.endpoint is None:
            raise AssertionError("an attempt without an endpoint")
        return self.endpoint
