"""``sessions``: what is stored, and how to get back to an earlier state of it."""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import Final

from stui_supervisor.cli.console.consent import add_options
from stui_supervisor.cli.console.declaration import Commands
from stui_supervisor.config import PRUNE_MAX_DAYS, SESSION_KEPT_DAYS

_ACTIONS: Final = (
    ("list", (), "the sessions, the newest first"),
    ("show", ("ID",), "what a session holds, and the copies of its work that can be restored"),
    ("restore", ("ID", "[SNAPSHOT]"), "let the next start go on with a session, as it is or as a copy has it"),
    ("export", ("ID", "FILE"), "write a session to a file"),
    ("import", ("FILE",), "make a session from such a file"),
    ("prune", (), "remove the sessions that nobody used for long; the last work of each image stays"),
)
_OPERANDS: Final = {
    "ID": "a session, by its id in the list",
    "SNAPSHOT": "a copy of its work as show names it, for instance context.2; without one, the work as it is",
    "FILE": "where to, or where from; - is stdout or stdin",
}


def add_to(commands: Commands) -> None:
    """Add ``sessions``. Without ``--profile`` its actions see those of every profile."""
    help_line = "list, show, restore, export, import and prune stored sessions"
    sessions = commands.add_group("sessions", help_line, f"{help_line.capitalize()}.")
    actions = {}
    for name, operands, line in _ACTIONS:
        actions[name] = action = sessions.add(name, line, f"{line[0].upper()}{line[1:]}.", _run)
        for operand in operands:
            word = operand.strip("[]")
            action.add_argument(
                word.lower(), metavar=word, nargs=None if word == operand else "?", help=_OPERANDS[word]
            )
        action.set_defaults(unless_given={"profile": None})
    for name in ("export", "prune"):
        add_options(actions[name])
    actions["prune"].add_argument(
        "--older-than", metavar="DAYS", type=_days, default=SESSION_KEPT_DAYS, help="how long (default: %(default)g)"
    )
    actions["prune"].add_argument(
        "--also-last",
        action="store_true",
        help="also the last work of each image, as where a server names another image at each of its starts",
    )


def _run(arguments: argparse.Namespace) -> int:
    from stui_supervisor.cli.commands import session_actions as actions  # noqa: PLC0415  only when one runs

    run = {
        "list": actions.list_all,
        "show": actions.show,
        "restore": actions.restore,
        "export": actions.export,
        "import": actions.import_file,
        "prune": actions.prune,
    }
    return run[arguments.action_name](arguments)


def _days(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (days := float(text)) <= PRUNE_MAX_DAYS:
            return days
    raise argparse.ArgumentTypeError(f"{text!a} is not a number of days from 0 to {PRUNE_MAX_DAYS:,.0f}")
