"""Handles Ctrl-C and the other ending signals inside an event loop, on every system."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

# SIGBREAK is Windows' Ctrl-Break; SIGHUP comes when the terminal is closed.
_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


@contextmanager
def interrupts(on_signal: Callable[[], None]) -> Iterator[None]:
    """Inside, a signal to end calls ``on_signal`` in the running loop instead of ending the process.

    ``loop.add_signal_handler`` would do, but Windows has none.
    """
    loop = asyncio.get_running_loop()

    def handler(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(on_signal)

    before = {number: signal.signal(number, handler) for number in _ending_signals()}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _ending_signals() -> list[signal.Signals]:
    present = [signal.Signals[name] for name in _NAMES if hasattr(signal, name)]
    # nohup and background jobs have some switched off on purpose.
    return [number for number in present if signal.getsignal(number) is not signal.SIG_IGN]
