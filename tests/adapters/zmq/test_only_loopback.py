"""A token in the clear goes to no address but one of loopback, wherever a name leads to."""

from __future__ import annotations

import sys
import tempfile

import pytest
import zmq

from stui_supervisor.adapters.zmq.targets import Targets, find_targets
from stui_supervisor.adapters.zmq.transport import ZmqTransport
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.failures import Failure, FailureKind
from stui_supervisor.security.trust import Trust
from tests.support.networks.names import names
from tests.support.processes.link_listener import SHORT, TIMES, Heard
from tests.support.processes.publisher import Publisher

LOOPBACK = Trust(only_loopback=True)


@pytest.mark.parametrize(
    "addresses", [("192.0.2.1",), ("2001:db8::1", "192.0.2.1"), ("::ffff:192.0.2.1",), ("0.0.0.1",)]
)
async def test_a_name_that_leads_elsewhere_is_told_and_nothing_is_connected(addresses: tuple[str, ...]) -> None:
    with names(localhost=lambda: addresses):
        transport, listener = ZmqTransport(), Heard()
        link = transport(Endpoint.parse("tcp://localhost:5555"), SHORT, None, LOOPBACK)
        link.open(listener)
        (told,) = await listener.hears(1)
        link.close()
        transport.close()
    assert told == Failure(FailureKind.TOKEN_IN_CLEAR, f"localhost leads to {addresses[0]} here")


@pytest.mark.parametrize("addresses", [("127.0.0.1",), ("192.0.2.1", "127.0.0.1"), ("127.0.0.1", "192.0.2.1")])
async def test_of_several_addresses_only_those_of_loopback_are_connected(addresses: tuple[str, ...]) -> None:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as server, names(localhost=lambda: addresses):
        port = server.bind_to_random_port("tcp://127.0.0.1")
        transport, listener = ZmqTransport(), Heard()
        link = transport(Endpoint("tcp", "localhost", port), TIMES, None, LOOPBACK)
        link.open(listener)
        (loopback,) = await transport._resolver.addresses(Endpoint("tcp", "127.0.0.1", port))
        assert await find_targets(link._plan) == Targets([loopback])
        assert await listener.hears(1) == ["opened"]
        link.close()
        transport.close()


async def test_without_a_token_every_address_is_one() -> None:
    with names(localhost=lambda: ("192.0.2.1", "127.0.0.1")):
        transport = ZmqTransport()
        link = transport(Endpoint.parse("tcp://localhost:5555"), SHORT)
        targets = await find_targets(link._plan)
        transport.close()
    assert not isinstance(targets, Failure)
    assert [address[1] for address in targets.addresses if address] == ["192.0.2.1", "127.0.0.1"]


@pytest.mark.skipif(sys.platform == "win32", reason="only on systems with IPC in their own sockets")
@pytest.mark.parametrize("addresses", [("192.0.2.1",), ("127.0.0.1", "192.0.2.1")])
async def test_a_socket_is_not_the_image_s_where_the_name_of_this_machine_leads_elsewhere(
    addresses: tuple[str, ...],
) -> None:
    with tempfile.TemporaryDirectory() as directory, Publisher(f"ipc://{directory}/published") as publisher:
        transport, refused, heard = ZmqTransport(), Heard(), Heard()
        with names(localhost=lambda: addresses):
            elsewhere = transport.subscription(Endpoint.parse(publisher.endpoint), (), TIMES, None, LOOPBACK)
            elsewhere.open(refused)
            leads = f"localhost leads to {next(one for one in addresses if one != '127.0.0.1')} here"
            assert await refused.hears(1) == [Failure(FailureKind.TOKEN_IN_CLEAR, leads)]
        elsewhere.close()
        transport.close()
        transport = ZmqTransport()  # which remembers no name
        with names(localhost=lambda: ("127.0.0.1",)):
            here = transport.subscription(Endpoint.parse(publisher.endpoint), (), TIMES, None, LOOPBACK)
            here.open(heard)
            assert await heard.hears(1) == ["opened"]
        here.close()
        transport.close()
