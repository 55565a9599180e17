"""Whether the other end answers ZMTP heartbeats, told from the number of bytes that came.

libzmq answers them from a thread of its own, also while the image computes; some other implementations
never do. Only of a peer with heartbeats is silence a verdict.
"""

from __future__ import annotations

from enum import Enum, auto

from stui_supervisor.config import FRAME_SMALL_BYTES, HEARTBEAT_MAX_BYTES


class Heartbeats(Enum):
    """What is known of a peer.

    ``ASSUMED`` until bytes have come that were no reply, or until a silent peer shows that it lives all the same.
    """

    ASSUMED = auto()
    HEARD = auto()
    NONE = auto()


class Hearing:
    """Tells heartbeats from replies on one connection.

    ``lives_in_silence`` is what an earlier one has shown of the peer.
    """

    def __init__(self, *, lives_in_silence: bool) -> None:
        self.heartbeats = Heartbeats.NONE if lives_in_silence else Heartbeats.ASSUMED
        self._received_bytes = 0
        self._replied_bytes = 0
        self._other_bytes: int | None = None
        self._trickles = 0
        self._is_guess = False
        self._is_late = False

    def replied(self, token: bytes, body: bytes) -> None:
        """A reply has come: so many of the bytes were no heartbeat."""
        self._replied_bytes += _framed(token) + _framed(b"") + _framed(body)
        self._trickles = 0
        if self._is_late:
            self.heartbeats, self._is_late = Heartbeats.NONE, False

    def greeted(self) -> None:
        """The process lives, and was silent all the same."""
        if self.heartbeats is Heartbeats.ASSUMED:
            self.heartbeats, self._is_late = Heartbeats.NONE, False

    def saw(self, received_bytes: int, *, is_quiet: bool) -> None:
        """So many bytes have come by now; ``is_quiet`` when none of them is part of a reply still to come."""
        if is_quiet:
            other_bytes, before = received_bytes - self._replied_bytes, self._other_bytes
            if before is not None and other_bytes > before:
                self.heartbeats, self._is_guess = Heartbeats.HEARD, False
            elif before is not None and self._is_guess:
                self.heartbeats, self._is_guess = Heartbeats.ASSUMED, False  # it was a reply that dripped
            self._other_bytes = other_bytes
        elif received_bytes > self._received_bytes:
            # No reply comes by so few bytes at a time, again and again; while one is awaited this is how they show.
            is_trickle = received_bytes - self._received_bytes <= HEARTBEAT_MAX_BYTES
            self._trickles = self._trickles + 1 if is_trickle else 0
            if self._trickles > 1 and self.heartbeats is not Heartbeats.HEARD:
                self.heartbeats, self._is_guess = Heartbeats.HEARD, True
        self._received_bytes = received_bytes

    def becomes_late(self, *, is_late: bool) -> bool:
        """True once when the first heartbeat of a peer is late: an answer now would show that it sends none."""
        was_late, self._is_late = self._is_late, is_late and self.heartbeats is Heartbeats.ASSUMED
        return self._is_late and not was_late


def _framed(part: bytes) -> int:
    """The bytes of one frame on the wire (ZMTP 3.1, section 4.2)."""
    return len(part) + (2 if len(part) <= FRAME_SMALL_BYTES else 9)
