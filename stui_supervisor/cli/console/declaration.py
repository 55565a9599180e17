"""How a command declares its words and options, each of them in the module of its name in ``cli/commands``.

All of these are imported for every command line, so what a command does is imported by its ``run`` only.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final, TypeAlias

Run: TypeAlias = Callable[[argparse.Namespace], int]  # does what the arguments say; the exit code

WITHOUT_ENDPOINT: Final = "without one, where its session was linked last, or the profile's first endpoint"


class Commands:
    """The commands of the program, or the actions of one of them, to which ``add`` adds another.

    ``shared`` has the options of every command. ``kind`` is "command" or "action"; the name that was chosen
    is then the argument ``command_name`` or ``action_name``.
    """

    def __init__(self, parser: argparse.ArgumentParser, shared: argparse.ArgumentParser, kind: str) -> None:
        self._shared = shared
        self._parsers = parser.add_subparsers(
            title=f"{kind}s", dest=f"{kind}_name", metavar=kind.upper(), required=True
        )

    def add(self, name: str, help_line: str, description: str, run: Run) -> argparse.ArgumentParser:
        """A new command, for its own options to be added to."""
        command = self._add(name, help_line, description)
        command.set_defaults(run=run)
        return command

    def add_group(self, name: str, help_line: str, description: str) -> Commands:
        """A new command that wants one of several actions, for these to be added to."""
        return Commands(self._add(name, help_line, description), self._shared, "action")

    def _add(self, name: str, help_line: str, description: str) -> argparse.ArgumentParser:
        return self._parsers.add_parser(
            name, parents=[self._shared], allow_abbrev=False, help=help_line, description=description
        )


def add_without_profile(command: argparse.ArgumentParser) -> None:
    """Add the option ``--without-profile``."""
    command.add_argument(
        "--without-profile", action="store_true", help="link once without what is settled for the profile"
    )
