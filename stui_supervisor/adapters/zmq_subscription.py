"""A subscription over ZeroMQ: one SUB socket, which hears what a PUB server publishes from now on.

A publisher keeps nothing for a reader who lags behind: what does not fit its own queue is gone, and
nobody is told. So each message is read at once and judged later.
"""

from __future__ import annotations

import zmq

from stui_supervisor.adapters.addresses import Names
from stui_supervisor.adapters.readiness import Readiness
from stui_supervisor.adapters.zmq_link import ZmqConnection
from stui_supervisor.curve import CurveKeys
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.ports import LinkTimes, SubscriptionListener
from stui_supervisor.trust import ANYONE, Trust


class ZmqSubscription(ZmqConnection[SubscriptionListener]):
    """See ports.Subscription."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        readiness: Readiness,
        names: Names,
        endpoint: Endpoint,
        topics: tuple[str, ...],
        times: LinkTimes,
        curve: CurveKeys | None = None,
        trust: Trust = ANYONE,
    ) -> None:
        wanted = [(zmq.SUBSCRIBE, topic.encode()) for topic in topics or ("",)]
        super().__init__(context, readiness, names, endpoint, times, zmq.SUB, wanted, curve=curve, trust=trust)

    def _received(self, frames: list[bytes]) -> None:
        if self._listener is not None:
            self._listener.published(frames)
