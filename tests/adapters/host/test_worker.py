from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from stui_supervisor.adapters.host.worker import Worker, in_thread

LIMIT_S = 10.0
NO_MACHINE_HAS_SO_MUCH = 2**46  # bytes of stack for one thread


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("stui-test")]


def test_jobs_run_in_the_order_they_were_posted_in_one_thread() -> None:
    worker, ran = Worker("stui-test"), list[tuple[int, str]]()
    for number in range(100):
        worker.post(lambda number=number: ran.append((number, threading.current_thread().name)))  # type: ignore[misc]  # binds the value of now
    worker.close(LIMIT_S)
    assert ran == [(number, "stui-test") for number in range(100)]
    assert names() == []


def test_a_worker_without_a_job_has_no_thread() -> None:
    worker = Worker("stui-test")
    assert names() == []
    worker.close()


def test_posting_after_the_close_starts_anew() -> None:
    worker, ran = Worker("stui-test"), list[int]()
    for number in range(3):
        worker.post(lambda number=number: ran.append(number))  # type: ignore[misc]  # binds the value of now
        worker.close(LIMIT_S)
    assert ran == [0, 1, 2]


def test_a_thread_that_has_had_nothing_to_do_ends_and_the_next_job_has_another() -> None:
    worker, ran = Worker("stui-test", rest_s=0.01), list[int]()
    for number in range(3):
        worker.post(lambda number=number: ran.append(number))  # type: ignore[misc]  # binds the value of now
        thread = worker._thread
        if thread is not None:  # else it has ended already
            thread.join(LIMIT_S)
        assert names() == []
    assert ran == [0, 1, 2]


def test_no_job_is_lost_to_a_thread_that_ends() -> None:
    worker, done = Worker("stui-test", rest_s=0.0), threading.Semaphore(0)
    for _ in range(2_000):
        worker.post(done.release)
        assert done.acquire(timeout=LIMIT_S)
    worker.close(LIMIT_S)
    assert names() == []


def test_a_thread_that_is_asked_at_rest_waits_while_it_is_told_to() -> None:
    answers = iter([True, True, False])
    asked = list[str]()

    def at_rest() -> bool:
        asked.append(threading.current_thread().name)
        return next(answers)

    worker = Worker("stui-test", 0.01, at_rest)
    worker.post(lambda: None)
    thread = worker._thread
    assert thread is not None
    thread.join(LIMIT_S)
    assert asked == ["stui-test"] * 3


def test_closing_waits_no_longer_than_it_was_told() -> None:
    worker, release = Worker("stui-test"), threading.Event()
    worker.post(lambda: assert_true(release.wait(LIMIT_S)))
    began = time.monotonic()
    worker.close(0.02)
    assert time.monotonic() - began < LIMIT_S / 2
    release.set()


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX can one ask for more stack than there is")
def test_a_thread_that_cannot_be_had_is_asked_for_again_by_the_next_job() -> None:
    worker, ran = Worker("stui-test"), list[str]()
    threading.stack_size(NO_MACHINE_HAS_SO_MUCH)
    try:
        with pytest.raises(RuntimeError):
            worker.post(lambda: ran.append("first"))
    finally:
        threading.stack_size(0)
    worker.post(lambda: ran.append("second"))
    worker.close(LIMIT_S)
    assert ran[-1] == "second"


def assert_true(value: object) -> None:
    assert value


async def test_a_call_in_a_thread_gives_its_result() -> None:
    assert await in_thread("stui-test", lambda: threading.current_thread().name) == "stui-test"


async def test_a_call_in_a_thread_raises_what_it_raises() -> None:
    def fail() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        await in_thread("stui-test", fail)


async def test_calls_that_hang_delay_no_other() -> None:
    release = threading.Event()
    hanging = [asyncio.create_task(in_thread("stui-test", lambda: release.wait(LIMIT_S))) for _ in range(40)]
    await asyncio.sleep(0)
    assert await in_thread("stui-test", lambda: "at once") == "at once"
    release.set()
    assert await asyncio.gather(*hanging) == [True] * 40


async def test_a_cancelled_call_is_left_to_itself() -> None:
    release, ended = threading.Event(), threading.Event()

    def hang() -> None:
        release.wait(LIMIT_S)
        ended.set()

    task = asyncio.create_task(in_thread("stui-test", hang))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    assert ended.wait(LIMIT_S)


@pytest.mark.parametrize(
    "hanging",
    [
        "Worker('stui-test').post(threading.Event().wait)",
        "asyncio.create_task(in_thread('stui-test', threading.Event().wait)); await asyncio.sleep(0)",
    ],
)
def test_what_hangs_does_not_hold_up_the_end_of_the_program(hanging: str) -> None:
    code = (
        "import asyncio, threading\n"
        "from stui_supervisor.adapters.host.worker import Worker, in_thread\n"
        "async def main():\n"
        f"    {hanging}\n"
        "asyncio.run(main())\n"
        "print('ended')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LIMIT_S)
    assert done.stdout.strip() == "ended"


def test_an_answer_that_comes_after_the_loop_has_ended_is_dropped() -> None:
    release, ended = threading.Event(), threading.Event()

    def hang() -> None:
        release.wait(LIMIT_S)

    async def leave() -> None:
        task = asyncio.create_task(in_thread("stui-test", hang))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "stui-test"]
    release.set()
    thread.join(LIMIT_S)
    assert not thread.is_alive()
    assert not ended.is_set()
