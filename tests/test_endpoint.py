from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stui_supervisor import Supervisor
from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "endpoint", "normal"),
    [
        ("tcp://127.0.0.1:5555", Endpoint("tcp", "127.0.0.1", 5555), "tcp://127.0.0.1:5555"),
        ("TCP://Host.Example:1", Endpoint("tcp", "host.example", 1), "tcp://host.example:1"),
        ("tcp://localhost:65535", Endpoint("tcp", "localhost", 65535), "tcp://localhost:65535"),
        ("tcp://[::1]:5555", Endpoint("tcp", "::1", 5555), "tcp://[::1]:5555"),
        ("tcp://[FE80::1]:5555", Endpoint("tcp", "fe80::1", 5555), "tcp://[fe80::1]:5555"),
        ("tcp://[FE80::1%Eth0]:5555", Endpoint("tcp", "fe80::1%Eth0", 5555), "tcp://[fe80::1%Eth0]:5555"),
        ("tcp://my_image-2.local:05555", Endpoint("tcp", "my_image-2.local", 5555), "tcp://my_image-2.local:5555"),
        ("ipc:///tmp/stui", Endpoint("ipc", path="/tmp/stui"), "ipc:///tmp/stui"),  # noqa: S108  # nothing is made there
        ("ipc://relative/grün", Endpoint("ipc", path="relative/grün"), "ipc://relative/grün"),
    ],
)
def test_an_address_is_read_and_shown_in_its_normal_form(text: str, endpoint: Endpoint, normal: str) -> None:
    assert Endpoint.parse(text) == endpoint
    assert str(endpoint) == normal


def test_an_endpoint_is_taken_as_it_is() -> None:
    endpoint = Endpoint("tcp", "127.0.0.1", 5555)
    assert Endpoint.parse(endpoint) == endpoint


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        (Endpoint("tcp", "127.0.0.1", 5555 + 65_536), "the port 71091 is out of range"),
        (Endpoint("tcp", "a host", 5555), "no address has"),
        (Endpoint("http", "localhost", 80), "'http' is not supported"),
        (Endpoint("ipc"), "no usable path"),
    ],
)
def test_an_endpoint_that_was_made_by_hand_is_checked(endpoint: Endpoint, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Supervisor(endpoint)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no scheme"),
        ("127.0.0.1:5555", "no scheme"),
        ("http://127.0.0.1:5555", "'http' is not supported"),
        ("inproc://x", "'inproc' is not supported"),
        ("tcp://", "not a host and a port"),
        ("tcp://127.0.0.1", "not a host and a port"),
        ("tcp://127.0.0.1:0", "the port 0 is out of range"),
        ("tcp://127.0.0.1:99999", "the port 99999 is out of range"),
        ("tcp://127.0.0.1:-1", "not a host and a port"),
        ("tcp://127.0.0.1:port", "not a host and a port"),
        ("tcp://:5555", "not a host and a port"),
        ("tcp://*:5555", "no usable host"),
        ("tcp://999.1.1.1:5555", "no usable host"),
        ("tcp://a..b:5555", "no usable host"),
        ("tcp://-a:5555", "no usable host"),
        ("tcp://[::1:5555", "not a host and a port"),
        ("tcp://[nonsense]:5555", "no usable host"),
        ("tcp://user:secret@127.0.0.1:5555", "not a host and a port"),
        ("tcp://127.0.0.1:5555/path", "not a host and a port"),
        ("tcp://127.0.0.1:5555?x", "not a host and a port"),
        ("tcp://127.0.0.1:5555 ", "characters that no address has"),
        ("tcp://127.0.0.1:5\n555", "characters that no address has"),
        ("tcp://grün:5555", "characters that no address has"),
        ("ipc://", "no usable path"),
        ("ipc:///tmp/\x1b[31m", "no usable path"),
        ("ipc:///" + "x" * 100, "longer than"),
    ],
)
def test_a_wrong_address_is_refused_with_the_reason_and_an_example(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Endpoint.parse(text)
    assert says in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("value", [None, 5555, b"tcp://127.0.0.1:5555", ["tcp://127.0.0.1:5555"]])
def test_what_is_not_text_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="an endpoint is text, not"):
        Endpoint.parse(value)


@pytest.mark.parametrize(
    ("text", "is_local"),
    [
        ("tcp://127.0.0.1:1", True),
        ("tcp://127.9.9.9:1", True),
        ("tcp://[::1]:1", True),
        ("tcp://localhost:1", True),
        ("ipc://x", True),
        ("tcp://192.0.2.1:1", False),
        ("tcp://[2001:db8::1]:1", False),
        ("tcp://localhost.example:1", False),
    ],
)
def test_only_what_is_certainly_on_this_machine_is_local(text: str, is_local: bool) -> None:
    assert Endpoint.parse(text).is_local is is_local


HOSTS = st.from_regex(r"[a-z0-9_.\-\[\]:%@*]{0,20}", fullmatch=True) | st.ip_addresses().map(str)
ADDRESSES = st.builds(
    "{}://{}:{}".format, st.sampled_from(["tcp", "TCP", "ipc"]), HOSTS, st.integers(-1, 70_000) | st.text(max_size=5)
)
BRACKETED = st.builds("tcp://[{}]:{}".format, st.ip_addresses(v=6) | st.text(max_size=8), st.integers(1, 65_535))


@given(st.text() | ADDRESSES | BRACKETED)
@example("tcp://[fe80::1%Eth0]:5555")
@example("tcp://[v1.x]:5555")
@example("tcp://a.:1")
@example("tcp://[::ffff:127.0.0.1]:1")
@example("ipc://\ud800")
@example("tcp://1\u0662:1")
def test_any_text_is_an_address_or_a_configuration_error_and_the_normal_form_stays(text: str) -> None:
    try:
        endpoint = Endpoint.parse(text)
    except ConfigurationError as error:
        assert str(error).isprintable()  # noqa: PT017  one of two outcomes
        return
    assert Endpoint.parse(str(endpoint)) == endpoint
    assert str(Endpoint.parse(str(endpoint))) == str(endpoint)
    assert str(endpoint).isprintable()
