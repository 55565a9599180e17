"""The simulated network: links that are refused, that hang, that break, and that talk when nobody listens any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from stui_supervisor.config import FRAME_SMALL_BYTES
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.health.sample import PathSample
from stui_supervisor.ports import LinkListener, LinkTimes
from stui_supervisor.security.curve import CurveKeys
from tests.simulation.agenda import Agenda
from tests.simulation.backend import SimulatedImage
from tests.simulation.connection import PING_BYTES, Connection, Way


class Reach(StrEnum):
    """How a site meets who wants to link to it."""

    GOOD = "good"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNKNOWN_NAME = "unknown name"
    SILENT = "silent"
    NOT_ZEROMQ = "not ZeroMQ"
    NEVER_REPORTS = "never reports"
    OPENS_AND_BREAKS = "opens and breaks"


_QUICK = {
    Reach.REFUSED: FailureKind.REFUSED,
    Reach.UNREACHABLE: FailureKind.UNREACHABLE,
    Reach.UNKNOWN_NAME: FailureKind.NAME_NOT_FOUND,
}
_SLOW = {Reach.SILENT: FailureKind.TIMEOUT, Reach.NOT_ZEROMQ: FailureKind.NOT_ZEROMQ}


_PONG_BYTES: Final = 7
_MISSED: Final = 1.5  # so many intervals without a heartbeat: the next ones come together


class Process(Protocol):
    """The user's process, of which a link is a part."""

    @property
    def still_until(self) -> float:
        """Until then nothing of it runs, libzmq's thread included."""


@dataclass(eq=False)
class Site:
    """One endpoint: the image behind it, the way there and the way back.

    ``shows_kernel`` is False where nobody can look at a connection; a peer without heartbeats does not answer them.
    ``heard_late`` is True once something has come from a link that was over. ``server_key`` is what a link has to
    be encrypted for, if it is.
    """

    agenda: Agenda
    image: SimulatedImage
    shows_kernel: bool = True
    has_heartbeats: bool = True
    server_key: str | None = None
    reach: Reach = Reach.GOOD
    not_taken: float = 0.0
    late_talk: float = 0.0
    repeats: float = 0.0
    heard_late: bool = False
    links: list[SimulatedLink] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.out, self.back = Way(self.agenda), Way(self.agenda)

    @property
    def ways(self) -> tuple[Way, Way]:
        """There and back."""
        return self.out, self.back

    @property
    def is_in_use(self) -> bool:
        """True while somebody has or wants a link here."""
        return any(not link.is_over for link in self.links)

    @property
    def troubled_ago_s(self) -> float:
        """How long ago a packet last had to wait."""
        return max(0.0, self.agenda.now - max(way.troubled_until for way in self.ways))

    def link(self, times: LinkTimes, process: Process, server_key: str | None) -> SimulatedLink:
        """A new link, not yet opened."""
        self.links = [link for link in self.links if not link.is_over]
        self.links.append(SimulatedLink(self, times, process, server_key))
        return self.links[-1]

    def break_links(self) -> None:
        """Reset every link that is up, at once."""
        for link in list(self.links):
            link.lose(FailureKind.RESET)

    def hang_up(self) -> None:
        """The process behind the endpoint has ended; its kernel says so, if it gets through."""
        for link in list(self.links):
            link.hang_up()

    def cut_connections(self) -> None:
        """Drop what belongs to the present connections from now on: an address has changed."""
        for link in self.links:
            link.connection.cut()

    def is_well(self, for_s: float) -> bool:
        """True when for so long nothing has kept a process that lives from being heard."""
        troubled_until = max(self.image.frozen_until, self.out.troubled_until, self.back.troubled_until)
        return troubled_until + for_s < self.agenda.now


