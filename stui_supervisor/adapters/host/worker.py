"""A daemon thread for calls that may block: files, the keyring, name resolution.

The loop's default executor is joined when the program ends, so one call that hangs would hold up
the end; a daemon thread does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from stui_supervisor.config import THREAD_END_LOOK_S, THREAD_END_S, THREAD_REST_S

T = TypeVar("T")


class Worker:
    """Runs jobs one after the other, in the order they were posted.

    Its thread starts with a job, and ends once it has had none for ``rest_s``: a thread that waits costs memory. With
    ``at_rest`` that is asked first, in the thread, and while it says True the thread waits so long again.
    """

    def __init__(self, name: str, rest_s: float = THREAD_REST_S, at_rest: Callable[[], bool] = lambda: False) -> None:
        self._name = name
        self._rest_s = rest_s
        self._at_rest = at_rest
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._changing = threading.Lock()

    def post(self, job: Callable[[], object]) -> None:
        """Run ``job`` in the thread; it must not raise. Never blocks.

        Raises RuntimeError when the system gives no thread; the next job asks for one again.
        """
        with self._changing:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                thread.start()
                self._thread = thread
            self._jobs.put(job)

    @property
    def has_thread(self) -> bool:
        """True while the thread runs: from a job until it has had none for ``rest_s``, or until ``close``."""
        return self._thread is not None

    def close(self, timeout_s: float = 0.0) -> None:
        """Let the thread end after the posted jobs; wait up to ``timeout_s``. A later ``post`` starts a new one."""
        thread = self._let_go()
        if thread is not None and timeout_s:
            thread.join(timeout_s)

    async def ended(self) -> None:
        """As ``close``, but wait without blocking the event loop; the thread should have nothing left to do."""
        thread = self._let_go()
        if thread is not None:
            await gone(thread)

    def _let_go(self) -> threading.Thread | None:
        with self._changing:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._jobs.put(None)
            return thread

    def _run(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._rest_s)
            except queue.Empty:
                if not self._at_rest() and self._ends():
                    return
                continue
            if job is None:
                return
            job()

    def _ends(self) -> bool:
        with self._changing:
            is_over = self._jobs.empty()
            if is_over:
                self._thread = None
            return is_over


def in_time(name: str, function: Callable[[], T], limit_s: float) -> T:
    """The result of a call that may hang, for a caller without a loop. Raises TimeoutError, and what the call does."""
    answers: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((function(), None))
        except Exception as error:  # noqa: BLE001  # it is raised again where the answer is awaited
            answers.put((None, error))

    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        result, failure = answers.get(timeout=limit_s)
    except queue.Empty:
        raise TimeoutError from None
    if failure is not None:
        raise failure
    return result  # type: ignore[return-value]  # without an error there is a result


async def gone(thread: threading.Thread) -> None:
    """Wait, without blocking the loop, until the thread has ended, or for THREAD_END_S at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(THREAD_END_S):
            while thread.is_alive():  # noqa: ASYNC110  # nobody tells of the very end of a thread
                await asyncio.sleep(THREAD_END_LOOK_S)


async def in_thread(name: str, function: Callable[[], T]) -> T:
    """Run one call in a daemon thread of its own, so that one that hangs delays nothing else.

    Raises what the call raises. When the task that awaits it is cancelled, the thread runs on and its
    result is dropped.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: Exception | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]  # without an error there is a result

    def run() -> None:
        result, failure = None, None
        try:
            result = function()
        except Exception as error:  # noqa: BLE001  # it is raised again where the call is awaited
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(deliver, result, failure)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        return await answer
    finally:
        if answer.done() and not answer.cancelled():
            await gone(thread)  # whoever waits finds it gone
