"""The commands and options of ``sessions``; their module is imported when one of them runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from stui_supervisor.cli.console.consent import add_options
from stui_supervisor.config import PRUNE_MAX_DAYS, SESSION_KEPT_DAYS

_COMMANDS: Final = (
    ("list", "list_all", (), "the sessions, the newest first"),
    ("show", "show", ("ID",), "what a session holds, and the copies of its work that can be restored"),
    (
        "restore",
        "restore",
        ("ID", "[SNAPSHOT]"),
        "let the next start go on with a session, as it is or as a copy has it",
    ),
    ("export", "export", ("ID", "FILE"), "write a session to a file"),
    ("import", "import_file", ("FILE",), "make a session from such a file"),
    ("prune", "prune", (), "remove the sessions that nobody used for long; the last work of each image stays"),
)
_OPERANDS: Final = {
    "ID": "a session, by its id in the list",
    "SNAPSHOT": "a copy of its work as show names it, for instance context.2; without one, the work as it is",
    "FILE": "where to, or where from; - is stdout or stdin",
}


def add_parsers(
    commands: Any, shared: argparse.ArgumentParser, later: Callable[[str], Callable[[argparse.Namespace], int]]
) -> None:
    """Add ``sessions``. Without ``--profile`` its commands see those of every profile."""
    help_line = "list, show, restore, export, import and prune stored sessions"
    sessions = commands.add_parser(
        "sessions", parents=[shared], allow_abbrev=False, help=help_line, description=f"{help_line.capitalize()}."
    )
    known = sessions.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, function, operands, line in _COMMANDS:
        sentence = f"{line[0].upper()}{line[1:]}."
        command = known.add_parser(name, parents=[shared], allow_abbrev=False, help=line, description=sentence)
        for operand in operands:
            word = operand.strip("[]")
            command.add_argument(
                word.lower(), metavar=word, nargs=None if word == operand else "?", help=_OPERANDS[word]
            )
        command.set_defaults(run=later(function), unless_given={"profile": None})
    for name in ("export", "prune"):
        add_options(known.choices[name])
    known.choices["prune"].add_argument(
        "--older-than", metavar="DAYS", type=_days, default=SESSION_KEPT_DAYS, help="how long (default: %(default)g)"
    )
    known.choices["prune"].add_argument(
        "--also-last",
        action="store_true",
        help="also the last work of each image, as where a server names another image at each of its starts",
    )


def _days(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (days := float(text)) <= PRUNE_MAX_DAYS:
            return days
    raise argparse.ArgumentTypeError(f"{text!a} is not a number of days from 0 to {PRUNE_MAX_DAYS:,.0f}")
