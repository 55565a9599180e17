"""A program that saves without end, begun again and again: each life is a fork, which costs no start of Python.

``killed_program.py ROOT`` reads one line for each life: ``call N`` dies at its Nth file system call, ``after US``
is killed after so many microseconds. It says ``owned ID``, then ``context NUMBER`` and ``record NUMBER`` for each
save that has returned, and ``dead`` at the end of each life.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any, NoReturn

import filelock  # noqa: F401  # once, and not in each life

from stui_supervisor.adapters.sessions.store import FileSessionStore
from stui_supervisor.context.context import Section
from stui_supervisor.session.records import SessionRecord
from tests.support.files.intercepted import Call, intercepted

SECTION_COUNT = 8


def sections(number: int) -> dict[str, Section]:
    """The context of one save: parts of two saves would be seen."""
    value = b'"%d %s"' % (number, b"x" * 1_000)
    return {f"s{index}": Section(value, number, "me") for index in range(SECTION_COUNT)}


def endpoint(number: int) -> str:
    return f"tcp://127.0.0.1:{number % 60_000 + 1}"


class DyingAt:
    """Ends the process as ``kill -9`` does, before its nth call."""

    def __init__(self, nth: int) -> None:
        self._left = nth

    def __call__(self, _name: str, _arguments: tuple[Any, ...], call: Call) -> Any:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call()


def live(root: str) -> NoReturn:
    files = FileSessionStore(root)
    claimed = files.claim("default")
    number = max([section.counter for section in claimed.sections.values()], default=0)
    say("owned", claimed.session_id)
    while True:
        number += 1
        files.save_context(claimed.session_id, sections(number))
        say("context", number)
        files.save_record(claimed.session_id, SessionRecord(profile="default", endpoint=endpoint(number)))
        say("record", number)


_write = os.write  # what is said is no call of the store


def say(*words: object) -> None:
    _write(1, (" ".join(map(str, words)) + "\n").encode())


def main(root: str) -> None:
    for line in sys.stdin:
        how, count = line.split()
        child = os.fork()
        if child == 0:
            if how == "call":
                with intercepted(DyingAt(int(count))):
                    live(root)
            live(root)
        if how == "after":
            threading.Event().wait(int(count) / 1e6)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        say("dead" if os.WIFSIGNALED(status) else "ended by itself")


if __name__ == "__main__":
    main(sys.argv[1])
