"""Tells what happens in a run: to the observers of the supervisor, and to the journal."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from stui_supervisor.adapters.host.worker import Worker, in_thread
from stui_supervisor.config import JOURNAL_ALIVE_S
from stui_supervisor.core.core import Core
from stui_supervisor.core.effects import Announce
from stui_supervisor.events import Beside, Event, JournalOnly, Problem, Transition
from stui_supervisor.ports import Clock, Journal
from stui_supervisor.runtime.observers import Observers


class Announcer:
    """Begins the journal of a run, if there is one, and hands on each event until the journal is closed."""

    def __init__(self, core: Core, clock: Clock, journal: Journal | None, observers: Observers) -> None:
        self._core = core
        self._clock = clock
        self._journal = journal
        self._observers = observers
        self._session_told: str | None = None
        self._alive_due = 0.0
        if journal is not None:
            journal.begin(core.profile, clock.utc(), clock.elapsed_s())

    def tell(self, effect: Announce) -> None:
        """Hand the event to the observers, unless it is for the journal alone, and to the journal."""
        event = effect.event
        if not isinstance(event, JournalOnly):
            self._observers.tell(event, effect.size_bytes)
            if isinstance(event, Transition):
                self._observers.entered(event.to_state, self._core.rejection)
        if self._journal is not None:
            self._journal.record(event, self._beside(event))

    def tend(self) -> None:
        """Let the journal show now and then that the program lives; one that cannot be written is told to the user."""
        journal, now = self._journal, self._clock.monotonic()
        if journal is None:
            return
        if now >= self._alive_due:
            self._alive_due = now + JOURNAL_ALIVE_S
            journal.lives(self._clock.utc())
        notice = journal.take_problem()
        if notice is not None:
            utc = self._clock.utc()
            self._observers.tell(Problem(at=utc, code=notice.code, message=notice.message, hint=notice.hint))

    async def close(self) -> None:
        """Close the journal in a thread, and wait for it."""
        close = self._closing()
        if close is not None:
            await in_thread("stui-journal-end", close)

    def close_later(self) -> None:
        """The same when there was no time to wait for it: a hung disk, or a stop that was cancelled."""
        close = self._closing()
        if close is not None:
            end = Worker("stui-journal-end")
            end.post(close)
            end.close()

    def _closing(self) -> Callable[[], None] | None:
        """What closes the journal; None when that has begun already."""
        journal, self._journal = self._journal, None
        return None if journal is None else partial(journal.close, self._clock.utc())

    def _beside(self, event: Event) -> Beside:
        """What the journal writes beside an event; most of it only for a change of the state, which is rare."""
        if self._core.is_running:  # at its end it has given the session back
            self._session_told = self._core.session.id
        link, session = self._core.link, self._session_told
        if not isinstance(event, Transition):
            return Beside(link, session)
        image, boot = self._core.answering.image, self._core.answering.process.boot
        return Beside(
            link,
            session,
            self._clock.elapsed_s(),
            image_id=None if image is None else image.text,
            boot_id=None if boot is None else boot.text,
        )
