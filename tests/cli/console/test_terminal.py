"""Where a command writes, and when it shows colour."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Mapping

import pytest

from stui_supervisor.cli.console.terminal import Colour, Terminal, error_object
from stui_supervisor.errors import BackendError, NotSent
from tests.support.files.stored_files import posix
from tests.support.processes.command import Command

CLEAR = "\r\x1b[2K"


def shown_on_a_terminal(command: Command, *words: str, environment: Mapping[str, str]) -> str:
    """What the command writes when stdout is a terminal."""
    ours, theirs = os.openpty()
    try:
        with command.running(*words, stdout=theirs, environment=environment) as process:
            process.wait(timeout=20)
            os.close(theirs)
            return os.read(ours, 65_536).decode()
    finally:
        os.close(ours)


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: Windows has no pseudo-terminal in Python")
@pytest.mark.parametrize(
    ("environment", "is_coloured"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
    ids=str,
)
def test_a_terminal_gets_colour_unless_it_or_its_user_wants_none(
    environment: dict[str, str], is_coloured: bool, command: Command
) -> None:
    shown = shown_on_a_terminal(command, "status", environment=environment)

    assert ("\x1b[" in shown) is is_coloured
    assert "disconnected" in shown


@pytest.mark.skipif(sys.platform == "win32", reason="only on POSIX: Windows has no pseudo-terminal in Python")
def test_json_on_a_terminal_has_no_colour(command: Command) -> None:
    shown = shown_on_a_terminal(command, "status", "--json", environment={"TERM": "xterm"})

    assert "\x1b" not in shown


def test_a_live_line_gives_way_to_the_next_line(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(as_json=False, is_live=True)

    terminal.live("waiting")
    terminal.live("waiting")
    terminal.line("done")
    terminal.line("more")

    assert capsys.readouterr().out == f"{CLEAR}waiting{CLEAR}done\nmore\n"


@posix
@pytest.mark.parametrize(
    ("columns", "shown"),
    [(11, "wait for i"), (12, "\x1b[32mwait\x1b[0m for it"), (0, "\x1b[32mwait\x1b[0m for it")],
    ids=["cut", "fits", "not told"],
)
def test_a_live_line_never_wraps(columns: int, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl  # noqa: PLC0415  not on Windows
    import termios  # noqa: PLC0415  not on Windows

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    terminal = Terminal(as_json=False, is_live=True)
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        terminal.live(f"{terminal.paint('wait', Colour.GREEN)} for it")
        written = os.read(ours, 100).decode()
    os.close(ours)

    assert written == CLEAR + shown


def test_a_note_beside_a_live_line_leaves_no_rest_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(as_json=False, is_live=True)

    terminal.live("waiting")
    terminal.note("by the way")

    assert capsys.readouterr() == (f"{CLEAR}waiting{CLEAR}", "by the way\n")


def test_elsewhere_nothing_is_live_and_nothing_is_coloured(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(as_json=False)

    terminal.live("waiting")

    assert capsys.readouterr().out == ""
    assert terminal.paint("done", Colour.GREEN) == "done"


def test_with_json_only_objects_reach_stdout_in_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(as_json=True)

    terminal.line("for people")
    terminal.answer({"name": "Größe"})

    assert capsys.readouterr() == ('{"name": "Gr\\u00f6\\u00dfe"}\n', "")


def test_an_error_says_what_happened_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(as_json=False).error(NotSent("the queue is full", hint="wait a moment"))

    assert capsys.readouterr() == ("", "stui-supervisor: the queue is full\n  wait a moment\n")


def test_an_error_object_names_the_type_of_the_backend_and_cannot_drive_a_terminal() -> None:
    assert error_object(BackendError("no\x1b[2J", error_type="Error")) == {
        "error": {"type": "BackendError", "message": "Error: no[2J", "hint": ""}
    }
