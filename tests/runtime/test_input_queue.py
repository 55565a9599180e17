from __future__ import annotations

import os
import sys

import pytest

from stui_supervisor.core import inputs
from stui_supervisor.core.inputs import Input
from stui_supervisor.runtime.input_queue import InputQueue

FIRST, SECOND, THIRD = inputs.Cancel(1), inputs.Cancel(2), inputs.Cancel(3)


class Recorder:
    """A queue, and what it does; an input in ``then`` is fed while the one it belongs to is handled."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.then: dict[Input, Input] = {}
        self.queue = InputQueue(self.handle, lambda: self.done.append("handled"))

    def handle(self, event: Input) -> None:
        if event in self.then:
            self.queue.feed(self.then[event])
        self.done.append(event)


def test_what_comes_while_an_input_is_handled_waits_for_its_turn() -> None:
    one = Recorder()
    one.then = {FIRST: SECOND, SECOND: THIRD}
    one.queue.feed(FIRST)
    assert one.done == [FIRST, SECOND, THIRD, "handled"]


def test_after_a_mistake_the_next_input_is_handled_all_the_same() -> None:
    done = list[Input]()

    def handle(event: Input) -> None:
        if event == FIRST:
            raise ZeroDivisionError
        done.append(event)

    queue = InputQueue(handle, lambda: None)
    with pytest.raises(ZeroDivisionError):
        queue.feed(FIRST)
    queue.feed(SECOND)
    assert done == [SECOND]


def test_after_the_end_nothing_is_handled() -> None:
    one = Recorder()
    one.queue.close()
    one.queue.feed(FIRST)
    assert one.done == []


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX does a process fork")
def test_a_forked_child_handles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Recorder()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    one.queue.feed(FIRST)
    assert one.done == []
