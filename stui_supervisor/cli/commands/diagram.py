"""``diagram``: the states and everything that leads from one to another."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stui_supervisor.cli.console.declaration import Commands
from stui_supervisor.cli.console.exit_codes import ExitCode
from stui_supervisor.cli.console.terminal import Terminal
from stui_supervisor.errors import ConfigurationError
from stui_supervisor.printable import printable


def add_to(commands: Commands) -> None:
    """Add ``diagram``."""
    parser = commands.add(
        "diagram",
        "draw the states of the link",
        "Print the states and their transitions as the program itself follows them.",
        _run,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--format", choices=("mermaid", "dot", "svg"), default="mermaid", help="the notation (default: mermaid)"
    )
    what.add_argument("--check", metavar="DIR", type=Path, help="fail when a diagram in DIR, or the legend, is stale")
    what.add_argument("--write", metavar="DIR", type=Path, help="write every diagram and the legend into DIR")


def _run(arguments: argparse.Namespace) -> ExitCode:
    """Print, check or write the diagrams."""
    terminal = Terminal.of(arguments)
    if arguments.check is not None:
        return _check(arguments.check, terminal)
    if arguments.write is not None:
        return _write(arguments.write, terminal)
    return _print(arguments.format, terminal)


def _print(notation: str, terminal: Terminal) -> ExitCode:
    from stui_supervisor import diagrams  # noqa: PLC0415  only when something is drawn

    draw = {"mermaid": diagrams.mermaid, "dot": diagrams.dot, "svg": diagrams.svg}[notation]
    if terminal.as_json:
        terminal.answer({"format": notation, "diagram": draw()})
    else:
        terminal.line(draw().removesuffix("\n"))
    return ExitCode.DONE


def _check(directory: Path, terminal: Terminal) -> ExitCode:
    from stui_supervisor import diagrams  # noqa: PLC0415  as above
    from stui_supervisor.adapters.host.command_lines import PROGRAM, line  # noqa: PLC0415  as above

    if not directory.is_dir():
        raise ConfigurationError(f"{directory} is not a directory", hint="name the one that holds the diagrams")
    stale = diagrams.stale(directory)
    if terminal.as_json:
        terminal.answer({"stale": stale})
    elif stale:
        way = line((PROGRAM, "diagram", "--write", str(directory)), encoding=getattr(sys.stderr, "encoding", None))
        terminal.note(f"stale in {printable(str(directory))}: {', '.join(stale)}. Run: {way}")
    else:
        terminal.line(f"The diagrams in {directory} show the table as it is.")
    return ExitCode.FAILED if stale else ExitCode.DONE


def _write(directory: Path, terminal: Terminal) -> ExitCode:
    from stui_supervisor import diagrams  # noqa: PLC0415  as above

    try:
        written = diagrams.write(directory)
    except OSError as error:
        raise ConfigurationError(
            f"{directory} cannot be written: {error.strerror}", hint="name another directory"
        ) from error
    if terminal.as_json:
        terminal.answer({"written": [str(path) for path in written]})
    for path in written:
        terminal.line(str(path))
    for name in diagrams.stale(directory):
        terminal.note(
            f"{directory / name} is your own and stays as it is. For a legend there, remove it, "
            f"or give its table a place: {diagrams.PLACE}"
        )
    return ExitCode.DONE
