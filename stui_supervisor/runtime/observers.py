"""Those who listen to a supervisor: readers of its events, and callers who wait for a state."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable
from collections.abc import Set as AbstractSet
from datetime import datetime

from stui_supervisor.config import EVENT_QUEUE_BYTES, EVENT_QUEUE_LENGTH
from stui_supervisor.errors import SupervisorError
from stui_supervisor.events import Event, EventsDropped
from stui_supervisor.machine.states import State


class EventStream(AsyncIterator[Event]):
    """The events since the subscription, in order; ends when the supervisor stops.

    A reader that lags behind loses the oldest events and is told how many. A stream that was made ``between_runs`` ends
    at once, unless a run begins before it is read. ``check`` raises SupervisorError where it must not be read.
    """

    def __init__(self, check: Callable[[], None] = lambda: None, *, between_runs: bool = False) -> None:
        self._check = check
        self._queue: deque[tuple[Event, int]] = deque()
        self._queued_bytes = 0
        self._dropped = 0
        self._dropped_at: datetime | None = None
        self._arrived = asyncio.Event()
        self._ended = between_runs
        self._told_end = False

    def begin(self) -> None:
        """A run begins: a stream whose reader has not been told of its end goes on."""
        self._ended = self._told_end

    def put(self, event: Event, size_bytes: int = 0) -> None:
        """Add an event; never blocks."""
        if self._told_end:
            return
        while self._queue and self._is_full(size_bytes):
            self._dropped_at = self._take().at
            self._dropped += 1
        self._queue.append((event, size_bytes))
        self._queued_bytes += size_bytes
        self._arrived.set()

    def _is_full(self, size_bytes: int) -> bool:
        return len(self._queue) >= EVENT_QUEUE_LENGTH or self._queued_bytes + size_bytes > EVENT_QUEUE_BYTES

    def _take(self) -> Event:
        event, size_bytes = self._queue.popleft()
        self._queued_bytes -= size_bytes
        return event

    def end(self) -> None:
        """Nothing more comes; what is queued can still be read."""
        self._ended = True
        self._arrived.set()

    async def __anext__(self) -> Event:
        self._check()
        while not self._queue:
            if self._ended:
                self._told_end = True
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        if self._dropped and self._dropped_at is not None:
            dropped, self._dropped = self._dropped, 0
            return EventsDropped(at=self._dropped_at, count=dropped)
        return self._take()


class Observers:
    """The event streams and waiting callers of one run. Between two runs it collects those for the next.

    ``check`` raises SupervisorError when a stream is read in another event loop or process than that of the run.
    """

    def __init__(self, check: Callable[[], None] = lambda: None, *, between_runs: bool = False) -> None:
        self._check = check
        self._between_runs = between_runs
        # Weakly: a reader that has left its loop is gone, and costs nothing more.
        self._streams: list[weakref.ref[EventStream]] = []
        # Weakly too: a wait may be given up before it has begun. One that has begun is kept: perhaps its task is not.
        self._waiting: weakref.WeakKeyDictionary[asyncio.Future[State], AbstractSet[State]]
        self._waiting = weakref.WeakKeyDictionary()
        self._awaited: set[asyncio.Future[State]] = set()

    def begin(self) -> None:
        """The run begins."""
        self._between_runs = False
        for reference in self._streams.copy():
            stream = reference()
            if stream is not None:
                stream.begin()

    def subscribe(self) -> EventStream:
        """A stream of the events from now on."""
        stream = EventStream(self._check, between_runs=self._between_runs)
        self._streams.append(weakref.ref(stream, self._streams.remove))
        return stream

    def wait(self, states: AbstractSet[State]) -> asyncio.Future[State]:
        """A future for the first of these states that is entered from now on."""
        future: asyncio.Future[State] = asyncio.get_running_loop().create_future()
        self._waiting[future] = states
        future.add_done_callback(self._waiting.pop)
        return future

    async def awaited(self, future: asyncio.Future[State]) -> State:
        """Wait for the outcome of a future that ``wait`` gave."""
        self._awaited.add(future)
        try:
            return await future
        finally:
            self._awaited.discard(future)

    def tell(self, event: Event, size_bytes: int = 0) -> None:
        """Give every reader an event; ``size_bytes`` is about what it takes in memory, if that may be much."""
        for reference in self._streams.copy():  # a reader may leave meanwhile
            stream = reference()
            if stream is not None:
                stream.put(event, size_bytes)

    def entered(self, state: State, error: SupervisorError | None) -> None:
        """Wake the callers who wait for this state; all others get the ``error``, if any: they wait in vain."""
        for future, states in list(self._waiting.items()):
            if future.done():
                continue
            if state in states:
                future.set_result(state)
            elif error is not None:
                refuse(future, error)

    def close(self, error: SupervisorError) -> None:
        """Nothing more happens."""
        for reference in self._streams.copy():
            stream = reference()
            if stream is not None:
                stream.end()
        self._streams.clear()
        for future in list(self._waiting):
            if not future.done():
                refuse(future, error)


def refuse(future: asyncio.Future[State], error: SupervisorError) -> None:
    """End a wait with an error, without a warning where the caller has given up and never asks for it."""
    future.set_exception(error)
    future.exception()
