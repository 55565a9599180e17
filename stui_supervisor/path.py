"""Whether the other end is still there: what the kernel knows of the connection, and what that means.

libzmq's own timers cannot tell a large message on a slow line from a dead one: only a complete message
resets them. The kernel knows when bytes and acknowledgements last came. A ZMTP heartbeat asks for some
every second, also of an image that computes, so silence means something: without
acknowledgements the path is dead, with them the process behind it is frozen.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import NamedTuple

from stui_supervisor.config import HEARTBEAT_MAX_BYTES, Settings


class PathSample(NamedTuple):
    """One look at a connection, as the kernel keeps it (Linux: ``TCP_INFO``, tcp(7)).

    The times are those since the last byte and the last acknowledgement came; the counts run from
    the start. ``has_outstanding`` is True while bytes of ours are unsent or not acknowledged.
    """

    received_ago_s: float
    acked_ago_s: float
    received_bytes: int
    acked_bytes: int
    has_outstanding: bool


class PathVerdict(Enum):
    """What the looks so far say."""

    ALIVE = auto()
    UNDECIDED = auto()
    SILENT = auto()
    DEAD = auto()
    FROZEN = auto()


class PathWatch:
    """The judge of one connection, from its start on."""

    def __init__(self, settings: Settings, now: float) -> None:
        self._settings = settings
        self._due = now
        self._looked_at = now
        self._received_bytes = 0
        self._acked_bytes = 0
        self._acked_at = now
        self._uploaded_at = now
        self._had_outstanding = False
        self._maybe_heartbeat_since: float | None = None
        self._hears_heartbeats = False
        self._is_late = False
        self._judges_from = now
        self._awake_since = -math.inf

    def next_look(self) -> float:
        """The monotonic time of the next look."""
        return self._due

    def look_by(self, now: float) -> None:
        """There is a reason to look now; a look that is overdue stays so."""
        self._due = min(self._due, now)

    def woke(self, now: float) -> None:
        """The machine has slept: silence counts anew, so that the other end gets its chance of a heartbeat."""
        self._awake_since = now

    def asked(self, now: float) -> None:
        """A look is on its way; without an answer another one follows."""
        self._is_late = now - self._due > self._settings.stall_s
        self._due = now + self._settings.path_look_s

    def judge(self, sample: PathSample, now: float, *, heard_at: float) -> PathVerdict:
        """Take in a look; ``heard_at`` is when the last reply came."""
        settings = self._settings
        self._learn(sample, now, heard_at)
        # While all is well there is nothing to see before the silence would count.
        self._due = now + max(settings.path_look_s, settings.silent_after_s - sample.received_ago_s)
        if self._is_late:
            # It was this process that stood still, its heartbeats too. Look again when they had their chance.
            self._judges_from = now + settings.heartbeat_interval_s + settings.path_look_s
        if now < self._judges_from:
            self._due = self._judges_from
            return PathVerdict.ALIVE
        silence_s = sample.received_ago_s
        if sample.has_outstanding:
            # A large message of ours on a slow line brings acknowledgements, but no byte.
            silence_s = min(silence_s, now - self._acked_at)
        elif not self._hears_heartbeats:
            return PathVerdict.ALIVE  # a peer without heartbeats is silent when it has nothing to say
        else:
            # Our heartbeats had to wait behind a large message of ours; the answer to them is on its way.
            silence_s = min(silence_s, now - self._uploaded_at)
        if silence_s < settings.silent_after_s:
            return PathVerdict.ALIVE
        awake_s = now - self._awake_since
        if awake_s < settings.silent_after_s:
            return PathVerdict.UNDECIDED
        if min(silence_s, awake_s) < settings.dead_after_s:
            return PathVerdict.SILENT
        return PathVerdict.DEAD if sample.has_outstanding else PathVerdict.FROZEN

    def _learn(self, sample: PathSample, now: float, heard_at: float) -> None:
        self._learn_of_heartbeats(sample.received_bytes, heard_at)
        acked = sample.acked_bytes - self._acked_bytes
        if acked > 0:
            self._acked_at = max(self._acked_at, now - sample.acked_ago_s)
        if acked > HEARTBEAT_MAX_BYTES and self._had_outstanding:
            self._uploaded_at = self._looked_at
        self._had_outstanding = sample.has_outstanding
        self._looked_at, self._received_bytes, self._acked_bytes = now, sample.received_bytes, sample.acked_bytes

    def _learn_of_heartbeats(self, received_bytes: int, heard_at: float) -> None:
        """A few bytes that no reply explains are one, also not a reply that was there already and is heard of later."""
        if self._maybe_heartbeat_since is not None and heard_at < self._maybe_heartbeat_since:
            self._hears_heartbeats = True
        is_first = self._received_bytes == 0  # it shows the greetings, which any peer sends
        is_small = 0 < received_bytes - self._received_bytes <= HEARTBEAT_MAX_BYTES
        self._maybe_heartbeat_since = self._looked_at if is_small and not is_first else None