class SimulatedLink:
    """See ports.Link. Some talk on after ``close``, which no listener may mind.

    ``beats_since`` is when the present run of single heartbeats began: after the last reply, and after the last time
    that several came at once, as they do from behind a large message. ``knocked_in_vain`` is True once a knock met
    nobody who would ever answer it.
    """

    def __init__(self, site: Site, times: LinkTimes, process: Process, server_key: str | None) -> None:
        self.site = site
        self.connection = Connection(site.out, site.back)
        self.is_over = False
        self.has_greeted = self.knocked_in_vain = False
        self.heard_beat_at = self.heard_reply_at = self.beats_since = 0.0
        self._agenda = site.agenda
        self._times = times
        self._process = process
        self._server_key = server_key
        self._listener: LinkListener | None = None
        self._is_open = False
        self._is_closed = False
        self._talks_late = False
        self._boot = 0

    @property
    def is_up(self) -> bool:
        """True from the handshake to the end."""
        return self._is_open and not self.is_over

    def open(self, listener: LinkListener) -> None:
        """Begin, as the site's reach wants it."""
        self._listener = listener
        reach, patience_s = self.site.reach, self._times.attempt_timeout_s
        if reach in _QUICK:
            self._later(self._agenda.between(0.0, 0.1), lambda: self._tell_lost(Failure(_QUICK[reach])))
        elif reach is Reach.NEVER_REPORTS:
            return
        elif reach in _SLOW:
            self._later(patience_s, lambda: self._tell_lost(Failure(_SLOW[reach])))
        else:
            self._later(patience_s, self._give_up)
            self._later(self._round_trip_s(), self._meet)

    def send(self, token: bytes, body: bytes) -> bool:
        """Take a message, unless the link is not up or the moment is bad."""
        if not self.is_up or self._agenda.chance(self.site.not_taken):
            return False
        size = max(_framed(token, body), self.site.out.large_bytes)
        self.connection.send(size, lambda: self._arrive(token, body))
        return True

    def look(self) -> PathSample | None:
        """What the kernel knows, where it can be asked."""
        return self.connection.look() if self.site.shows_kernel and self._is_open else None

    def knock(self) -> None:
        """Connect once more, which takes a round trip, and see whether the process greets, which takes another."""
        site = self.site
        clear_at = max(self._agenda.now, site.out.blocked_until, site.back.blocked_until)
        if site.reach is Reach.REFUSED and site.image.frozen_until <= self._agenda.now:  # else it listens still
            self._agenda.at(clear_at + self._round_trip_s(), self._answer_knock)
        elif site.image.is_up and site.reach in (Reach.GOOD, Reach.OPENS_AND_BREAKS):
            thawed_at = max(clear_at, site.image.frozen_until)
            self._agenda.at(thawed_at + self._round_trip_s() + self._round_trip_s(), self._greet)
        else:
            self.knocked_in_vain = True

    def _greet(self) -> None:
        image = self.site.image
        if image.is_up and image.frozen_until <= self._agenda.now:
            self._answer_knock()

    def _answer_knock(self) -> None:
        if self._listener is not None and self.is_up:
            self.has_greeted = True
            self._listener.greeted()

    def close(self) -> None:
        """Say no more, or, for a link that does not keep the contract, say what was already on its way."""
        self._is_closed = self.is_over = True
        self._talks_late = self._agenda.chance(self.site.late_talk)
        if self._talks_late:
            self._later(self._agenda.between(0.0, 2.0), lambda: self._tell_lost(Failure(FailureKind.RESET)))

    def lose(self, kind: FailureKind) -> None:
        """The connection breaks; half of the messages on their way still arrive."""
        if self.is_up:
            self.is_over = True
            if self._agenda.chance(0.5):
                self._boot = 0
            self._later(self._agenda.between(0.0, 0.01), lambda: self._tell_lost(Failure(kind)))

    def hang_up(self) -> None:
        """The other side's kernel resets the connection."""
        if self._is_open:
            self.connection.back.carry(lambda: self.lose(FailureKind.RESET))

    def _give_up(self) -> None:
        if not self._is_open and not self.is_over:
            self._tell_lost(Failure(FailureKind.TIMEOUT))

    def _meet(self) -> None:
        """Connection and handshake, as soon as both ways and the process let them through."""
        site, listener, now = self.site, self._listener, self._agenda.now
        if self.is_over and not self._talks_late:
            return
        clear_at = max(site.out.blocked_until, site.back.blocked_until, site.image.frozen_until)
        if clear_at > now:
            self._later(clear_at - now + self._round_trip_s(), self._meet)
            return
        if not site.image.is_up or listener is None:
            self._tell_lost(Failure(FailureKind.REFUSED))
            return
        if self._server_key != site.server_key:
            self._tell_lost(Failure(FailureKind.KEY_REFUSED, "the handshake was refused"))
            return
        self._is_open, self._boot = True, site.image.boot
        self.connection = Connection(site.out, site.back)
        self.heard_beat_at = self.heard_reply_at = self.beats_since = self._agenda.awake_s
        self._later(self._times.heartbeat_interval_s, self._beat)
        self._listen(listener.opened)
        if site.reach is Reach.OPENS_AND_BREAKS:
            self._later(self._agenda.between(0.0, 0.5), lambda: self.lose(FailureKind.RESET))

    def _round_trip_s(self) -> float:
        return self.site.out.transit_s() + self.site.back.transit_s()

    # Heartbeats, as libzmq's own thread sends them

    def _beat(self) -> None:
        if self.is_over:
            return
        if self._process.still_until > self._agenda.now:
            self._agenda.at(self._process.still_until, self._beat)
            return
        heard_at = max(self.heard_beat_at, self.heard_reply_at)
        if self._agenda.awake_s - heard_at > self._times.heartbeat_timeout_s:
            self.lose(FailureKind.TIMEOUT)
            return
        self.connection.send(PING_BYTES, self._asked_for_life)
        self._later(self._times.heartbeat_interval_s, self._beat)

    def _asked_for_life(self) -> None:
        site, image = self.site, self.site.image
        if not image.is_up or image.boot != self._boot:
            self.hang_up()
        elif site.has_heartbeats:
            self._agenda.at(max(self._agenda.now, image.frozen_until), self._show_life)

    def _show_life(self) -> None:
        image = self.site.image
        if image.frozen_until > self._agenda.now:
            self._agenda.at(image.frozen_until, self._show_life)
        elif image.is_up and image.boot == self._boot:
            self.connection.answer(_PONG_BYTES, self._heard_beat)

    def _heard_beat(self) -> None:
        now, interval_s = self._agenda.awake_s, self._times.heartbeat_interval_s
        if self.heard_beat_at <= self.heard_reply_at or now - self.heard_beat_at > _MISSED * interval_s:
            self.beats_since = now
        self.heard_beat_at = now

    # Messages

    def _arrive(self, token: bytes, body: bytes) -> None:
        image = self.site.image
        if image.is_up and image.boot == self._boot:
            self.site.heard_late |= self.is_over
            image.arrive(body, lambda reply: self._send_back(token, reply))

    def _send_back(self, token: bytes, reply: bytes) -> None:
        reply = reply.ljust(self.site.back.large_bytes)  # JSON does not mind spaces
        for _ in range(2 if self._agenda.chance(self.site.repeats) else 1):
            self.connection.answer(_framed(token, reply), lambda: self._deliver(token, reply))

    def _deliver(self, token: bytes, reply: bytes) -> None:
        self.heard_reply_at = self._agenda.awake_s
        if self._listener is not None and (not self.is_over or self._talks_late):
            listener = self._listener
            self._listen(lambda: listener.received(token, reply))

    def _tell_lost(self, failure: Failure) -> None:
        self.is_over = True
        if self._listener is not None:
            listener = self._listener
            self._listen(lambda: listener.lost(failure))

    def _listen(self, tell: Callable[[], None]) -> None:
        if not self._is_closed or self._talks_late:
            tell()

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        self._agenda.after(delay_s, action)


@dataclass
class SimulatedNetwork:
    """Every site by its endpoint, as one process sees it."""

    sites: dict[Endpoint, Site]
    process: Process

    def __call__(self, endpoint: Endpoint, times: LinkTimes, curve: CurveKeys | None = None) -> SimulatedLink:
        """See ports.LinkFactory."""
        return self.sites[endpoint].link(times, self.process, curve.server if curve else None)


def _framed(token: bytes, body: bytes) -> int:
    """The bytes of a message on the wire: three frames, a long one with a longer head (ZMTP 3.1, section 4.2)."""
    return sum(len(part) + (2 if len(part) <= FRAME_SMALL_BYTES else 9) for part in (token, b"", body))
