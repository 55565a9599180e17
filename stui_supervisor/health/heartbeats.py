"""Whether the other end answers ZMTP heartbeats, told from bytes that come though no reply does.

libzmq answers them from a thread of its own, also while the image computes; some other implementations
never do. Only of a peer with heartbeats is silence a verdict.
"""

from __future__ import annotations

from enum import Enum, auto

from stui_supervisor.config import HEARTBEAT_MAX_BYTES, HEARTBEATS_HEARD


class Heartbeats(Enum):
    """What is known of a peer.

    ``ASSUMED`` until bytes have come that were no reply, or until a silent peer shows that it lives all the same.
    """

    ASSUMED = auto()
    HEARD = auto()
    NONE = auto()


class HeartbeatDetector:
    """Tells heartbeats from replies on one connection.

    ``lives_in_silence`` is what an earlier one has shown of the peer.
    """

    def __init__(self, *, lives_in_silence: bool) -> None:
        self.heartbeats = Heartbeats.NONE if lives_in_silence else Heartbeats.ASSUMED
        self._received_bytes = 0
        self._is_between_replies = False
        self._arrivals = 0
        self._trickles = 0
        self._is_guess = False
        self._is_late = False

    def replied(self) -> None:
        """A reply has come: some of the bytes were no heartbeat."""
        self._is_between_replies = False
        self._take_back()
        if self._is_late:
            self.heartbeats, self._is_late = Heartbeats.NONE, False

    def greeted(self) -> None:
        """The process lives, and was silent all the same."""
        if self.heartbeats is Heartbeats.ASSUMED:
            self.heartbeats, self._is_late = Heartbeats.NONE, False

    def saw(self, received_bytes: int, *, is_quiet: bool) -> None:
        """So many bytes have come by now; ``is_quiet`` when none of them is part of a reply still to come."""
        grown_bytes = received_bytes - self._received_bytes
        if not is_quiet:
            if grown_bytes:
                # No reply comes by so few bytes at a time, again and again; while one is awaited this is how they show.
                self._trickles = self._trickles + 1 if grown_bytes <= HEARTBEAT_MAX_BYTES else 0
            if self._trickles >= HEARTBEATS_HEARD and self.heartbeats is not Heartbeats.HEARD:
                self.heartbeats, self._is_guess = Heartbeats.HEARD, True
        elif self._is_between_replies and grown_bytes:
            self._arrivals += 1
            if self._arrivals >= HEARTBEATS_HEARD:
                self.heartbeats, self._is_guess = Heartbeats.HEARD, False
        else:
            self._take_back()
        self._is_between_replies = is_quiet
        self._received_bytes = received_bytes

    def _take_back(self) -> None:
        """What trickled was a reply that dripped, as far as anybody can tell."""
        self._trickles = 0
        if self._is_guess:
            self.heartbeats, self._is_guess = Heartbeats.ASSUMED, False

    def becomes_late(self, *, is_late: bool) -> bool:
        """True once when the first heartbeat of a peer is late: an answer now would show that it sends none."""
        was_late, self._is_late = self._is_late, is_late and self.heartbeats is Heartbeats.ASSUMED
        return self._is_late and not was_late
