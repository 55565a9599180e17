"""One simulated TCP connection: two ways, bytes in order, and what our kernel knows of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from stui_supervisor.config import FRAME_SMALL_BYTES
from stui_supervisor.health.sample import PathSample
from tests.simulation.agenda import Agenda

QUICK_S: Final = (0.0001, 0.002)
_SENT_AGAIN_S: Final = 0.2  # the first retransmission; each next one waits twice as long (RFC 6298)
_RESENDS_MAX: Final = 8
_HEALED_S: Final = (0.0, 0.5)  # what was stuck is sent again so soon after a way has opened
_HANDSHAKE_BYTES: Final = 91  # greeting and READY of a REP socket, measured
PING_BYTES: Final = 9
_LARGE_BYTES: Final = FRAME_SMALL_BYTES - 2 * PING_BYTES  # with heartbeats beside it, too much to be only those
PACKET_BYTES: Final = 1_460
_PACKET_S: Final = 0.2  # on a thin line, between two packets of one message
_TROUBLE_S: Final = 0.4  # a packet that takes so long is a gap that the kernel may notice


@dataclass
class Way:
    """One direction between the user's machine and a site, for every connection there.

    ``loss`` is the share of packets that have to be sent again. ``packets`` are those of each message, large ones on a
    thin line. ``troubled_until`` is when something last had to wait.
    """

    agenda: Agenda
    delay_s: tuple[float, float] = QUICK_S
    loss: float = 0.0
    packets: int = 1
    blocked_until: float = 0.0
    troubled_until: float = 0.0

    @property
    def large_bytes(self) -> int:
        """The least size of a message on a thin line."""
        return self.packets * PACKET_BYTES if self.packets > 1 else 0

    @property
    def longest_s(self) -> float:
        """What a packet takes at most, sent again once where some get lost."""
        return self.delay_s[1] + (_SENT_AGAIN_S if self.loss else 0.0)

    def block(self, seconds: float) -> None:
        """Drop everything for a while."""
        self.blocked_until = max(self.blocked_until, self.agenda.now + seconds)
        self.troubled_until = max(self.troubled_until, self.blocked_until + _HEALED_S[1])

    def heal(self) -> None:
        """Let everything through, at once and quickly."""
        self.delay_s, self.loss, self.packets = QUICK_S, 0.0, 1
        self.blocked_until = min(self.blocked_until, self.agenda.now)

    def transit_s(self, leaves_in_s: float = 0.0) -> float:
        """How long a packet takes that leaves now, or so much later."""
        agenda, again_s = self.agenda, _SENT_AGAIN_S
        taken_s = agenda.between(*self.delay_s)
        if self.loss:
            for _ in range(_RESENDS_MAX):
                if not agenda.chance(self.loss):
                    break
                taken_s += again_s
                again_s *= 2
        self._note(taken_s, leaves_in_s)
        return taken_s

    def acknowledgement_s(self) -> float:
        """How long an acknowledgement takes; when one gets lost the next says the same."""
        taken_s = self.agenda.between(*self.delay_s)
        self._note(taken_s)
        return taken_s

    def _note(self, taken_s: float, leaves_in_s: float = 0.0) -> None:
        if taken_s > _TROUBLE_S:
            self.troubled_until = max(self.troubled_until, self.agenda.now + leaves_in_s + taken_s)


class Stream:
    """One direction of one connection: what is put in comes out in this order, late, or never."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self._agenda = way.agenda
        self._under_way: deque[tuple[float, Callable[[], None]]] = deque()
        self._last = 0.0
        self._is_cut = False

    def carry(self, *arrivals: Callable[[], None]) -> None:
        """Put packets in; each calls its function where it arrives."""
        if self._is_cut:
            return
        for number, arrival in enumerate(arrivals):
            leaves_in_s = number * _PACKET_S
            self._last = max(self._last, self._agenda.now + leaves_in_s + self.way.transit_s(leaves_in_s))
            self._under_way.append((self._last, arrival))
            self._agenda.at(self._last, self._arrive)

    def cut(self) -> None:
        """Nothing comes out any more, and nobody is told."""
        self._is_cut = True
        self._under_way.clear()

    def _arrive(self) -> None:
        if self.way.blocked_until > self._agenda.now:
            self._agenda.at(self.way.blocked_until + self._agenda.between(*_HEALED_S), self._arrive)
            return
        while self._under_way and self._under_way[0][0] <= self._agenda.now:
            self._under_way.popleft()[1]()


class Connection:
    """What goes over one connection, and the kernel's books on the user's side of it.

    Times are those of the user's machine. ``progressed_at`` is when an acknowledgement last said something new,
    ``uploaded_at`` when it last did so of a large message.
    """

    def __init__(self, out: Way, back: Way) -> None:
        self.out = Stream(out)
        self.back = Stream(back)
        self.is_cut = False
        self._agenda = out.agenda
        self.received_at = self.progressed_at = self.uploaded_at = self._acked_at = self._agenda.awake_s
        self._sent = self._acked = 0
        self._received = _HANDSHAKE_BYTES

    @property
    def has_outstanding(self) -> bool:
        """True while bytes of ours are not acknowledged."""
        return self._sent > self._acked

    def send(self, size: int, arrived: Callable[[], None]) -> None:
        """Send a message; it has arrived with the last of its packets."""
        under_way = []
        for part, end in _packets(self.out.way, size, arrived):
            self._sent += part
            under_way.append(self._reaching(self._sent, end))
        self.out.carry(*under_way)

    def answer(self, size: int, arrived: Callable[[], None]) -> None:
        """Send a message back."""
        self.back.carry(*(self._coming(part, end) for part, end in _packets(self.back.way, size, arrived)))

    def cut(self) -> None:
        """Let nothing through any more, either way, without a word."""
        self.is_cut = True
        self.out.cut()
        self.back.cut()

    def look(self) -> PathSample:
        """What tcp(7) calls TCP_INFO."""
        now = self._agenda.awake_s
        ages = now - self.received_at, now - self._acked_at
        return PathSample(*ages, self._received, self._acked, self.has_outstanding)

    def _reaching(self, end: int, arrived: Callable[[], None]) -> Callable[[], None]:
        def reached() -> None:
            self._acknowledge(end)
            arrived()

        return reached

    def _acknowledge(self, end: int) -> None:
        """Acknowledgements do not queue behind data: each says everything that the ones before it said."""
        way = self.back.way

        def acknowledged() -> None:
            if self.is_cut:
                return
            if way.blocked_until > self._agenda.now:
                self._agenda.at(way.blocked_until + self._agenda.between(*_HEALED_S), acknowledged)
                return
            self._acked_at = self._agenda.awake_s
            if end > self._acked:
                if end - self._acked > _LARGE_BYTES:
                    self.uploaded_at = self._agenda.awake_s
                self._acked, self.progressed_at = end, self._agenda.awake_s

        self._agenda.after(way.acknowledgement_s(), acknowledged)

    def _coming(self, size: int, arrived: Callable[[], None]) -> Callable[[], None]:
        def came() -> None:
            self._received += size
            self.received_at = self._acked_at = self._agenda.awake_s
            arrived()

        return came


def _packets(way: Way, size: int, arrived: Callable[[], None]) -> Iterator[tuple[int, Callable[[], None]]]:
    """What a message falls into; a heartbeat is one packet on any way."""
    count = way.packets if size >= way.large_bytes else 1
    part = size // count
    for _ in range(count - 1):
        yield part, lambda: None
    yield size - part * (count - 1), arrived
