"""A subscription over ZeroMQ: one SUB socket, which hears what a PUB server publishes from now on.

A publisher keeps nothing for a reader who lags behind: what does not fit its own queue is gone, and nobody is told.
So each message is read at once, before anything is made of it, and waits here for its turn. Where more came than there
certainly was room for on the way, that is said.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic

import zmq

from stui_supervisor.adapters.zmq.connection import ZmqConnection
from stui_supervisor.adapters.zmq.connection_plan import ConnectionPlan
from stui_supervisor.config import (
    CROWD,
    CROWD_S,
    HAND_ON_S,
    HAND_ON_WHILE_READING_S,
    NOTIFICATION_OVERHEAD_BYTES,
    NOTIFICATIONS_QUEUE_LENGTH,
    NOTIFICATIONS_WAITING_BYTES,
)
from stui_supervisor.failures import Failure
from stui_supervisor.ports import SubscriptionListener


class ZmqSubscription(ZmqConnection[SubscriptionListener]):
    """See ports.Subscription."""

    def __init__(self, plan: ConnectionPlan, topics: tuple[str, ...]) -> None:
        # Never changed later: libzmq counts what has been read in steps of this, and would wait for a step for ever.
        options: list[tuple[int, int | bytes]] = [(zmq.RCVHWM, NOTIFICATIONS_QUEUE_LENGTH)]
        options += [(zmq.SUBSCRIBE, topic.encode()) for topic in topics or ("",)]
        super().__init__(plan, zmq.SUB, options)
        self._waiting: deque[tuple[bytes, ...]] = deque()  # tuples cost the collector of garbage nothing
        self._waiting_bytes = 0
        self._is_coming = False
        self._has_dropped = False
        self._turn: asyncio.Handle | None = None
        self._ending: Failure | None = None
        self._without_rest = 0
        self._count = 0
        self._counted_from = 0.0

    def look(self) -> int | None:
        """See ports.Subscription."""
        sample = self._socket.look() if self._socket is not None else None
        return None if sample is None else sample.received_bytes

    def close(self) -> None:
        """See ports.Subscription."""
        super().close()
        self._forget()

    def _received(self, frames: list[bytes]) -> None:
        self._see_crowd()
        size_bytes = sum(map(len, frames))
        if self._waiting_bytes > NOTIFICATIONS_WAITING_BYTES:
            self._has_dropped = True
            return
        self._is_coming = True
        self._waiting.append(tuple(frames))
        self._waiting_bytes += size_bytes + NOTIFICATION_OVERHEAD_BYTES
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._hand_on)

    def _see_crowd(self) -> None:
        """Say so when as many have come as may have filled a queue: without a moment's rest, or in too short a time."""
        self._without_rest += 1
        self._count += 1
        if self._without_rest == CROWD:
            self._without_rest = 0
            self._tell_crowd()
        if self._count == CROWD:
            now = monotonic()
            if now - self._counted_from < CROWD_S:
                self._tell_crowd()
            self._count, self._counted_from = 0, now

    def _tell_crowd(self) -> None:
        if self._listener is not None:
            self._listener.crowded()

    def _hand_on(self) -> None:
        """Hand on what waits, for a moment at a time."""
        self._turn = None
        if self._has_dropped:
            self._has_dropped = False
            self._tell_crowd()
        # As long as more comes, and there is room for it, reading it goes before.
        is_first, self._is_coming = self._is_coming and self._waiting_bytes < NOTIFICATIONS_WAITING_BYTES / 2, False
        ends = monotonic() + (HAND_ON_WHILE_READING_S if is_first else HAND_ON_S)
        while self._waiting and monotonic() < ends:
            frames = self._waiting.popleft()
            self._waiting_bytes -= sum(map(len, frames)) + NOTIFICATION_OVERHEAD_BYTES
            if self._listener is not None:
                self._listener.published(list(frames))
        if self._waiting:
            self._turn = asyncio.get_running_loop().call_soon(self._hand_on)
        elif self._ending is not None:
            super()._end(self._ending)
        elif self._socket is not None and not self._socket.has_more():
            self._without_rest = 0

    def _end(self, failure: Failure) -> None:
        """What came before the end still counts."""
        if self._waiting:
            self._ending = failure
            self._drop_socket()
        else:
            super()._end(failure)

    def _forget(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
