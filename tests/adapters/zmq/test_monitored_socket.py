from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any, cast

import zmq

from stui_supervisor.adapters.host.readiness import Readiness
from stui_supervisor.adapters.zmq.connection_plan import ConnectionPlan
from stui_supervisor.adapters.zmq.monitored_socket import MonitoredSocket
from stui_supervisor.adapters.zmq.resolver import Resolver
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from tests.support.processes.link_listener import TIMES
from tests.support.processes.scripted_zmq import ScriptedContext
from tests.support.programs.watching import until


@asynccontextmanager
async def read(context: ScriptedContext, heard: list[Any]) -> AsyncIterator[None]:
    """A connection that is up and read."""
    readiness = Readiness()
    endpoint = Endpoint("tcp", host="127.0.0.1", port=1)
    plan = ConnectionPlan(cast("Any", context), readiness, Resolver(), endpoint, TIMES)
    one = MonitoredSocket(plan, zmq.DEALER, heard.append, lambda _one, failure: heard.append(failure))
    with closing(readiness), closing(one):
        context.happens(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        one.connect(str(endpoint), ())
        assert await one.outcome
        one.read()
        await asyncio.sleep(0)  # by now it has looked for what had come before
        yield


async def test_replies_that_are_there_at_the_end_are_handed_on_before_it() -> None:
    context, heard = ScriptedContext(), list[Any]()
    async with read(context, heard):
        context.one.messages += [[b"t", b"", b"first"], [b"t", b"", b"last words"]]
        context.happens(zmq.EVENT_DISCONNECTED)
        context.monitor.announced()  # the other socket's descriptor may be looked at later
        await until(lambda: Failure(FailureKind.RESET) in heard)
        assert heard == [[b"t", b"", b"first"], [b"t", b"", b"last words"], Failure(FailureKind.RESET)]


async def test_a_message_that_is_told_and_not_given_keeps_no_end_from_being_told() -> None:
    context, heard = ScriptedContext(), list[Any]()
    async with read(context, heard):
        context.one.messages += [[b"t", b"", b"first"], []]
        context.happens(zmq.EVENT_DISCONNECTED)
        context.monitor.announced()
        await until(lambda: Failure(FailureKind.RESET) in heard)
        assert heard == [[b"t", b"", b"first"], Failure(FailureKind.RESET)]
