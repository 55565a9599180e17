"""Every file system call of the standard library in this process, one by one: to refuse it, to note it, to die at it.

The code under test is left as it is. What is replaced are the functions of ``os`` and ``fcntl`` that it calls,
and it is told what the system would tell it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, Final
from unittest import mock

CALLS: Final[dict[ModuleType, tuple[str, ...]]] = {
    os: (
        *("open", "close", "read", "write", "fsync", "lseek", "replace", "unlink", "rmdir"),
        *("mkdir", "chmod", "listdir", "scandir", "stat", "lstat", "fstat"),
    ),
}
if sys.platform != "win32":
    import fcntl

    CALLS[os] += ("fchmod",)
    CALLS[fcntl] = ("flock",)

Call = Callable[[], Any]
Around = Callable[[str, tuple[Any, ...], Call], Any]


@contextmanager
def intercepted(around: Around) -> Iterator[None]:
    """Inside, ``around(name, arguments, call)`` stands for each call; it makes the real one with ``call()``."""
    with ExitStack() as stack:
        for module, names in CALLS.items():
            for name in names:
                stack.enter_context(mock.patch.object(module, name, _wrapped(name, getattr(module, name), around)))
        yield


def _wrapped(name: str, real: Callable[..., Any], around: Around) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        return around(name, arguments, lambda: real(*arguments, **keywords))

    return call


def is_giving_back(name: str, arguments: tuple[Any, ...]) -> bool:
    """True for the end of a lock."""
    return name == "flock" and arguments[1] == fcntl.LOCK_UN


class Refusing:
    """Refuses the nth call with an error, and with ``for_good`` each one after it; ``seen`` is what came by.

    ``when_done``: the call has its effect before it is refused, as on a network that loses the answer.
    A close lets go of its descriptor even when it is refused, and giving a lock back is never refused.
    """

    def __init__(self, nth: int = 0, number: int = 0, for_good: bool = False, when_done: bool = False) -> None:  # noqa: FBT002  # a Fault is passed as it is
        self.nth = nth
        self.seen: list[str] = []
        self._number = number
        self._for_good = for_good
        self._when_done = when_done

    def __call__(self, name: str, arguments: tuple[Any, ...], call: Call) -> Any:
        if is_giving_back(name, arguments):
            return call()
        self.seen.append(name)
        place = len(self.seen)
        if not self.nth or place < self.nth or (place > self.nth and not self._for_good):
            return call()
        if self._when_done or name == "close":
            call()
        raise OSError(self._number, os.strerror(self._number))
