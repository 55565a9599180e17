"""Each outcome against the backend's own log, while that is killed, frozen and cut off at random."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from stui_supervisor import NotSent, OutcomeUnknown, RequestFinished, State, Supervisor
from stui_supervisor.backend import BackendSettings
from stui_supervisor.machine.states import Outcome
from stui_supervisor.runtime.observers import EventStream
from tests.support.networks.tcp_proxy import TcpProxy
from tests.support.processes.backend_process import BackendProcess
from tests.support.processes.plain_client import PlainClient
from tests.support.programs.watching import LIMIT_S

TASKS = 8
PAUSE_S = 0.01  # between two requests of one task, at most
CANCELLED = "cancelled"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="only on systems that can stop a process")


@dataclass
class Asked:
    """One request: what it may do and how it ended, as its caller was told."""

    number: int
    code: str
    repeatable: bool
    ended: str = ""


@dataclass
class Story:
    """A supervised link through a proxy to a backend, and everything that was asked on it."""

    rng: Random
    backend: BackendProcess
    proxy: TcpProxy
    supervisor: Supervisor
    asked: list[Asked] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    is_over: bool = False

    async def ask(self, requests: int) -> None:
        """Several tasks ask, as many in all, each waiting for its own answer."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(TASKS):
                tasks.create_task(self._ask_until(requests))

    async def _ask_until(self, requests: int) -> None:
        while len(self.asked) < requests:
            rng, number = self.rng, len(self.asked)
            delay = rng.choice(["", "", "", "(Delay forMilliseconds: 20) wait. "])
            one = Asked(number, f"{delay}{number} * 2", repeatable=rng.random() < 0.5)
            self.asked.append(one)
            timeout_s = rng.choice([None, None, 0.03, 0.3, 3.0])
            work = asyncio.create_task(self._ask_once(one, timeout_s))
            if rng.random() < 0.1:
                await asyncio.sleep(rng.uniform(0.0, 0.05))
                work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            await asyncio.sleep(rng.uniform(0.0, PAUSE_S))

    async def _ask_once(self, one: Asked, timeout_s: float | None) -> None:
        one.ended = CANCELLED
        try:
            answer = await self.supervisor.request(
                "evaluate", {"code": one.code}, timeout=timeout_s, repeatable=one.repeatable
            )
        except NotSent:
            one.ended = Outcome.NOT_SENT
        except OutcomeUnknown:
            one.ended = Outcome.OUTCOME_UNKNOWN
        else:
            assert answer["result"] == str(2 * one.number), "a reply went to another request"
            one.ended = Outcome.REPLIED

    async def disturb(self) -> None:
        """One fault after the other, each to its end, until everything was answered."""
        while not self.is_over:
            await asyncio.sleep(self.rng.uniform(0.05, 0.6))
            fault = self.rng.choice([self._kill, self._freeze, self._cut_off, self._drop])
            self.faults[fault.__name__] += 1
            await fault()

    async def _kill(self) -> None:
        self.backend.kill()
        await asyncio.sleep(self.rng.uniform(0.0, 0.5))
        await asyncio.to_thread(self.backend.start)

    async def _freeze(self) -> None:
        self.backend.freeze()
        await asyncio.sleep(self._a_while())
        self.backend.thaw()

    async def _cut_off(self) -> None:
        self.proxy.hold()
        await asyncio.sleep(self._a_while())
        self.proxy.release()

    async def _drop(self) -> None:
        self.proxy.drop()

    def _a_while(self) -> float:
        """Mostly too short to be found dead or frozen."""
        return self.rng.choice([self.rng.uniform(0.0, 1.0)] * 3 + [self.rng.uniform(3.0, 5.0)])


async def story(requests: int, tmp_path: Path, *, with_sessions: bool) -> None:
    seed = int(os.environ.get("STUI_SEED", "0")) or Random().randrange(1, 1 << 32)  # noqa: S311  # not for secrets
    print(f"seed {seed}")  # noqa: T201  # pytest shows it when the test fails
    settings = BackendSettings(
        bind="tcp://127.0.0.1:*", executed_log=tmp_path / "executed", with_sessions=with_sessions
    )
    async with AsyncExitStack() as stack:
        backend = await stack.enter_async_context(BackendProcess(settings))
        proxy = await stack.enter_async_context(TcpProxy(backend.port))
        supervisor = await stack.enter_async_context(Supervisor(proxy.endpoint, home=tmp_path / "home"))
        one = Story(Random(seed), backend, proxy, supervisor)  # noqa: S311  # as above
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        ledger = asyncio.create_task(finished(supervisor.events()))
        chaos = asyncio.create_task(one.disturb())
        await one.ask(requests)
        one.is_over = True
        await chaos
        await supervisor.wait_for(State.CONNECTED, timeout=LIMIT_S)
        # What the last fault did to the link may show only now.
        assert (await supervisor.request("evaluate", {"code": "3 + 4"}, repeatable=True))["result"] == "7"
        assert supervisor.status().waiting_requests == 0
        assert supervisor._lifecycle.driver is not None
        assert supervisor._lifecycle.driver._callers.replies == {}
        await supervisor.stop()
        with PlainClient(backend.endpoint) as last:  # what older connections brought has run before it
            for _ in range(3):
                last.result("ping")
        report(one, Counter(backend.executed_codes()), await ledger)


async def finished(stream: EventStream) -> Counter[str]:
    """How many requests ended in which way, by the supervisor's own events."""
    return Counter([event.outcome async for event in stream if isinstance(event, RequestFinished)])


def report(one: Story, ran: Counter[str], ledger: Counter[str]) -> None:
    """Compare what the callers were told with what the backend ran."""
    told = Counter(each.ended for each in one.asked)
    print(f"faults {dict(one.faults)}, told {dict(told)}, ran {sum(ran.values())}")  # noqa: T201  # as above
    assert [each for each in one.asked if not each.repeatable and ran[each.code] > 1] == []
    assert [each for each in one.asked if each.ended == Outcome.NOT_SENT and ran[each.code]] == []
    assert [each for each in one.asked if each.ended == Outcome.REPLIED and not ran[each.code]] == []
    assert ledger.total() == len(one.asked) + 1
    assert ledger[Outcome.REPLIED] >= told[Outcome.REPLIED] + 1
    assert ledger.keys() <= {Outcome.REPLIED, Outcome.NOT_SENT, Outcome.OUTCOME_UNKNOWN}
    assert told[Outcome.REPLIED] > 0.5 * len(one.asked)


@pytest.mark.timeout(180)  # it takes forty seconds on an idle machine
async def test_every_outcome_agrees_with_what_the_backend_ran(tmp_path: Path) -> None:
    await story(1_500, tmp_path, with_sessions=False)


@pytest.mark.soak
@pytest.mark.parametrize("with_sessions", [False, True], ids=["old server", "one that promises"])
async def test_every_outcome_of_ten_thousand_agrees_with_what_the_backend_ran(
    tmp_path: Path, with_sessions: bool
) -> None:
    await story(10_000, tmp_path, with_sessions=with_sessions)
