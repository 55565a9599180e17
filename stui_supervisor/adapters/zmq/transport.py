"""What makes the links and the subscriptions of one supervisor."""

from __future__ import annotations

from stui_supervisor.adapters.host.readiness import Readiness
from stui_supervisor.adapters.zmq import context as zmq_context
from stui_supervisor.adapters.zmq.connection_plan import ConnectionPlan
from stui_supervisor.adapters.zmq.link import ZmqLink
from stui_supervisor.adapters.zmq.resolver import Resolver
from stui_supervisor.adapters.zmq.subscription import ZmqSubscription
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.ports import LinkTimes
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.trust import ANYONE, Trust


class ZmqTransport:
    """Makes the links and subscriptions of one supervisor; to be closed after them, in the loop that made it."""

    def __init__(self) -> None:
        self._context = zmq_context.acquire()
        self._readiness = Readiness()
        self._resolver = Resolver()

    def __call__(
        self, endpoint: Endpoint, times: LinkTimes, curve: CurveKeys | None = None, trust: Trust = ANYONE
    ) -> ZmqLink:
        """A new link, encrypted where there are keys, not yet opened."""
        return ZmqLink(self._plan(endpoint, times, curve, trust))

    def subscription(
        self,
        endpoint: Endpoint,
        topics: tuple[str, ...],
        times: LinkTimes,
        curve: CurveKeys | None = None,
        trust: Trust = ANYONE,
    ) -> ZmqSubscription:
        """A new subscription, as safe as its link, not yet opened."""
        return ZmqSubscription(self._plan(endpoint, times, curve, trust), topics)

    def close(self) -> None:
        """Let go of the context and what watches its sockets."""
        self._readiness.close()
        zmq_context.release()

    def _plan(self, endpoint: Endpoint, times: LinkTimes, curve: CurveKeys | None, trust: Trust) -> ConnectionPlan:
        return ConnectionPlan(self._context, self._readiness, self._resolver, endpoint, times, curve, trust)
