"""Jitter and loss are no reason to give a link up: minutes of both, and not one false alarm."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from stui_supervisor import State, Supervisor, Transition
from stui_supervisor.backend import BackendSettings
from tests.support.networks.networks import BACKEND, network
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.client_process import ClientProcess
from tests.support.programs.watching import LIMIT_S, queued

PROXY = Path(__file__).parents[1] / "support" / "networks" / "jitter_proxy.py"
MINUTES_10_S = 600.0
PHASE_S = 20.0  # so long there is traffic, then so long none
LOSS = 0.05
SEED = 20


@contextmanager
def unsteady(port: int) -> Iterator[str]:
    """The endpoint at which a backend on this port is behind a line that delays and loses."""
    words = [sys.executable, str(PROXY), str(port), str(SEED)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        yield f"tcp://127.0.0.1:{int(proxy.stdout.readline())}"
        proxy.kill()


def pauses(lasting_s: float) -> Iterator[float]:
    """The pauses between requests: short ones in one phase, one that is as long as a phase after it."""
    rng = Random(SEED)  # noqa: S311  # not a secret
    began, phase_s = time.monotonic(), min(PHASE_S, lasting_s / 2)
    while (passed_s := time.monotonic() - began) < lasting_s:
        is_idle = passed_s % (2 * phase_s) >= phase_s
        yield min(phase_s if is_idle else rng.uniform(0.0, 1.0), lasting_s - passed_s)


@pytest.mark.parametrize("lasting_s", [6.0, pytest.param(MINUTES_10_S, marks=pytest.mark.soak)])
async def test_a_line_that_delays_and_loses_raises_no_alarm(
    tmp_path: Path, lasting_s: float, record_property: Callable[[str, object], None]
) -> None:
    async with BackendProcess() as backend:
        with unsteady(backend.port) as endpoint:
            async with Supervisor(endpoint, home=tmp_path) as supervisor:
                await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
                stream = supervisor.events()
                for pause_s in pauses(lasting_s):
                    assert (await supervisor.request("evaluate", {"code": "3 + 4"}))["result"] == "7"
                    await asyncio.sleep(pause_s)
                moves = Counter(event.to_state for event in queued(stream) if isinstance(event, Transition))
    record_property("degraded", moves[State.DEGRADED])
    assert moves[State.RECOVERING] == 0


@pytest.mark.parametrize("lasting_s", [6.0, pytest.param(MINUTES_10_S, marks=pytest.mark.soak)])
async def test_a_network_that_loses_packets_raises_no_alarm(
    tmp_path: Path, lasting_s: float, record_property: Callable[[str, object], None]
) -> None:
    with (
        network() as net,
        BackendProcess(BackendSettings(bind=f"tcp://{BACKEND}:*"), net.at_backend) as server,
        ClientProcess(tmp_path, server.endpoint, net.at_client) as client,
        net.lossy(LOSS),
    ):
        client.enters(State.CONNECTED)
        for pause_s in pauses(lasting_s):
            client.tell("eval", "3 + 4")
            assert client.hears("answer")["answer"]["result"] == "7"
            await asyncio.sleep(pause_s)
        states = Counter(client.states)
    record_property("degraded", states[State.DEGRADED])
    assert states[State.RECOVERING] == 0
