from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stui_supervisor import Supervisor
from stui_supervisor.endpoint import Endpoint, RelativePath
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
        ("ipc:///tmp//./stui/", Endpoint("ipc", path="/tmp/stui"), "ipc:///tmp/stui"),  # noqa: S108  # as above
        ("ipc:///../tmp/../stui", Endpoint("ipc", path="/tmp/../stui"), "ipc:///tmp/../stui"),  # noqa: S108  # a link may be there
        ("ipc://@stui/./x", Endpoint("ipc", path="@stui/./x"), "ipc://@stui/./x"),
        ("tcp://Host.Example.:1", Endpoint("tcp", "host.example", 1), "tcp://host.example:1"),
        ("tcp://LOCALHOST.:1", Endpoint("tcp", "localhost", 1), "tcp://localhost:1"),
        ("tcp://[0:0:0::0001]:5555", Endpoint("tcp", "::1", 5555), "tcp://[::1]:5555"),
        ("tcp://[::1%lo]:5555", Endpoint("tcp", "::1", 5555), "tcp://[::1]:5555"),
        ("tcp://[2001:DB8:0::0a]:1", Endpoint("tcp", "2001:db8::a", 1), "tcp://[2001:db8::a]:1"),
        ("tcp://[fe80:0::1%eth0]:1", Endpoint("tcp", "fe80::1%eth0", 1), "tcp://[fe80::1%eth0]:1"),
        ("tcp://[::ffff:192.0.2.1]:1", Endpoint("tcp", "192.0.2.1", 1), "tcp://192.0.2.1:1"),
        ("tcp://[::FFFF:7f00:1]:1", Endpoint("tcp", "127.0.0.1", 1), "tcp://127.0.0.1:1"),
        ("tcp://127.0.0.0x1:1", Endpoint("tcp", "127.0.0.1", 1), "tcp://127.0.0.1:1"),
        ("tcp://0177.0x1:1", Endpoint("tcp", "127.0.0.1", 1), "tcp://127.0.0.1:1"),
        ("tcp://0xC0000201:1", Endpoint("tcp", "192.0.2.1", 1), "tcp://192.0.2.1:1"),
        ("tcp://cafe.0x1:1", Endpoint("tcp", "cafe.0x1", 1), "tcp://cafe.0x1:1"),
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
        ("tcp://a..:5555", "no usable host"),
        ("tcp://.:5555", "no usable host"),
        ("tcp://0x1ffffffff:5555", "no usable host"),
        ("tcp://0x1.256.0x1:5555", "no usable host"),
        ("tcp://1.1.1.1.0x1:5555", "no usable host"),
        ("tcp://09.0x1:5555", "no usable host"),
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
        ("tcp://[::ffff:127.0.0.1]:1", True),
        ("tcp://[::ffff:192.0.2.1]:1", False),
        ("tcp://0.0.0.0:1", False),
        ("tcp://[::]:1", False),
        ("tcp://[fe80::1%lo]:1", False),
        ("tcp://169.254.0.1:1", False),
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


# Paths that are relative


def test_a_relative_path_is_one_of_the_directory_in_which_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path.resolve() / "a" / "b"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    assert [str(Endpoint.parse(text)) for text in ("ipc://x", "IPC://./x//y/", "ipc://../x", "ipc://../../../x")] == [
        f"ipc://{here}/x",
        f"ipc://{here}/x/y",
        f"ipc://{here.parent}/x",
        f"ipc://{here.parents[2]}/x",
    ]
    named = Endpoint.parse("ipc://x")
    monkeypatch.chdir(tmp_path)
    assert Endpoint.parse(named) == named


def test_where_the_working_directory_is_gone_a_relative_path_is_refused_in_words_and_others_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigurationError, match="a relative path, and the working directory is gone") as refused:
        Endpoint.parse("ipc://x")
    assert type(refused.value) is ConfigurationError
    assert str(Endpoint.parse("ipc:///x")) == "ipc:///x"
    assert str(Endpoint.parse("ipc://@x")) == "ipc://@x"


def test_a_relative_path_that_gets_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="longer than 100 bytes"):
        Endpoint.parse("ipc://" + "x" * 99)


@pytest.mark.parametrize("text", ["ipc://x", "ipc://./x", "ipc://../x"])
def test_a_stored_relative_path_leads_nowhere(text: str) -> None:
    with pytest.raises(RelativePath, match="is a relative path"):
        Endpoint.stored(text)


@pytest.mark.parametrize(
    ("text", "stored_as"),
    [("tcp://[::1]:1", ()), ("tcp://[0::1]:1", ("tcp://[0::1]:1",)), ("ipc:////x", ("ipc:////x",))],
)
def test_a_stored_endpoint_knows_how_it_was_spelt(text: str, stored_as: tuple[str, ...]) -> None:
    endpoint = Endpoint.stored(text)
    assert (endpoint, endpoint.stored_as) == (Endpoint.parse(text), stored_as)


def test_what_an_earlier_version_stored_is_known_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    named = Endpoint.parse(f"ipc://{tmp_path.resolve()}/x")
    texts = [
        "ipc://x",
        "ipc://./x",
        f"ipc://../{tmp_path.name}/x",
        f"ipc:/{tmp_path.resolve()}//x",
        "ipc://y",
        "nonsense",
    ]
    assert [named.is_stored_as(text) for text in texts] == [True, True, True, False, False, False]
    assert Endpoint.stored(str(named)).is_stored_as("ipc://x") is False
    assert Endpoint.parse("tcp://[::1]:1").is_stored_as("tcp://[0:0::1]:1")
    assert not Endpoint.parse("tcp://[::1]:1").is_stored_as("tcp://[0:0::1]:2")


def test_a_name_that_is_no_file_is_one_for_the_system_too() -> None:
    assert Endpoint.parse("ipc://@stui").socket_name == "\0stui"
    assert Endpoint.parse("ipc:///stui").socket_name == "/stui"
