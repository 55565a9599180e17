"""A link that is dead or frozen is left in time, and one that lives is never left because it is quiet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stui_supervisor.config import Settings
from stui_supervisor.core import inputs
from stui_supervisor.core.effects import Announce, CloseLink, Effect
from stui_supervisor.core.inputs import Input
from stui_supervisor.events import Transition
from stui_supervisor.health.sample import PathSample
from stui_supervisor.machine.states import Trigger
from tests.simulation.network import SimulatedLink, Site
from tests.simulation.violation import demand

_FOUND_S = 3.5  # what is promised of a silent drop and of a frozen process
_SLOW_ROUND_TRIP_S = 0.6  # above it something of ours is always under way, which a frozen process has acknowledged
_UNHEARD_ROUND_TRIP_S = 0.2  # above it what is under way may hold up the knock at a peer never heard, and the verdict
_LATE_S = 1.5  # the first heartbeat is missed after this; who answers then lives without
_QUIET_S = 5.5  # of heartbeats one by one, without replies: there are three looks within this, and some between them
_ROUNDED_S = 1e-6


class VerdictWitness:
    """Knows what really is the matter with a link, which the core can only conclude."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._undisturbed_since = 0.0
        self._late_s, self._late_at = 0.0, -1.0
        self._established: SimulatedLink | None = None
        self._received_at = 0.0
        self._without_heartbeats: set[Site] = set()
        self._with_heartbeats: SimulatedLink | None = None

    def disturbed(self, until_s: float) -> None:
        """The loop stood still until then: it may look again first."""
        self._undisturbed_since = until_s

    def saw(self, event: Input, effects: Sequence[Effect], link: SimulatedLink | None, *, late_s: float) -> None:
        """Judge one step; ``link`` is the one before it, and the timers ring so late."""
        if isinstance(event, inputs.Woke):
            self.disturbed(self._clock())
        if link is None:
            return
        if late_s:
            self._late_s, self._late_at = late_s, self._clock()
        self._follow_silence(link)
        if not link.is_up:
            return
        if link.heard_beat_at - max(link.beats_since, self._undisturbed_since) > _QUIET_S:
            self._with_heartbeats = link
            self._without_heartbeats.discard(link.site)
        elif (
            link is self._with_heartbeats and link is not self._established and link.heard_reply_at > link.heard_beat_at
        ):
            self._with_heartbeats = None  # what came so far may have been that reply, which dripped
        self._check_patience(link)
        if any(isinstance(effect, CloseLink) for effect in effects):
            is_time = (
                isinstance(event, inputs.TimePassed) and link is self._established and not _shows(Trigger.STOP, effects)
            )
            demand(not is_time, "a link that was established is not left because time passed")
            if isinstance(event, inputs.PathSeen) and event.sample is not None:
                self._check_verdict(link, event.sample)
        elif _shows(Trigger.ESTABLISHED, effects):
            self._established = link
            self._received_at = link.connection.received_at

    def _follow_silence(self, link: SimulatedLink) -> None:
        """See whether a peer that was never heard has shown that it sends no heartbeats: it lives, and one was late."""
        if link is not self._established or link is self._with_heartbeats:
            return
        before, self._received_at = self._received_at, link.connection.received_at
        if link.has_greeted or self._received_at - before >= _LATE_S:
            self._without_heartbeats.add(link.site)

    def _check_patience(self, link: SimulatedLink) -> None:
        last = self._last_sign_of_life(link)
        if last is not None:
            last = max(last, self._undisturbed_since)
            silent_s = self._clock() - last
            late_s = self._late_s if self._late_at >= last else 0.0
            demand(silent_s <= _FOUND_S + 2 * late_s, f"a link is left within {_FOUND_S} s, not {silent_s:.3f}")

    def _last_sign_of_life(self, link: SimulatedLink) -> float | None:
        """When it was; None while the core cannot know that one is missing."""
        connection = link.connection
        if not link.site.shows_kernel:
            return None
        if connection.has_outstanding:
            return max(connection.received_at, connection.progressed_at)
        if link is self._with_heartbeats:
            longest_s = _SLOW_ROUND_TRIP_S
        elif link is self._established and link.site not in self._without_heartbeats:
            longest_s = _UNHEARD_ROUND_TRIP_S
        else:
            return None  # a busy image in the handshake, or a peer whose silence has shown to mean nothing
        if sum(way.longest_s for way in link.site.ways) > longest_s:
            return None
        troubled_at = self._clock() - link.site.troubled_ago_s  # a packet that had to wait is no shorter a round trip
        return max(connection.received_at, connection.uploaded_at, troubled_at)

    def _check_verdict(self, link: SimulatedLink, seen: PathSample) -> None:
        connection, least_s = link.connection, self._settings.dead_after_s - _ROUNDED_S
        silent_s = self._clock() - connection.received_at
        demand(silent_s >= least_s, f"{silent_s:.3f} s of silence are no verdict")
        if seen.has_outstanding:
            # An acknowledgement counts from the look before it, which is no longer ago than a heartbeat.
            stuck_s = self._clock() - connection.progressed_at + self._settings.heartbeat_interval_s
            demand(stuck_s >= least_s, f"what is acknowledged gets through: {stuck_s:.3f} s")
        is_well = not connection.is_cut and link.site.is_well(self._settings.dead_after_s)
        # A peer without heartbeats that is slow to answer and lets no new connection in looks like a frozen one.
        looks_frozen = link.knocked_in_vain and not link.site.has_heartbeats and not seen.has_outstanding
        demand(not is_well or looks_frozen, "a path that works to a process that lives is never given up")


def _shows(trigger: Trigger, effects: Sequence[Effect]) -> bool:
    events = (effect.event for effect in effects if isinstance(effect, Announce))
    return any(isinstance(event, Transition) and event.trigger is trigger for event in events)
