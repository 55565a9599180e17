"""Whether the other end is still there: what the kernel knows of the connection, and what that means.

libzmq's own timers cannot tell a large message on a slow line from a dead one: only a complete message
resets them. The kernel knows when bytes and acknowledgements last came. A ZMTP heartbeat asks for some
every second, also of an image that computes, so silence means something: without
acknowledgements the path is dead, with them the process behind it is frozen.
"""

from __future__ import annotations

import math
from enum import Enum, auto

from stui_supervisor.config import HEARTBEAT_LATE_S, Settings
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.health.heartbeats import HeartbeatDetector, Heartbeats
from stui_supervisor.health.sample import PathSample
from stui_supervisor.health.uploads import UploadWatch
from stui_supervisor.requests.request import Flight


def heartbeat_timeout_s(endpoint: Endpoint, settings: Settings) -> float:
    """How long libzmq waits for the answer to a heartbeat before it ends the link.

    Within one machine no large message is slow, so that the link may end as early as the kernel's verdict would.
    """
    if endpoint.scheme == "ipc":
        return max(settings.heartbeat_interval_s, settings.dead_after_s - settings.heartbeat_interval_s)
    return settings.heartbeat_timeout_s


class PathVerdict(Enum):
    """What the looks so far say. ``UNHEARD``: a first heartbeat is late; any answer would show that there are none."""

    ALIVE = auto()
    UNHEARD = auto()
    UNDECIDED = auto()
    SILENT = auto()
    DEAD = auto()
    FROZEN = auto()


class PathWatch:
    """The judge of one connection, from its start on.

    ``lives_in_silence``: an earlier one has shown that the peer answers no heartbeats.
    """

    def __init__(self, settings: Settings, now: float, *, lives_in_silence: bool = False) -> None:
        self._settings = settings
        self._due = now
        self._looked_at = now
        self._acked_bytes = 0
        self._acked_at = now
        self._upload = UploadWatch(now)
        self._is_quiet = self._is_up = False
        self._awake_since = -math.inf
        self._knocked_at = -math.inf
        self._hearing = HeartbeatDetector(lives_in_silence=lives_in_silence)

    @property
    def heartbeats(self) -> Heartbeats:
        """What is known of the peer by now."""
        return self._hearing.heartbeats

    def next_look(self) -> float:
        """The monotonic time of the next look."""
        return self._due

    def look_by(self, now: float) -> None:
        """There is a reason to look now; one that is overdue stays so."""
        self._due = min(self._due, now)

    def woke(self, now: float) -> None:
        """The machine has slept: silence counts anew, so that the other end gets its chance of a heartbeat."""
        self._awake_since = now

    def asked(self, now: float, flight: Flight | None, *, is_up: bool) -> None:
        """A look is on its way while ``flight`` waits for its reply; without an answer another one follows.

        Before the link ``is_up`` its image may be busy, and nothing is held against a peer that was never heard.
        """
        self._is_quiet, self._is_up = flight is None, is_up
        self._upload.asked(flight)
        self._due = now + self._settings.path_look_s

    def replied(self) -> None:
        """A reply has come: some of the bytes were no heartbeat."""
        self._hearing.replied()

    def greeted(self) -> None:
        """The other end's process has answered a knock."""
        self._hearing.greeted()

    def judge(self, sample: PathSample, now: float) -> PathVerdict:
        """Take in a look."""
        settings = self._settings
        self._learn(sample, now)
        if self.heartbeats is not Heartbeats.ASSUMED:
            # While all is well there is nothing to see before the silence would count, or, in use, the next heartbeat.
            quiet_s = settings.silent_after_s - sample.received_ago_s
            if self._is_quiet and self.heartbeats is Heartbeats.HEARD:
                quiet_s += HEARTBEAT_LATE_S
            else:
                quiet_s = min(settings.heartbeat_interval_s, quiet_s)
            self._due = now + max(settings.path_look_s, quiet_s)
        silence_s = sample.received_ago_s
        if sample.has_outstanding:
            # A large message of ours on a slow line brings acknowledgements, but no byte.
            silence_s = min(silence_s, now - self._acked_at)
        elif self.heartbeats is Heartbeats.NONE or (self.heartbeats is Heartbeats.ASSUMED and not self._is_up):
            return PathVerdict.ALIVE  # it is silent when it has nothing to say
        else:
            # Our heartbeats had to wait behind a large message of ours; the answer to them is on its way.
            silence_s = min(silence_s, now - self._upload.until)
        late_after_s = (settings.heartbeat_interval_s + settings.silent_after_s) / 2
        is_late = silence_s >= late_after_s and not sample.has_outstanding
        if self._hearing.becomes_late(is_late=is_late) and self._knocked_at < now - sample.received_ago_s:
            self._knocked_at = now  # once for one silence, which ends in no heartbeat of ours
            return PathVerdict.UNHEARD
        if is_late and self.heartbeats is Heartbeats.ASSUMED:
            # Silence that was noticed late leaves as much time for an answer to the knock as any other.
            silence_s = min(silence_s, late_after_s + settings.path_look_s + now - self._knocked_at)
        last_s = min(sample.received_ago_s, now - self._upload.until)
        # A frozen process's system acknowledges our heartbeats still, which is no news of the process.
        is_heard = last_s < settings.silent_after_s or self.heartbeats is Heartbeats.NONE
        return self._of_silence(silence_s, now, sample, is_heard=is_heard)

    def _of_silence(self, silence_s: float, now: float, sample: PathSample, *, is_heard: bool) -> PathVerdict:
        settings = self._settings
        if silence_s < settings.silent_after_s:
            return PathVerdict.ALIVE if is_heard else PathVerdict.UNDECIDED
        awake_s = now - self._awake_since
        if awake_s < settings.silent_after_s:
            return PathVerdict.UNDECIDED
        if min(silence_s, awake_s) < settings.dead_after_s or sample.is_held_back:
            return PathVerdict.SILENT
        return PathVerdict.DEAD if sample.has_outstanding else PathVerdict.FROZEN

    def _learn(self, sample: PathSample, now: float) -> None:
        self._hearing.saw(sample.received_bytes, is_quiet=self._is_quiet)
        self._upload.saw(sample, now)
        if sample.acked_bytes > self._acked_bytes:
            acked_at = now - sample.acked_ago_s
            look_s = self._settings.path_look_s
            if now - self._looked_at <= self._settings.heartbeat_interval_s + look_s:
                # The peer repeats its acknowledgements when it misses ours: what was new came soon after that look.
                acked_at = min(acked_at, self._looked_at + look_s)
            self._acked_at = max(self._acked_at, acked_at)
        self._looked_at, self._acked_bytes = now, sample.acked_bytes
