"""The simulated network: links that are refused, that hang, that break, and that talk when nobody listens any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.path import PathSample
from stui_supervisor.ports import LinkListener, LinkTimes
from tests.simulation.agenda import Agenda
from tests.simulation.backend import SimulatedImage


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


@dataclass
class Site:
    """One endpoint: the image behind it and the way there. A blocked way delays what is under way until it opens."""

    agenda: Agenda
    image: SimulatedImage
    reach: Reach = Reach.GOOD
    delay_s: tuple[float, float] = (0.0001, 0.002)
    blocked_until: float = 0.0
    not_taken: float = 0.0
    late_talk: float = 0.0
    repeats: float = 0.0
    links: list[SimulatedLink] = field(default_factory=list)

    def link(self, times: LinkTimes) -> SimulatedLink:
        """A new link, not yet opened."""
        self.links = [link for link in self.links if not link.is_over]
        self.links.append(SimulatedLink(self, times))
        return self.links[-1]

    @property
    def is_in_use(self) -> bool:
        """True while somebody has or wants a link here."""
        return any(not link.is_over for link in self.links)

    def break_links(self, kind: FailureKind) -> None:
        """End every link that is up."""
        for link in list(self.links):
            link.lose(kind)

    def block(self, seconds: float) -> None:
        """Let nothing through for a while. What lasts longer than the heartbeat's patience ends each link."""
        self.blocked_until = max(self.blocked_until, self.agenda.now + seconds)
        for link in self.links:
            link.watch_heartbeat(lambda: self.blocked_until)

    def freeze(self, seconds: float) -> None:
        """Stop the process behind the endpoint for a while; heartbeats notice that too."""
        self.image.freeze(seconds)
        for link in self.links:
            link.watch_heartbeat(lambda: self.image.frozen_until)

    def transit_s(self) -> float:
        """How long one message takes from now on."""
        return max(0.0, self.blocked_until - self.agenda.now) + self.agenda.between(*self.delay_s)


class SimulatedLink:
    """See ports.Link. Some talk on after ``close``, which no listener may mind."""

    def __init__(self, site: Site, times: LinkTimes) -> None:
        self.is_over = False
        self._site = site
        self._agenda = site.agenda
        self._times = times
        self._listener: LinkListener | None = None
        self._is_open = False
        self._is_closed = False
        self._talks_late = False
        self._boot = 0
        self._last_out = self._last_in = 0.0

    def open(self, listener: LinkListener) -> None:
        """Begin, as the site's reach wants it."""
        self._listener = listener
        site, reach = self._site, self._site.reach
        patience_s = self._times.attempt_timeout_s
        if reach in _QUICK:
            self._later(self._agenda.between(0.0, 0.1), lambda: self._tell_lost(Failure(_QUICK[reach])))
        elif reach is Reach.NEVER_REPORTS:
            return
        elif reach in _SLOW:
            self._later(patience_s, lambda: self._tell_lost(Failure(_SLOW[reach])))
        elif max(site.blocked_until, site.image.frozen_until) > self._agenda.now + patience_s:
            self._later(patience_s, lambda: self._tell_lost(Failure(FailureKind.TIMEOUT)))
        else:
            self._later(site.transit_s(), self._meet)

    def send(self, token: bytes, body: bytes) -> bool:
        """Take a message, unless the link is not up or the moment is bad."""
        site = self._site
        if not self._is_open or self.is_over or self._agenda.chance(site.not_taken):
            return False
        self._last_out = max(self._last_out, self._agenda.now + site.transit_s())
        boot = self._boot
        self._agenda.at(self._last_out, lambda: self._arrive(boot, token, body))
        return True

    def look(self) -> PathSample | None:
        """There is no kernel here."""
        return None

    def close(self) -> None:
        """Say no more, or, for a link that does not keep the contract, say what was already on its way."""
        self._is_closed = self.is_over = True
        self._talks_late = self._agenda.chance(self._site.late_talk)
        if self._talks_late:
            self._later(self._agenda.between(0.0, 2.0), lambda: self._tell_lost(Failure(FailureKind.RESET)))

    def lose(self, kind: FailureKind) -> None:
        """The connection breaks; half of the messages on their way still arrive."""
        if self._is_open and not self.is_over:
            self.is_over = True
            if self._agenda.chance(0.5):
                self._boot = 0
            self._later(self._agenda.between(0.0, 0.01), lambda: self._tell_lost(Failure(kind)))

    def watch_heartbeat(self, trouble_until: Callable[[], float]) -> None:
        """Give the link up when the present trouble outlasts the heartbeat's patience."""

        def look() -> None:
            if trouble_until() > self._agenda.now:
                self.lose(FailureKind.TIMEOUT)

        self._agenda.after(self._times.heartbeat_timeout_s, look)

    def _meet(self) -> None:
        site, listener = self._site, self._listener
        if self.is_over and not self._talks_late:
            return
        if not site.image.is_up or listener is None:
            self._tell_lost(Failure(FailureKind.REFUSED))
            return
        self._is_open, self._boot = True, site.image.boot
        self._listen(listener.opened)
        if site.reach is Reach.OPENS_AND_BREAKS:
            self._later(self._agenda.between(0.0, 0.5), lambda: self.lose(FailureKind.RESET))

    def _arrive(self, boot: int, token: bytes, body: bytes) -> None:
        image = self._site.image
        if image.is_up and boot == image.boot and self._boot == boot:
            image.arrive(body, lambda reply: self._send_back(token, reply))

    def _send_back(self, token: bytes, reply: bytes) -> None:
        for _ in range(2 if self._agenda.chance(self._site.repeats) else 1):
            self._last_in = max(self._last_in, self._agenda.now + self._site.transit_s())
            self._agenda.at(self._last_in, lambda: self._deliver(token, reply))

    def _deliver(self, token: bytes, reply: bytes) -> None:
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
    """Every site by its endpoint."""

    sites: dict[Endpoint, Site]

    def __call__(self, endpoint: Endpoint, times: LinkTimes) -> SimulatedLink:
        """See ports.LinkFactory."""
        return self.sites[endpoint].link(times)
