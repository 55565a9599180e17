"""Reads a command line by what the modules in ``cli/commands`` declare.

What a command does is imported when it runs, so ``--help`` and a mistyped option are answered at once.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Final, NoReturn

from stui_supervisor._version import __version__
from stui_supervisor.cli.commands import backend, demo, diagram, login, profiles, request, run, sessions, status
from stui_supervisor.cli.console.declaration import Commands
from stui_supervisor.errors import ConfigurationError

_PROGRAM: Final = "stui-supervisor"
_DEFAULTS: Final = {"home": None, "profile": "default", "json": False}
_IN_ORDER_OF_HELP: Final = (
    *(demo.add_to, run.add_to, status.add_to, request.add_to, login.add_to, profiles.add_to, sessions.add_to),
    *(backend.add_to, diagram.add_to),
)


class _Parser(argparse.ArgumentParser):
    """Raises ConfigurationError for a wrong command line, where argparse would print and exit: ``--json`` shows it."""

    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(message, hint=f"see {self.prog} --help")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line; ``run(arguments)`` of these runs the command and returns its exit code.

    Raises ConfigurationError for a wrong command line, SystemExit for ``--help`` and ``--version``.
    """
    arguments = _build(as_json=asks_for_json(words)).parse_args(words)
    # A command may have other defaults for the shared options: it sets them as ``unless_given``.
    for name, value in {**_DEFAULTS, **getattr(arguments, "unless_given", {})}.items():
        if not hasattr(arguments, name):
            setattr(arguments, name, value)
    return arguments


def asks_for_json(words: Sequence[str]) -> bool:
    """Whether ``--json`` is given. It does not parse, since errors in the command line are shown as JSON too."""
    options = words[: words.index("--")] if "--" in words else words
    return "--json" in options


def _build(*, as_json: bool) -> argparse.ArgumentParser:
    shared = _shared_options(as_json=as_json)
    parser = _Parser(
        prog=_PROGRAM,
        parents=[shared],
        allow_abbrev=False,
        description="Keeps STUI's link to a live Smalltalk image, and the work context with it.",
        epilog="Exit: 0 done, 1 failed, 2 wrong usage, 3 no link, 4 a person is needed.",
    )
    commands = Commands(parser, shared, "command")
    for add_to in _IN_ORDER_OF_HELP:
        add_to(commands)
    return parser


def _shared_options(*, as_json: bool) -> _Parser:
    """The options of every command, accepted before and after its name.

    None has a default here: the default of the command would replace what was given before its name.
    ``parse`` fills in the defaults.
    """
    version = json.dumps({"version": __version__}) if as_json else f"{_PROGRAM} {__version__}"
    shared = _Parser(add_help=False, allow_abbrev=False)
    options = shared.add_argument_group("options of every command")
    options.add_argument(
        "--home",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="where sessions and logs are kept, in place of the system's directories",
    )
    options.add_argument(
        "--profile",
        metavar="NAME",
        default=argparse.SUPPRESS,
        help="whose sessions (default: default; for the command sessions: all)",
    )
    options.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON on stdout, for programs"
    )
    options.add_argument("--version", action="version", version=version, help="print the version and end")
    return shared
