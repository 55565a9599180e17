"""Where a command writes: its answer to stdout, everything else to stderr.

With ``--json`` stdout holds JSON and nothing else, in ASCII, so no console encoding can spoil it.
Colour and lines that change in place are for terminals; a pipe, ``NO_COLOR`` and ``TERM=dumb`` get
plain lines.
"""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

from stui_supervisor.errors import BackendError, SupervisorError
from stui_supervisor.machine.states import State
from stui_supervisor.printable import printable

if TYPE_CHECKING:
    from stui_supervisor.cli.console.background_output import BackgroundOutput


class Colour(StrEnum):
    """The ANSI colours in use; the terminal's own theme decides their shade."""

    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    BLUE = "34"
    MAGENTA = "35"
    CYAN = "36"
    BOLD = "1"
    DIM = "2"


STATE_COLOURS: Final[Mapping[State, Colour]] = {
    State.DISCONNECTED: Colour.DIM,
    State.RESTORING: Colour.BLUE,
    State.CONNECTING: Colour.CYAN,
    State.CONNECTED: Colour.GREEN,
    State.DEGRADED: Colour.YELLOW,
    State.RECOVERING: Colour.MAGENTA,
}
STATE_WIDTH: Final = max(map(len, State))  # so that what follows a state stands in a column

_NOT_ASCII: Final = re.compile(r"[^ -~]")
_CLEAR_LINE: Final = "\r\x1b[2K"
_PAINT: Final = re.compile(r"\x1b\[[0-9]*m")


class GlobalOptions(Protocol):
    """The options of every command, given before or after its name."""

    home: str | None
    profile: str
    json: bool


class Terminal:
    """The two streams of one command.

    ``is_live`` is True when stdout is a terminal that understands ANSI sequences.
    """

    def __init__(self, *, as_json: bool, is_live: bool = False) -> None:
        self.as_json = as_json
        self.is_live = is_live
        self._live_text = ""
        self._output: BackgroundOutput | None = None

    @classmethod
    def of(cls, options: GlobalOptions) -> Terminal:
        """The terminal for these options and the streams and environment of this process."""
        return cls(as_json=options.json, is_live=not options.json and _takes_ansi(sys.stdout))

    @contextmanager
    def in_background(self, broken: Callable[[], None]) -> Iterator[None]:
        """Inside, no writing delays the running event loop, even when nobody reads.

        ``broken`` is called in the loop when a stream cannot be written any more. Raises the OSError
        that says why at the end, which waits up to ``OUTPUT_CLOSE_S`` for readers.
        """
        from stui_supervisor.cli.console.background_output import BackgroundOutput  # noqa: PLC0415  for long commands only

        self._output = BackgroundOutput(lost=self._lost, broken=broken)
        try:
            yield
        finally:
            output, self._output = self._output, None
            output.close()

    def paint(self, text: str, colour: Colour) -> str:
        """``text`` in a colour where colour is shown."""
        return f"\x1b[{colour}m{text}\x1b[0m" if self.is_live else text

    def answer(self, value: Mapping[str, Any]) -> None:
        """Write one JSON object, on one line."""
        self._write(sys.stdout, json.dumps(value))

    def line(self, text: str) -> None:
        """Write one line of the answer for a person; nothing with ``--json``."""
        if not self.as_json:
            self._write(sys.stdout, text)

    def row(self, name: str, width: int, text: str, colour: Colour = Colour.DIM) -> None:
        """Write one line of a list of names and values, the names in a column of ``width`` characters."""
        self.line(f"{self.paint(name.ljust(width), colour)}  {text}")

    def document(self, content: bytes) -> None:
        """Write finished JSON, with and without ``--json``, in ASCII on one line."""
        text = content.decode().strip().replace("\n", "")  # no string of JSON holds a line end
        self._write(sys.stdout, _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text))

    def note(self, text: str) -> None:
        """Write one line beside the answer."""
        self._write(sys.stderr, text)

    def live(self, text: str) -> None:
        """Show ``text``, as far as it fits, below the last line until something else is written; on a terminal only."""
        is_behind = self._output is not None and self._output.is_behind
        text = _fitting(text, sys.stdout)
        if self.is_live and text != self._live_text and not is_behind:
            self._put(sys.stdout, _CLEAR_LINE + text)
            self._live_text = text

    def end_live(self) -> None:
        """Take the live line away."""
        if self._live_text:
            self._put(sys.stdout, _CLEAR_LINE)
            self._live_text = ""

    def error(self, error: SupervisorError) -> None:
        """Write what went wrong and what to do now: as JSON to stdout, else to stderr."""
        if self.as_json:
            self.answer(error_object(error))
            return
        message, hint = message_of(error), printable(error.hint)
        self.note(f"stui-supervisor: {message}" + (f"\n  {hint}" if hint else ""))

    def _write(self, stream: TextIO, text: str) -> None:
        self.end_live()
        self._put(stream, text + "\n")

    def _put(self, stream: TextIO, text: str) -> None:
        if self._output is not None:
            self._output.write(stream, text)
            return
        stream.write(text)
        stream.flush()

    def _lost(self, count: int) -> str:
        if self.as_json:
            return json.dumps({"event": "events_dropped", "at": datetime.now(UTC).isoformat(), "count": count}) + "\n"
        return f"{count} lines were dropped, because this output is read too slowly\n"


def message_of(error: SupervisorError) -> str:
    """The message without the hint, safe to show."""
    return printable(str(error) if isinstance(error, BackendError) else error.message)


def shown(value: object) -> str:
    """A value for a person to read, safe to show: ``true`` and ``false``, one decimal, lists without brackets."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.1f}"
        case tuple():
            return printable(", ".join(map(str, value)))
        case dict():
            return printable(", ".join(f"{key}={one}" for key, one in value.items()))
        case _:
            return printable(str(value))


def error_object(error: SupervisorError) -> dict[str, Any]:
    """What ``--json`` prints for an error."""
    return {"error": {"type": type(error).__name__, "message": message_of(error), "hint": printable(error.hint)}}


def make_streams_safe() -> None:
    """Replace a closed stream, and escape characters that the encoding of the console lacks."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  open to the end
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  open to the end
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def read_stdin(max_bytes: int) -> bytes:
    """Up to ``max_bytes`` of stdin. Raises OSError, also when stdin was closed by the program that started us."""
    if sys.stdin is None:
        raise OSError(errno.EBADF, "stdin is closed")
    return sys.stdin.buffer.read(max_bytes)


def silence_stdout() -> None:
    """Send stdout nowhere once its pipe is closed, so that the last flush of the interpreter reports nothing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _fitting(text: str, stream: TextIO) -> str:
    """``text``, cut to one line, since one that wraps cannot be cleared. A cut text loses its colours."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return text
    plain = _PAINT.sub("", text)
    return plain[: columns - 1] if 0 < columns <= len(plain) else text


def _takes_ansi(stream: TextIO) -> bool:
    if not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.platform != "win32" or _windows_console_takes_ansi()


def _windows_console_takes_ansi() -> bool:
    """Switch ANSI sequences on in the console of Windows; False for an older one, which refuses."""
    if sys.platform != "win32":
        return True
    import ctypes  # noqa: PLC0415  only Windows needs it

    stdout_handle, processed_and_virtual = -11, 0x0001 | 0x0004
    kernel = ctypes.windll.kernel32
    return bool(kernel.SetConsoleMode(kernel.GetStdHandle(stdout_handle), processed_and_virtual))
