from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest

from stui_supervisor.adapters.zmq.resolver import Address, Resolver
from stui_supervisor.config import NAME_ASKED_AGAIN_S, NAME_KEPT_S
from stui_supervisor.endpoint import Endpoint
from tests.support.networks.names import SlowName, names
from tests.support.programs.watching import LIMIT_S, own_threads, until

HERE: list[Address] = [(socket.AF_INET, "127.0.0.1")]
NO_MACHINE_HAS_SO_MUCH = 2**46  # bytes of stack for one thread


def at(host: str) -> Endpoint:
    return Endpoint("tcp", host=host, port=5555)


class Later:
    """A clock of the running loop that can be put forward."""

    def __init__(self) -> None:
        self._real = asyncio.get_running_loop().time
        self._ahead_s = 0.0

    def __call__(self) -> float:
        return self._real() + self._ahead_s

    def by(self, seconds: float) -> None:
        self._ahead_s += seconds


@contextmanager
def later() -> Iterator[Later]:
    clock = Later()
    with mock.patch.object(asyncio.get_running_loop(), "time", clock):
        yield clock


async def given_up(found: Resolver, host: str = "slow") -> None:
    """An attempt that ends before the answer comes."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(found.addresses(at(host)), 0.01)


async def answered(slow: SlowName) -> None:
    """Have it answer what it was asked, when nobody waits."""
    slow.answers.set()
    await until(lambda: own_threads() == [])
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("host", "family"),
    [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6), ("fe80::1", socket.AF_INET6)],
)
async def test_an_address_is_taken_as_it_is_without_a_thread(host: str, family: socket.AddressFamily) -> None:
    before = threading.active_count()
    assert await Resolver().addresses(at(host)) == [(family, host)]
    assert threading.active_count() == before


async def test_localhost_is_on_this_machine_and_each_address_comes_once() -> None:
    found = await Resolver().addresses(at("localhost"))
    assert {address for _, address in found} <= {"127.0.0.1", "::1"}
    assert len(found) == len(set(found)) > 0


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 64, "a..b"])
async def test_a_name_that_means_nothing_says_so(host: str) -> None:
    with pytest.raises(socket.gaierror):
        await Resolver().addresses(at(host))


async def test_a_look_up_may_be_cancelled() -> None:
    task = asyncio.create_task(Resolver().addresses(at("localhost")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_name_is_asked_for_anew_each_time_where_the_answer_comes_in_time() -> None:
    quick, found = SlowName(), Resolver()
    quick.answers.set()
    with names(quick=quick):
        for times in (1, 2, 3):
            assert await found.addresses(at("quick")) == HERE
            assert quick.times_asked == times


async def test_all_who_want_an_answer_wait_for_the_one_question_that_is_out() -> None:
    slow, found = SlowName(), Resolver()
    with names(slow=slow):
        await given_up(found)
        waiting = [asyncio.create_task(found.addresses(at("slow"))) for _ in range(3)]
        await given_up(found)
        slow.answers.set()
        assert await asyncio.gather(*waiting) == [HERE] * 3
    assert slow.times_asked == 1


async def test_a_slow_name_delays_no_other() -> None:
    slow, found = SlowName(), Resolver()
    with names(slow=slow):
        await given_up(found)
        assert await found.addresses(at("localhost"))
        await answered(slow)


@pytest.mark.parametrize("somebody_waits", [True, False])
async def test_an_answer_that_was_late_for_somebody_serves_the_next_for_a_while(somebody_waits: bool) -> None:
    slow, found = SlowName(), Resolver()
    with names(slow=slow), later() as clock:
        await given_up(found)
        waiting = [asyncio.create_task(found.addresses(at("slow")))] if somebody_waits else []
        await asyncio.sleep(0)
        await answered(slow)
        assert await asyncio.gather(*waiting) == [HERE] * len(waiting)
        for _ in range(2):
            assert await found.addresses(at("slow")) == HERE
        assert slow.times_asked == 1
        clock.by(NAME_KEPT_S)
        assert await found.addresses(at("slow")) == HERE
        assert slow.times_asked == 2


async def test_a_refusal_that_was_late_is_told_once() -> None:
    slow, found = SlowName(socket.gaierror(socket.EAI_AGAIN, "later")), Resolver()
    with names(slow=slow):
        await given_up(found)
        await answered(slow)
        for times in (1, 2):
            with pytest.raises(socket.gaierror, match="later"):
                await found.addresses(at("slow"))
            assert slow.times_asked == times


async def test_a_question_that_stays_out_is_asked_again_ever_more_slowly() -> None:
    slow, found = SlowName(), Resolver()
    asked: list[float] = []
    with names(slow=slow), later() as clock:
        for second in range(int(NAME_ASKED_AGAIN_S * 8)):
            before = len(own_threads())
            await given_up(found)
            if len(own_threads()) > before:
                asked.append(second)
            clock.by(1.0)
        await answered(slow)
    assert asked == [NAME_ASKED_AGAIN_S * steps for steps in (0, 1, 3, 7)]


async def test_the_answer_to_any_of_the_questions_serves() -> None:
    hangs, found = SlowName(), Resolver()
    with names(slow=hangs), later() as clock:
        await given_up(found)
        clock.by(NAME_ASKED_AGAIN_S)
        answers = SlowName()
        answers.answers.set()
        with names(slow=answers):
            assert await found.addresses(at("slow")) == HERE
        await answered(hangs)
    assert (hangs.times_asked, answers.times_asked) == (1, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX can one ask for more stack than there is")
async def test_where_no_thread_is_to_be_had_it_says_so_and_asks_the_next_time() -> None:
    found = Resolver()
    threading.stack_size(NO_MACHINE_HAS_SO_MUCH)
    try:
        with pytest.raises(socket.gaierror, match="no thread to be had"):
            await found.addresses(at("localhost"))
    finally:
        threading.stack_size(0)
    assert await found.addresses(at("localhost"))


def test_an_answer_after_the_end_of_the_loop_is_dropped() -> None:
    slow = SlowName()

    async def leave() -> None:
        await given_up(Resolver())

    with names(slow=slow):
        asyncio.run(leave())
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "stui-resolve"]
        slow.answers.set()
        thread.join(LIMIT_S)
    assert not thread.is_alive()
