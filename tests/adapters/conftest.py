"""What the tests of the adapters share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from stui_supervisor.adapters import zmq_context
from stui_supervisor.adapters.zmq_link import ZmqTransport
from tests.support.watching import open_descriptors


@pytest.fixture
async def transport() -> AsyncIterator[ZmqTransport]:
    before = open_descriptors()
    one = ZmqTransport()
    yield one
    one.close()
    assert zmq_context._context is None
    assert open_descriptors() <= before
