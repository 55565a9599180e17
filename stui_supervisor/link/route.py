"""Which endpoint an attempt goes to, where a profile has several.

A round begins at the endpoint that was named, else at the last-known-good one, else at the profile's
first. When failing over is allowed the profile's others follow, in order and round again; each is left
alone for as long as its own last failure asks, so one that has not been tried yet comes at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from stui_supervisor.endpoint import Endpoint


class Destination(NamedTuple):
    """Where the next attempt goes, and the monotonic time at which it begins."""

    endpoint: Endpoint
    at: float


class Route:
    """The endpoints of one profile in the order in which they are tried.

    ``named`` is what the user named, None where that was left to us and once a link is up elsewhere. ``first``
    is where the round began, which is what waiting requests are for.
    """

    def __init__(self) -> None:
        self.named: Endpoint | None = None
        self.first: Endpoint | None = None
        self._stops: tuple[Endpoint, ...] = ()
        self._rests: dict[Endpoint, float] = {}
        self._without_image: set[Endpoint] = set()

    @property
    def has_others(self) -> bool:
        """True when a failed attempt is followed by one at another endpoint."""
        return len(self._stops) > 1

    def name(self, endpoint: Endpoint | None) -> None:
        """The user begins, and may say where."""
        self.named = self.first = endpoint
        self._stops = ()

    def plan(self, first: Endpoint, others: Sequence[Endpoint], *, failover: bool) -> None:
        """A round begins here. An endpoint that was named and is none of the profile's own stands alone.

        Failures at endpoints that are not in the round are forgotten.
        """
        self.named = self.named if self.named == first else None
        stands_alone = not failover or (self.named is not None and first not in others)
        self.first = first
        self._stops = (first,) if stands_alone else tuple(dict.fromkeys((first, *others)))
        self._rests = {endpoint: until for endpoint, until in self._rests.items() if endpoint in self._stops}
        self._without_image.clear()

    def forgive(self) -> None:
        """Whatever failed may work now: nothing has to rest any more."""
        self._rests.clear()

    @property
    def away(self) -> tuple[Endpoint, ...]:
        """Where nobody listens: these rest until somebody does."""
        return tuple(endpoint for endpoint, until in self._rests.items() if until == math.inf)

    def found(self, endpoint: Endpoint, *, without_image: bool) -> None:
        """An attempt has failed there, because of another image than the pinned one, or because of anything else."""
        self._without_image.discard(endpoint)
        if without_image:
            self._without_image.add(endpoint)

    def is_last_without_image(self, endpoint: Endpoint) -> bool:
        """True when every other endpoint, as far as it failed last, was found to be without the pinned image."""
        return self._without_image.issuperset(stop for stop in self._stops if stop != endpoint)

    def failed(self, endpoint: Endpoint, *, now: float, rests_until: float) -> Destination:
        """An attempt failed. The next in turn that need not rest follows, else the one whose rest ends first.

        One that rests for ever is where nobody listens; the destination's time may be as late as that.
        """
        self._rests[endpoint] = rests_until
        return self.next(endpoint, now)

    def next(self, endpoint: Endpoint, now: float) -> Destination:
        """Where it goes on from here, as after a failure."""
        after = self._stops.index(endpoint) + 1 if endpoint in self._stops else 0
        in_turn = (*self._stops[after:], *self._stops[:after])
        # Of equals, min() takes the first.
        at, chosen = min(((max(now, self._rests.get(stop, now)), stop) for stop in in_turn), key=lambda pair: pair[0])
        return Destination(chosen, at)
