"""The callers who wait: for the reply to a request, or for the present context to be on the disk."""

from __future__ import annotations

import asyncio

from stui_supervisor.core.effects import Finish, SaveEnded
from stui_supervisor.errors import StoreError
from stui_supervisor.wire.dialects import Reply


class Callers:
    """One future for each of them, which ends with what the core decides. ``replies`` are those of the requests."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._saves: dict[int, asyncio.Future[None]] = {}
        self._last_save = 0
        self.replies: dict[int, asyncio.Future[Reply]] = {}

    def requesting(self, number: int) -> asyncio.Future[Reply]:
        """A future that ends with the reply to the request of this number, or with its RequestError."""
        future: asyncio.Future[Reply] = self._loop.create_future()
        self.replies[number] = future
        return future

    def saving(self) -> tuple[int, asyncio.Future[None]]:
        """A number for a save, and a future that ends when that is on the disk, or with the StoreError."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._last_save += 1
        self._saves[self._last_save] = future
        return self._last_save, future

    def finish(self, effect: Finish) -> None:
        """End the wait for a reply."""
        future = self.replies.pop(effect.request, None)
        if future is None or future.done():
            return
        if effect.error is not None:
            future.set_exception(effect.error)
        elif effect.reply is not None:
            future.set_result(effect.reply)

    def save_ended(self, effect: SaveEnded) -> None:
        """End the wait for a save."""
        future = self._saves.pop(effect.waiter, None)
        if future is None or future.done():
            return
        if effect.error is not None:
            future.set_exception(effect.error)
        else:
            future.set_result(None)

    def close(self) -> None:
        """Nothing is saved any more: whoever waits for that gets a StoreError."""
        stopped = StoreError("the supervisor was stopped before the context was saved")
        for number in list(self._saves):
            self.save_ended(SaveEnded(number, stopped))
