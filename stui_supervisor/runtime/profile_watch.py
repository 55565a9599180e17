"""Noticing that somebody has changed the profiles: when their file is looked at, and what that shows."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from stui_supervisor.adapters.host.worker import Worker
from stui_supervisor.config import PROFILE_LOOK_OLD_S, PROFILE_LOOK_WAIT_S
from stui_supervisor.core import inputs
from stui_supervisor.core.inputs import Input
from stui_supervisor.machine.states import State

_NOT_SEEN: Final = object()
_NOT_READ: Final = object()  # what is there is news, whatever it is


class ProfileWatch:
    """Feeds ProfileChanged when the file is another than the one that was read last.

    It is looked at, in the thread of ``worker``, as often as what it says is used:

    - always before a link is opened, which waits for that look;
    - between ``begin`` and ``end``, when the last look is PROFILE_LOOK_OLD_S old: before a message is sent, and at each
      ring of the timer while there is no link;
    - between ``begin`` and ``end``, whenever the thread has had nothing to do for so long that it calls ``at_rest``.

    ``signature`` gives what differs when the file does; ``is_busy`` says that the thread has something else to do.
    """

    def __init__(
        self,
        worker: Worker,
        signature: Callable[[], object],
        feed: Callable[[Input], None],
        is_busy: Callable[[], bool],
    ) -> None:
        self._worker = worker
        self._signature = signature
        self._feed = feed
        self._is_busy = is_busy
        self._loop = asyncio.get_running_loop()
        self._seen: object = _NOT_SEEN
        self._is_watching = False
        self._asked_at = self._looked_at = 0.0
        self._is_closed = False

    def begin(self) -> None:
        """A link is wanted, or something else is under way: a change matters. Nothing if it does already."""
        if not self._is_watching:
            self._is_watching = True
            self._looked_at = time.monotonic()
            try:
                self._worker.post(_nothing)  # a thread that has nothing to do looks
            except RuntimeError:  # none is to be had: the next call may have one
                self._is_watching = False

    def end(self) -> None:
        """A change does not matter any more."""
        self._is_watching = False

    def before_message(self) -> None:
        """Something is about to be sent; it does not wait."""
        now = time.monotonic()
        is_under_way = self._asked_at > self._looked_at or self._is_busy()
        if self._is_watching and now - self._looked_at >= PROFILE_LOOK_OLD_S and not is_under_way:
            self._asked_at = now
            with contextlib.suppress(RuntimeError):  # no thread to be had: the next call may have one
                self._worker.post(self.at_rest)

    def rings(self, state: State) -> None:
        """The timer rings in this state."""
        if state is not State.CONNECTED:
            self.before_message()

    def before_link(self, then: Callable[[], None]) -> None:
        """Call ``then`` once all that has changed is told; after PROFILE_LOOK_WAIT_S anyway, as a file may hang."""
        has_gone_on = asyncio.Event()

        def go_on() -> None:
            if not has_gone_on.is_set() and not self._is_closed:
                has_gone_on.set()
                limit.cancel()
                then()

        limit = self._loop.call_later(PROFILE_LOOK_WAIT_S, go_on)
        self._look_until_unchanged(go_on)

    def close(self) -> None:
        """Feed nothing more."""
        self._is_closed = True

    def _look_until_unchanged(self, then: Callable[[], None]) -> None:
        def looked(*, has_changed: bool) -> None:
            if has_changed:
                self._changed()
                self._look_until_unchanged(then)  # behind the reading that this has led to
            else:
                then()

        def run() -> None:
            answer = partial(looked, has_changed=self._look())
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(answer)

        try:
            self._worker.post(run)
        except RuntimeError:  # no thread to be had
            self._loop.call_soon(then)

    def _changed(self) -> None:
        if not self._is_closed:
            self._feed(inputs.ProfileChanged())

    # In the thread

    def at_rest(self) -> bool:
        """Look, and tell the loop of a change alone, as each word costs more than the look; True to be asked again."""
        if self._is_watching and self._look():
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._changed)
        return self._is_watching

    def reads(self) -> None:
        """The file is about to be read: a change meanwhile shows at the next look. Raises what ``signature`` does."""
        self._seen = self._signature()

    def not_read(self) -> None:
        """It could not be read: the next look says that it has changed, so that it is read again."""
        self._seen = _NOT_READ

    def _look(self) -> bool:
        before = self._seen
        with contextlib.suppress(Exception):  # what cannot be looked at is said by the next reading
            self._seen = self._signature()
        self._looked_at = time.monotonic()
        return self._seen != before and before is not _NOT_SEEN


def _nothing() -> None:
    pass
