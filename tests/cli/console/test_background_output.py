"""Output that is read late, or never, or not any more."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final, TextIO

import pytest

from stui_supervisor.cli.console.background_output import BackgroundOutput
from stui_supervisor.config import OUTPUT_CLOSE_S, OUTPUT_QUEUE_LENGTH

LINE: Final = "x" * 4_000 + "\n"  # so long that a pipe soon takes no more
LIMIT_S: Final = 10


@pytest.fixture
def pipe() -> Iterator[tuple[TextIO, TextIO]]:
    read_end, write_end = os.pipe()
    with open(read_end, encoding="utf-8") as ours, open(write_end, "w", encoding="utf-8") as theirs:  # noqa: PTH123  no paths
        yield ours, theirs


def told(count: int) -> str:
    return f"{count} lost\n"


def not_broken() -> None:
    raise AssertionError("nothing is broken")


async def test_what_is_written_arrives_in_order(pipe: tuple[TextIO, TextIO]) -> None:
    ours, theirs = pipe
    output = BackgroundOutput(lost=told, broken=not_broken)

    for number in range(100):
        output.write(theirs, f"{number}\n")
    output.close()

    assert not output.is_behind
    assert [ours.readline() for _ in range(100)] == [f"{number}\n" for number in range(100)]


async def test_a_reader_who_comes_late_is_told_how_many_lines_are_missing(pipe: tuple[TextIO, TextIO]) -> None:
    ours, theirs = pipe
    output = BackgroundOutput(lost=told, broken=not_broken)

    written = 0
    while written < OUTPUT_QUEUE_LENGTH + 500:  # the pipe takes some, so this is surely more than fits
        output.write(theirs, LINE)
        written += 1
    assert output.is_behind
    read: list[str] = []
    while not read or read[-1] == LINE:
        read.append(await asyncio.to_thread(ours.readline))
    output.write(theirs, "again\n")
    output.close()

    assert read[-1] == told(written - len(read) + 1)
    assert len(read) > OUTPUT_QUEUE_LENGTH
    assert ours.readline() == "again\n"


async def test_a_reader_who_never_comes_holds_up_the_end_for_a_moment_only(
    pipe: tuple[TextIO, TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pipe
    monkeypatch.setattr(sys, "stdout", theirs)
    output = BackgroundOutput(lost=told, broken=lambda: None)
    for _ in range(100):
        output.write(theirs, LINE)
    began = time.monotonic()

    output.close()

    assert OUTPUT_CLOSE_S <= time.monotonic() - began < OUTPUT_CLOSE_S + 1
    assert sys.stdout is not theirs
    sys.stdout.close()
    ours.read(100 * len(LINE))  # lets the thread end


async def test_a_reader_who_leaves_is_noticed_at_once(pipe: tuple[TextIO, TextIO]) -> None:
    ours, theirs = pipe
    broken = asyncio.Event()
    output = BackgroundOutput(lost=told, broken=broken.set)
    ours.close()

    output.write(theirs, "anybody?\n")
    await asyncio.wait_for(broken.wait(), LIMIT_S)

    with pytest.raises(OSError, match=r"pipe|argument"):
        output.close()
    with pytest.raises(OSError, match=r"pipe|argument"):  # what could not be written is still in its buffer
        theirs.close()


async def test_its_thread_ends_with_it(pipe: tuple[TextIO, TextIO]) -> None:
    _, theirs = pipe
    output = BackgroundOutput(lost=told, broken=not_broken)
    output.write(theirs, "one\n")
    output.close()

    assert "stui-output" not in [thread.name for thread in threading.enumerate()]
