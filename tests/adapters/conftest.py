"""What the tests of the adapters share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from stui_supervisor.adapters.zmq import context as zmq_context
from stui_supervisor.adapters.zmq.transport import ZmqTransport
from tests.support.programs.watching import open_descriptors


@pytest.fixture
async def transport() -> AsyncIterator[ZmqTransport]:
    before = open_descriptors()
    one = ZmqTransport()
    yield one
    context = zmq_context._context
    left_open = [] if context is None else [socket for socket in context._sockets if not socket.closed]
    for socket in left_open:  # a test that failed halfway; the context would wait for them for ever
        socket.close(linger=0)
    one.close()
    assert left_open == []
    assert zmq_context._context is None
    assert open_descriptors() <= before
