"""Seeing whether anybody listens at an endpoint of this machine: a plain connection, given up at once.

The links of one event loop that wait for the same endpoint share its looks: three hundred of them cost hardly more
than one.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from random import SystemRandom
from typing import Final
from weakref import WeakKeyDictionary

from stui_supervisor.adapters.zmq.greeting import PlainLook
from stui_supervisor.adapters.zmq.resolver import Address, Resolver, is_here
from stui_supervisor.config import LOOK_ANSWER_S, LOOK_MAX_S, LOOK_MIN_S, LOOK_NAME_S, LOOK_PENDING_S, LOOK_SPREAD_S
from stui_supervisor.endpoint import Endpoint

_JITTER: Final = SystemRandom()


class SharedLookout:
    """See ports.Lookout; for the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._posts: dict[Endpoint, _Post] = {}
        self._seen: Callable[[Endpoint, bool | None], None] | None = None

    def watch(self, endpoints: Sequence[Endpoint], seen: Callable[[Endpoint, bool | None], None]) -> None:
        """From now on look at these endpoints, several times a second, and at no others; ``seen`` is told."""
        self._leave(endpoint for endpoint in tuple(self._posts) if endpoint not in endpoints)
        self._seen = seen
        shared = _POSTS.setdefault(self._loop, {})
        for endpoint in endpoints:
            post = shared.get(endpoint)
            if post is None or post.is_over:
                post = shared[endpoint] = _Post(endpoint, self._loop)
            self._posts[endpoint] = post
            post.watchers[self] = None
            if post.has_seen_nobody:
                self._loop.call_soon(partial(self.told, post, is_listening=False))

    def close(self) -> None:
        """Look no more."""
        self._leave(tuple(self._posts))
        self._seen = None

    def told(self, post: _Post, *, is_listening: bool | None) -> None:
        """One of the posts tells what it has seen; ignored when this lookout has left it meanwhile."""
        if self._posts.get(post.endpoint) is not post or self._seen is None:
            return
        if is_listening is not False:
            self._leave((post.endpoint,))
        self._seen(post.endpoint, is_listening)

    def _leave(self, endpoints: Iterable[Endpoint]) -> None:
        for endpoint in endpoints:
            post = self._posts.pop(endpoint)
            post.watchers.pop(self, None)
            if not post.watchers:
                post.close()


class _Post:
    """One endpoint that is looked at, and for whom: ``watchers``, in the order in which they came.

    ``has_seen_nobody`` is True once a look has been refused, and as long as every one is. A look that is not answered
    at once (Windows takes two seconds to refuse one) is asked again until it is.
    """

    def __init__(self, endpoint: Endpoint, loop: asyncio.AbstractEventLoop) -> None:
        self.endpoint = endpoint
        self.watchers: dict[SharedLookout, None] = {}
        self.has_seen_nobody = False
        self.is_over = False
        self._loop = loop
        self._resolver = Resolver()
        self._asking = loop.create_task(self._ask(LOOK_PENDING_S), name="stui-lookout")
        self._ask_at = loop.time() + LOOK_NAME_S
        self._addresses: list[Address | None] = []
        self._looks: list[PlainLook] = []
        self._timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Look no more; whoever comes next begins anew."""
        self.is_over = True
        self._asking.cancel()
        if self._timer is not None:
            self._timer.cancel()
        for look in self._looks:
            look.close()
        shared = _POSTS.get(self._loop, {})
        if shared.get(self.endpoint) is self:
            del shared[self.endpoint]

    async def _ask(self, wait_s: float) -> None:
        """Where on this machine the endpoint leads to; what was known before stays where that is not told in time."""
        if self.endpoint.scheme == "ipc":
            self._addresses = [None] if hasattr(socket, "AF_UNIX") else []  # Windows has IPC in libzmq only
        else:
            with suppress(OSError):  # a TimeoutError is one
                async with asyncio.timeout(wait_s):
                    found = await self._resolver.addresses(self.endpoint)
                self._addresses = [address for address in found if is_here(address)]
        if self._timer is None:
            self._look()

    def _look(self) -> None:
        if not self._addresses:
            self._conclude(is_listening=None)
            return
        self._looks = [PlainLook(self.endpoint, address) for address in self._addresses]
        self._see(self._loop.time() + LOOK_PENDING_S, LOOK_ANSWER_S)

    def _see(self, until: float, wait_s: float) -> None:
        """See what has become of the looks, and look again after a while when nobody listens."""
        seen = [look.is_listening() for look in self._looks]
        if True not in seen and None in seen:
            if self._loop.time() < until:
                self._timer = self._loop.call_later(wait_s, self._see, until, min(2 * wait_s, LOOK_MIN_S))
                return
            seen = [True]  # what does not refuse may be somebody; an attempt will tell
        for look in self._looks:
            look.close()
        if True in seen:
            self._conclude(is_listening=True)
            return
        self._timer = self._loop.call_later(_JITTER.uniform(LOOK_MIN_S, LOOK_MAX_S), self._look)
        if self._loop.time() >= self._ask_at and self._asking.done():
            self._ask_at = self._loop.time() + LOOK_NAME_S
            self._asking = self._loop.create_task(self._ask(LOOK_PENDING_S), name="stui-lookout")
        if not self.has_seen_nobody:
            self.has_seen_nobody = True
            for watcher in tuple(self.watchers):
                watcher.told(self, is_listening=False)

    def _conclude(self, *, is_listening: bool | None) -> None:
        watchers = tuple(self.watchers)
        self.close()
        for place, watcher in enumerate(watchers):
            delay_s = _JITTER.uniform(0.0, place * LOOK_SPREAD_S)
            self._loop.call_later(delay_s, partial(watcher.told, self, is_listening=is_listening))


_POSTS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Endpoint, _Post]]] = WeakKeyDictionary()
