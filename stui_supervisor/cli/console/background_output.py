"""Writes lines in a thread of its own, so that a reader who does not read delays nothing else.

A pipe that is full, a pager that was stopped or a terminal after Ctrl-S blocks the writer for as long
as it likes; the event loop has to go on supervising and hearing signals meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TextIO

from stui_supervisor.adapters.host.worker import Worker
from stui_supervisor.config import OUTPUT_CLOSE_S, OUTPUT_QUEUE_LENGTH


class BackgroundOutput:
    """A bounded queue in front of stdout and stderr, for use inside an event loop.

    When it is full, further texts are dropped until all before them are written; then it writes the text that
    ``lost`` makes of the number of dropped texts. ``broken`` is called in the loop when a stream cannot be
    written any more.
    """

    def __init__(self, *, lost: Callable[[int], str], broken: Callable[[], None]) -> None:
        self._lost = lost
        self._broken = partial(asyncio.get_running_loop().call_soon_threadsafe, broken)
        self._worker = Worker("stui-output")
        self._counting = threading.Lock()
        self._waiting = 0
        self._dropped = 0
        self._blocked_on: TextIO | None = None
        self._failure: OSError | None = None

    @property
    def is_behind(self) -> bool:
        """True while something waits to be written."""
        return self._waiting > 0

    def write(self, stream: TextIO, text: str) -> None:
        """Write ``text`` to ``stream`` after all texts before it. Never blocks."""
        with self._counting:
            if self._dropped:
                self._dropped += 1
                return
            if self._waiting < OUTPUT_QUEUE_LENGTH:
                job = partial(self._put, stream, text)
            else:
                self._dropped = 1
                job = partial(self._report_lost, stream)
            self._waiting += 1
        try:
            self._worker.post(job)
        except RuntimeError:  # no thread can be started: better written here than not at all
            job()

    def close(self) -> None:
        """Wait up to ``OUTPUT_CLOSE_S`` for the rest to be written, then abandon a stream that still blocks.

        Raises the OSError that ended the writing, if one did.
        """
        self._worker.close(OUTPUT_CLOSE_S)
        _abandon(self._blocked_on)
        if self._failure is not None:
            raise self._failure

    def _report_lost(self, stream: TextIO) -> None:
        with self._counting:
            dropped, self._dropped = self._dropped, 0
        self._put(stream, self._lost(dropped))

    def _put(self, stream: TextIO, text: str) -> None:
        self._blocked_on = stream
        try:
            if self._failure is None:
                stream.write(text)
                stream.flush()
        except OSError as error:
            self._failure = error
            with suppress(RuntimeError):  # the loop has ended, and finds the failure when it closes this
                self._broken()
        self._blocked_on = None
        with self._counting:
            self._waiting -= 1


def _abandon(stream: TextIO | None) -> None:
    """Replace a stream that blocks: the interpreter's last flush would wait for it and then give up loudly."""
    nowhere = partial(Path(os.devnull).open, "w", encoding="utf-8")
    if stream is sys.stdout:
        sys.stdout = nowhere()
    elif stream is sys.stderr:
        sys.stderr = nowhere()
