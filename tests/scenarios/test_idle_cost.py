"""What links cost that nobody uses: processor, memory, and bytes on the wire; at default settings, without coverage."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stui_supervisor.backend import BackendSettings
from tests.support.networks.networks import BACKEND, network
from tests.support.processes.backend_process import BackendProcess

PROGRAM = Path(__file__).parents[1] / "support" / "programs" / "idle_program.py"

FURTHER_MAX_BYTES = 200_000  # of memory for each link beyond the first
MEASURES_MAX = 3


class Cost(NamedTuple):
    """Of all the links of a process."""

    cpu_percent: float
    wire_bytes_per_s: float
    memory_bytes: int


@contextmanager
def idle(home: Path, links: int, seconds: float) -> Iterator[Callable[[], Cost]]:
    """A process that keeps so many links in a network of its own; its cost is known when the time is over."""
    with (
        network() as net,
        BackendProcess(BackendSettings(bind=f"tcp://{BACKEND}:*"), net.at_backend) as server,
        program(net.at_client, home, "connected", seconds, [server.endpoint] * links) as told,
    ):
        yield told


@contextmanager
def program(
    where: Sequence[str], home: Path, state: str, seconds: float, endpoints: list[str]
) -> Iterator[Callable[[], Cost]]:
    """A process with a link to each endpoint, all in that state."""
    with subprocess.Popen(
        [*where, sys.executable, str(PROGRAM), str(home), state, f"{seconds}", *endpoints],
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
    ) as running:
        yield lambda: cost(json.loads(line) for line in running.stdout or ())


def cost(told: Iterable[dict[str, Any]]) -> Cost:
    """Each quarter does the same; what else goes on in the machine can only add to what one takes of the processor."""
    begin, *_, end = moments = list(told)
    return Cost(
        cpu_percent=100 * min(_per_s("cpu_s", before, after) for before, after in pairwise(moments)),
        wire_bytes_per_s=_per_s("wire_bytes", begin, end),
        memory_bytes=end["memory_bytes"],
    )


def _per_s(what: str, begin: dict[str, Any], end: dict[str, Any]) -> float:
    return float((end[what] - begin[what]) / (end["at_s"] - begin["at_s"]))


def both(tmp_path: Path, links: int, seconds: float) -> tuple[Cost, Cost]:
    """What one link costs, and what so many do, side by side."""
    with idle(tmp_path / "one", 1, seconds) as alone, idle(tmp_path / "many", links, seconds) as together:
        return alone(), together()


@pytest.mark.parametrize(("links", "seconds"), [(20, 40.0), pytest.param(100, 80.0, marks=pytest.mark.soak)])
def test_idle_links_cost_next_to_nothing(
    tmp_path: Path, links: int, seconds: float, record_property: Callable[[str, object], None]
) -> None:
    one, many = both(tmp_path, links, seconds)
    further_bytes = [many.memory_bytes - one.memory_bytes]
    while min(further_bytes) > (links - 1) * FURTHER_MAX_BYTES and len(further_bytes) < MEASURES_MAX:
        again = both(tmp_path, links, 2.0)  # where the allocator's pages fall makes some 20 KB a link
        further_bytes.append(again[1].memory_bytes - again[0].memory_bytes)
    record_property("one link", str(one))
    record_property(f"{links} links", str(many))
    assert one.cpu_percent <= 0.1
    assert many.cpu_percent <= links * min(one.cpu_percent, 0.1)
    assert many.wire_bytes_per_s <= links * 300
    assert min(further_bytes) <= (links - 1) * FURTHER_MAX_BYTES


@pytest.mark.parametrize(("links", "seconds"), [(30, 20.0), pytest.param(300, 60.0, marks=pytest.mark.soak)])
def test_links_that_wait_for_a_backend_of_this_machine_cost_little_and_those_for_the_same_one_hardly_more(
    tmp_path: Path, links: int, seconds: float, record_property: Callable[[str, object], None]
) -> None:
    with ExitStack() as stack:
        bound = [stack.enter_context(socket.socket()) for _ in range(links)]
        for each in bound:
            each.bind(("127.0.0.1", 0))
        endpoints = [f"tcp://127.0.0.1:{each.getsockname()[1]}" for each in bound]
        places = {"one": endpoints[:1], "same": endpoints[:1] * links, "others": endpoints}
        told = {
            name: stack.enter_context(program((), tmp_path / name, "recovering", seconds, where))
            for name, where in places.items()
        }
        spent = {name: tell().cpu_percent for name, tell in told.items()}
        if spent["one"] > 0.5:  # the others beside it cost it some of its time: once more, alone
            with program((), tmp_path / "alone", "recovering", seconds, endpoints[:1]) as alone:
                spent["one"] = min(spent["one"], alone().cpu_percent)
        for name, percent in spent.items():
            record_property(f"{name}, of {links} (% of a core)", percent)
    assert spent["one"] <= 0.5
    assert spent["same"] <= 10.0
    assert spent["others"] <= links * min(spent["one"], 0.5)
