"""The health of the link: what the parts of ``health`` find, and what that means for the state."""

from __future__ import annotations

from typing import Final

from stui_supervisor.config import Settings
from stui_supervisor.core.dialer import Dialer
from stui_supervisor.core.link_end import LinkEnd
from stui_supervisor.core.report import Report
from stui_supervisor.core.shared import Leaves, Questions, Turn
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.health.heartbeats import Heartbeats
from stui_supervisor.health.messages import Greeted, Knock, LookAtPath, PathSeen
from stui_supervisor.health.path import PathVerdict, PathWatch
from stui_supervisor.health.pings import Finding
from stui_supervisor.health.sample import source_of
from stui_supervisor.machine.states import DegradedReason, State, Trigger

BUSY: Final = str(Failure(FailureKind.BUSY_HANDSHAKE))


class Health:
    """Looks at the connection and at the image's answers. The state follows the worst that is wrong (``_align``)."""

    def __init__(  # all that it has to do with
        self,
        turn: Turn,
        settings: Settings,
        report: Report,
        leaves: Leaves,
        link_end: LinkEnd,
        dialer: Dialer,
        questions: Questions,
    ) -> None:
        self._turn = turn
        self._settings = settings
        self._report = report
        self._link_end = link_end
        self._dialer = dialer
        self._questions = questions
        self._attempt = leaves.attempt
        self._exchange = leaves.exchange

    # The connection

    def watch(self) -> None:
        """The transport is up: watch it from now on."""
        attempt, now = self._attempt, self._turn.now.monotonic_s
        is_silent = self._link_end.is_silent(attempt.endpoint)
        attempt.connection.path = PathWatch(self._settings, now, lives_in_silence=is_silent)
        self.look_at_path()

    @property
    def is_learning(self) -> bool:
        """True while it is not known yet that the other end answers heartbeats."""
        path = self._attempt.connection.path
        return path is not None and path.heartbeats is not Heartbeats.HEARD

    def replied(self) -> None:
        """Bytes have come with a reply, so they were no answer to a heartbeat."""
        path = self._attempt.connection.path
        if path is not None:
            path.replied()

    def look_at_path(self) -> None:
        """Ask the kernel about the connection, when it is time."""
        attempt, now = self._attempt, self._turn.now.monotonic_s
        path = attempt.connection.path
        if path is not None and path.next_look() <= now and not attempt.stall.is_blind(now):
            path.asked(now, self._exchange.flight, is_up=attempt.is_up)
            self._turn.effects.append(LookAtPath(attempt.link))

    def path_seen(self, event: PathSeen) -> None:
        """What the kernel says of the connection."""
        connection = self._attempt.connection
        if event.link != self._attempt.link or connection.path is None:
            return
        self._report.last_link.liveness_source = source_of(event.sample)
        if event.sample is None:
            connection.path = None
            return
        match connection.path.judge(event.sample, self._turn.now.monotonic_s):
            case PathVerdict.ALIVE:
                self.regain("bytes come through again", DegradedReason.SILENT)
            case PathVerdict.UNHEARD:
                self._turn.effects.append(Knock(event.link))
                if self._exchange.flight is None:
                    self._questions.ping()
            case PathVerdict.SILENT:
                self.degrade(DegradedReason.SILENT, f"no byte for {event.sample.received_ago_s:.1f} s")
            case PathVerdict.DEAD:
                self._dialer.lose(Failure(FailureKind.SILENT))
            case PathVerdict.FROZEN:
                self._dialer.lose(Failure(FailureKind.FROZEN))

    def greeted(self, event: Greeted) -> None:
        """The other end greets who connects, so its process lives."""
        path = self._attempt.connection.path
        if event.link == self._attempt.link and path is not None:
            path.greeted()

    def probe(self) -> None:
        """Ask the image and the kernel whether the link still works; an image that owes an answer is not asked."""
        if self._exchange.flight is None:
            self._questions.ping()
        path = self._attempt.connection.path
        if path is not None:
            path.look_by(self._turn.now.monotonic_s)
            self.look_at_path()

    def woke(self) -> None:
        """The machine has slept: what is due gets its whole time again."""
        connection, now = self._attempt.connection, self._turn.now.monotonic_s
        connection.pings.woke(now)
        self._exchange.woke()
        if connection.path is not None:
            connection.path.woke(now)

    # The image

    def established(self) -> None:
        """The link is up; nothing is known of how fast its image answers."""
        self._attempt.connection.pings.link_up(self._turn.now.monotonic_s)

    def heard(self) -> None:
        """The image has answered something."""
        self._attempt.connection.pings.heard(self._turn.now.monotonic_s)

    def look_at_link(self) -> None:
        """Ask the image whether it answers, or say that it does not."""
        if not self._attempt.is_up:
            return
        match self._attempt.connection.pings.look(self._exchange.flight, self._turn.now.monotonic_s):
            case Finding.PING_DUE:
                self._questions.ping()
            case Finding.NO_ANSWER:
                self.degrade(DegradedReason.BUSY, BUSY)
            case _:
                pass

    def ping_took(self, rtt_s: float) -> None:
        """See whether the image is slow."""
        connection = self._attempt.connection
        connection.rtt_ms = rtt_s * 1000
        connection.pings.pinged(rtt_s)
        if connection.pings.is_slow:
            self.degrade(DegradedReason.SLOW, f"a ping took {rtt_s:.1f} s")
        else:
            self.regain("pings are answered quickly again", DegradedReason.SLOW)

    # What it means

    def degrade(self, reason: DegradedReason, words: str) -> None:
        """Something is wrong with the link, if it is up."""
        if self._attempt.is_up and self._attempt.connection.degradations.begin(reason, words):
            self._align("")

    def regain(self, words: str, *reasons: DegradedReason) -> None:
        """What was wrong for these reasons is over."""
        if self._attempt.connection.degradations.end(*reasons):
            self._align(words)

    def _align(self, good_news: str) -> None:
        """Bring the state in line with what is wrong now."""
        connection = self._attempt.connection
        worst = connection.degradations.worst
        self._report.note_error(worst.words if worst else None)
        if worst is None:
            connection.pings.healthy(self._turn.now.monotonic_s)
            self._report.move(Trigger.HEALTH_REGAINED, good_news)
        elif self._report.state is State.CONNECTED:
            self._link_end.forget_failures_if_healthy()
            self._report.move(Trigger.HEALTH_LOST, str(worst))
        else:
            self._report.note_status()
