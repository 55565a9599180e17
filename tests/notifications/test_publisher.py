from __future__ import annotations

import pytest

from stui_supervisor.endpoint import Endpoint
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.notifications.publisher import named_by_image, named_by_user, publisher_of
from stui_supervisor.profile import Profile

LOCAL = "tcp://127.0.0.1:5555"
NAMED = "tcp://image.example:5555"
IPC = "ipc:///run/image"


@pytest.mark.parametrize("anywhere", ["tcp://*:5556", "tcp://0.0.0.0:5556", "tcp://[::]:5556"])
@pytest.mark.parametrize(
    ("link", "there"),
    [
        (LOCAL, "tcp://127.0.0.1:5556"),
        (NAMED, "tcp://image.example:5556"),
        ("tcp://[::1]:5555", "tcp://[::1]:5556"),
        (IPC, "tcp://127.0.0.1:5556"),
    ],
)
def test_every_address_of_the_machine_means_the_one_that_the_link_uses(anywhere: str, link: str, there: str) -> None:
    assert str(named_by_image(anywhere, Endpoint.parse(link))) == there
    assert str(named_by_user(anywhere, Endpoint.parse(link))) == there


@pytest.mark.parametrize(
    ("link", "there"),
    [
        (LOCAL, "tcp://127.0.0.1:6000"),
        (LOCAL, "tcp://localhost:6000"),
        ("tcp://localhost:5555", "tcp://[::1]:6000"),
        (NAMED, "tcp://image.example:6000"),
        (IPC, "tcp://127.0.0.1:6000"),
        (IPC, "ipc:///run/published"),
        (LOCAL, "ipc:///run/published"),
        ("tcp://[::1]:5555", "ipc:///run/published"),
        ("tcp://localhost:5555", "ipc:///run/published"),
    ],
)
def test_an_image_may_publish_on_the_machine_that_the_link_goes_to(link: str, there: str) -> None:
    assert str(named_by_image(there, Endpoint.parse(link))) == there


@pytest.mark.parametrize(
    ("link", "there"),
    [
        (LOCAL, "tcp://192.0.2.1:5556"),
        (LOCAL, "tcp://image.example:5556"),
        (NAMED, "tcp://127.0.0.1:5556"),
        (NAMED, "tcp://other.example:5556"),
    ],
)
def test_only_the_user_may_name_another_machine(link: str, there: str) -> None:
    with pytest.raises(ConfigurationError, match="not on the machine that the link goes to"):
        named_by_image(there, Endpoint.parse(link))
    assert str(named_by_user(there, Endpoint.parse(link))) == there


@pytest.mark.parametrize("link", [NAMED, "tcp://192.0.2.1:5555"])
def test_a_socket_of_another_machine_is_not_looked_for_on_this_one(link: str) -> None:
    with pytest.raises(ConfigurationError, match="a socket on a machine of its own, and the link goes to") as caught:
        named_by_image("ipc:///run/docker.sock", Endpoint.parse(link))
    assert "name it as 'notifications' in the profile" in caught.value.hint
    assert str(named_by_user("ipc:///run/docker.sock", Endpoint.parse(link))) == "ipc:///run/docker.sock"


@pytest.mark.parametrize("named", ["", "5556", "tcp://127.0.0.1:99999", "tcp://*", "x" * 1_000_000, 5556, ["tcp"], {}])
def test_what_is_no_address_is_refused_in_few_words(named: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        named_by_image(named, Endpoint.parse(LOCAL))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("text", ["ipc://published", "ipc://./published"])
def test_a_relative_path_is_followed_by_nobody(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is a relative path"):
        named_by_image(text, Endpoint.parse(IPC))
    with pytest.raises(ConfigurationError, match="is a relative path"):
        named_by_user(text, Endpoint.parse(LOCAL))


@pytest.mark.parametrize(
    ("link", "named", "only_loopback"),
    [
        ("tcp://127.0.0.1:1", "tcp://localhost:2", True),
        ("tcp://127.0.0.1:1", "tcp://127.0.0.1:2", False),
    ],
)
def test_a_name_that_the_image_gives_for_this_machine_has_to_lead_to_it(
    link: str, named: str, *, only_loopback: bool
) -> None:
    where = Endpoint.stored(link)
    theirs = publisher_of(Profile(name="default"), named, where)
    ours = publisher_of(Profile(name="default", notifications=named), None, where)
    assert (theirs.endpoint, theirs.trust.only_loopback) == (ours.endpoint, only_loopback)
    assert not ours.trust.only_loopback
