"""What networks do to a link, in networks of our own: each verdict comes in its time, and the link comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import pytest

from stui_supervisor import State
from stui_supervisor.backend import BackendSettings
from tests.support.networks.networks import ABSENT, BACKEND, Network, network
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.client_process import ClientProcess
from tests.support.programs.figures import figures
from tests.support.programs.watching import until_now

FOUND_S = 3.5
HEALED_S = 0.5
OUTAGE_S = 10.0
FAR_S = 0.1  # each way; heartbeats and their acknowledgements are under way for a fifth of the time
VERY_FAR_S = 0.25  # a handshake takes longer than a first attempt may
SLOW_S = 90.0  # what a large message on a slow line may take
WORKING = "(Delay forSeconds: 60) wait"
IDLE, AT_WORK = 5, 3  # clients with a backend each; cut off together, each is at another moment of its heartbeats

Pair = tuple[ClientProcess, BackendProcess]


@pytest.fixture
def net() -> Iterator[Network]:
    with network() as made:
        yield made


@contextmanager
def connected(net: Network, home: Path, clients: int = 1) -> Iterator[list[Pair]]:
    """Clients that are connected over the network, each with its backend."""
    with ExitStack() as stack:
        pairs: list[Pair] = []
        for number in range(clients):
            place = home / f"{number}"
            place.mkdir(parents=True)
            settings = BackendSettings(bind=f"tcp://{BACKEND}:*", executed_log=place / "executed")
            server = stack.enter_context(BackendProcess(settings, net.at_backend))
            pairs.append((stack.enter_context(client_of(net, place / "home", server.endpoint)), server))
        for client, _ in pairs:
            client.enters(State.CONNECTED)
        yield pairs


def client_of(net: Network, home: Path, endpoint: str) -> ClientProcess:
    return ClientProcess(home, endpoint, net.at_client)


def until_it_works(server: BackendProcess) -> None:
    until_now(lambda: WORKING in server.executed_codes())


def notes_of(server: BackendProcess) -> list[str | None]:
    """The notes in each context that the image was given."""
    pushes = [line["parameters"] for line in server.executed() if line["command"] == "update_session_state"]
    return [push["state_data"].get("notes") for push in pushes]


@pytest.mark.parametrize("rounds", [3, pytest.param(7, marks=pytest.mark.soak)])
def test_a_silent_drop_is_found_in_time_and_healed_soon(
    net: Network, tmp_path: Path, rounds: int, record_property: Callable[[str, object], None]
) -> None:
    idle_s: list[float] = []
    working_s: list[float] = []
    healed_s: list[float] = []
    for number in range(rounds):
        with connected(net, tmp_path / f"{number}", IDLE + AT_WORK) as pairs:
            idle, working = pairs[:IDLE], pairs[IDLE:]
            for client, server in working:
                client.tell("eval", WORKING)
                until_it_works(server)
            with net.swallowed(at_least_s=OUTAGE_S):
                began = time.monotonic()
                idle_s += [client.enters(State.RECOVERING)["at"] - began for client, _ in idle]
                working_s += [client.enters(State.RECOVERING)["at"] - began for client, _ in working]
                for client, _ in working:
                    client.hears("failed", "OutcomeUnknown")
            healed = time.monotonic()
            for client, _ in idle:
                client.tell("eval", "3 + 4")
            healed_s += [client.hears("answer")["at"] - healed for client, _ in idle]
    record_property("found while idle (s)", figures(idle_s))
    record_property("found while at work (s)", figures(working_s))
    record_property("from the healing to a reply (s)", figures(healed_s))
    assert max(idle_s + working_s) <= FOUND_S
    assert median(healed_s) <= HEALED_S


def test_a_process_far_away_that_freezes_before_its_first_heartbeat_is_given_up_in_time(
    net: Network, tmp_path: Path
) -> None:
    with net.far(each_way_s=FAR_S), connected(net, tmp_path) as ((client, server),):
        server.freeze()
        began = time.monotonic()
        found = client.enters(State.RECOVERING)
    assert found["at"] - began <= FOUND_S
    assert found["reason"] == "the host is there but the backend's process is frozen"


def test_a_backend_for_whose_distance_a_first_attempt_is_too_short_is_linked_to_by_another(
    net: Network, tmp_path: Path
) -> None:
    with net.far(each_way_s=VERY_FAR_S), connected(net, tmp_path) as ((client, _),):
        assert client.states == [State.RESTORING, State.CONNECTING, State.RECOVERING, State.CONNECTED]


@pytest.mark.parametrize("to_client", [True, False], ids=["replies", "requests"])
def test_a_loss_one_way_is_found_in_time_and_healed_soon(net: Network, tmp_path: Path, *, to_client: bool) -> None:
    with connected(net, tmp_path) as ((client, _),):
        with net.swallowed_on_the_way(to_client=to_client):
            began = time.monotonic()
            found = client.enters(State.RECOVERING)
        healed = time.monotonic()
        again = client.enters(State.CONNECTED)
    assert found["at"] - began <= FOUND_S
    assert found["reason"] == "nothing comes through any more"
    assert again["at"] - healed <= 2 * HEALED_S


def test_a_connection_that_is_reset_is_lost_at_once_and_made_again(net: Network, tmp_path: Path) -> None:
    with connected(net, tmp_path) as ((client, _),):
        with net.reset():
            began = time.monotonic()
            client.tell("eval", "3 + 4")
            lost = client.enters(State.RECOVERING)
            client.hears("failed", "OutcomeUnknown")
        healed = time.monotonic()
        again = client.enters(State.CONNECTED)
    assert lost["at"] - began <= 0.5
    assert lost["reason"] == "the connection ended (the other end or the network cut it)"
    assert again["at"] - healed <= 2 * HEALED_S


@pytest.mark.parametrize(
    ("endpoint", "meanings"),
    [
        (f"tcp://{BACKEND}:5555", {"nothing listens there"}),
        (f"tcp://{ABSENT}:5555", {"no answer from the host", "the host cannot be reached"}),
    ],
    ids=["refused", "absent"],
)
def test_where_nobody_is_recovery_begins_soon_and_says_why(
    net: Network, tmp_path: Path, endpoint: str, meanings: set[str]
) -> None:
    with client_of(net, tmp_path, endpoint) as client:
        began = client.enters(State.CONNECTING)["at"]
        failed = client.enters(State.RECOVERING)
    assert failed["at"] - began <= 2.5  # an attempt takes 1 s at most, and this process is a cold one
    assert failed["reason"].partition(" (")[0] in meanings


def test_a_client_with_a_new_address_is_back_in_time(net: Network, tmp_path: Path) -> None:
    with connected(net, tmp_path) as ((client, _),):
        net.move_client()
        began = time.monotonic()
        client.enters(State.RECOVERING)
        again = client.enters(State.CONNECTED)
    assert again["at"] - began <= FOUND_S + HEALED_S


def test_a_client_whose_interface_was_down_is_back_in_time(net: Network, tmp_path: Path) -> None:
    with connected(net, tmp_path) as ((client, _),):
        with net.client_offline():
            began = time.monotonic()
            found = client.enters(State.RECOVERING)
        healed = time.monotonic()
        again = client.enters(State.CONNECTED)
    assert found["at"] - began <= FOUND_S
    assert again["at"] - healed <= 2 * HEALED_S


@pytest.mark.parametrize("size", [2_000_000, pytest.param(8_990_000, marks=pytest.mark.soak)])
def test_large_messages_arrive_whole_over_slow_lines(tmp_path: Path, size: int) -> None:
    with (
        network() as one,
        network() as other,
        connected(one, tmp_path / "down") as ((down, _),),
        connected(other, tmp_path / "up") as ((up, _),),
        one.slow(megabits=2),
        other.slow(megabits=2),
    ):
        down.tell("eval", f"String new: {size} withAll: $x")
        up.tell("eval", f"'{size * 'x'}' size")
        assert down.hears("answer", within_s=SLOW_S)["answer"]["result"].strip("'") == size * "x"
        assert up.hears("answer", within_s=SLOW_S)["answer"]["result"] == f"{size}"
        assert State.RECOVERING not in down.states + up.states


def test_a_large_context_reaches_the_image_over_a_slow_line(net: Network, tmp_path: Path) -> None:
    work = 980_000 * "x"
    with connected(net, tmp_path) as ((client, server),), net.slow(megabits=2):
        client.tell("set", "notes", work)
        client.hears("saved")
        until_now(lambda: work in notes_of(server))
        assert State.RECOVERING not in client.states
