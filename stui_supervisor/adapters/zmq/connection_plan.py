"""What one connection is to be: where to, how safe, how patient, and with what of the supervisor's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import zmq

from stui_supervisor.adapters.host.readiness import Readiness
from stui_supervisor.adapters.zmq.resolver import Resolver
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.ports import LinkTimes
from stui_supervisor.security.curve import CurveKeys
from stui_supervisor.security.trust import ANYONE, Trust

Options = Sequence[tuple[int, int | bytes]]


@dataclass(frozen=True, slots=True)
class ConnectionPlan:
    """One endpoint, and everything that its connection needs.

    With ``curve`` it is encrypted, and comes up only with the backend that has the pinned key; ``trust`` is what has to
    be true of the other end beside.
    """

    context: zmq.Context[zmq.Socket[bytes]]
    readiness: Readiness
    resolver: Resolver
    endpoint: Endpoint
    times: LinkTimes
    curve: CurveKeys | None = None
    trust: Trust = ANYONE

    @property
    def encryption(self) -> Options:
        """The options of a socket that encrypts; none without keys."""
        if self.curve is None:
            return ()
        return (
            (zmq.CURVE_SERVERKEY, self.curve.server.encode()),
            (zmq.CURVE_PUBLICKEY, self.curve.public.encode()),
            (zmq.CURVE_SECRETKEY, self.curve.secret.reveal().encode()),
        )
