"""A client in a process of its own, to be killed and started again."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from stui_supervisor import State

_PROGRAM: Final = Path(__file__).with_name("client_program.py")
_LIMIT_S: Final = 15.0


class ClientProcess:
    """Runs from its making to the end of the ``with`` block, with its own supervisor on a home.

    ``before`` are the words of a command that runs it, for instance at another host. ``states`` are those
    that it has entered so far.
    """

    def __init__(self, home: Path, endpoint: str | None = None, before: Sequence[str] = ()) -> None:
        self.states: list[State] = []
        self._moves: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [*before, sys.executable, str(_PROGRAM), str(home), *([endpoint] if endpoint else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def tell(self, *words: Any) -> None:
        """Have it do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

    def hears(self, key: str, value: Any = None, *, within_s: float = _LIMIT_S) -> dict[str, Any]:
        """The next line that has the key, and the value if one is given; no line may take longer.

        Transitions and answers are apart: which of two comes first is not told.
        """
        said = self._moves if key == "state" else self._answers
        while True:
            line = said.get(timeout=within_s)
            assert line, f"the client ended before it said {key} {value or ''}"
            assert key == "failed" or "failed" not in line, line
            if key in line and value in (None, line[key]):
                return line

    def enters(self, state: State) -> dict[str, Any]:
        """The line of its next transition into this state."""
        return self.hears("state", state.value)

    def kill(self) -> None:
        """End it as ``kill -9`` does. Twice is once."""
        self._process.kill()
        self._close()

    def stop(self) -> int:
        """Let it end by itself; its exit code."""
        self.tell("stop")
        self._process.wait(_LIMIT_S)
        self._close()
        return int(self._process.returncode)

    def _close(self) -> None:
        self._process.wait(_LIMIT_S)
        self._reader.join(_LIMIT_S)
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                end.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            if "state" in said:
                self.states.append(State(said["state"]))
                self._moves.put(said)
            else:
                self._answers.put(said)
        self._moves.put({})
        self._answers.put({})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
