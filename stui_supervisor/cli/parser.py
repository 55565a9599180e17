"""Every command and option, and nothing else: a command's own module is imported when it runs.

So ``--help`` and a mistyped option are answered at once.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final, NoReturn

from stui_supervisor import backend
from stui_supervisor._version import __version__
from stui_supervisor.cli.commands import diagram, profile_options, session_options
from stui_supervisor.errors import ConfigurationError

_PROGRAM: Final = "stui-supervisor"
_WITHOUT_ENDPOINT: Final = "without one, where its session was linked last, or the profile's first endpoint"
_DEFAULTS: Final = {"home": None, "profile": "default", "json": False}


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line as the error that it is, for ``--json`` to show."""

    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(message, hint=f"see {self.prog} --help")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read a command line; ``run(arguments)`` of the result runs its command.

    Raises ConfigurationError for a wrong one.
    """
    arguments = _build(as_json=asks_for_json(words)).parse_args(words)
    for name, value in {**_DEFAULTS, **getattr(arguments, "unless_given", {})}.items():
        if not hasattr(arguments, name):
            setattr(arguments, name, value)
    return arguments


def asks_for_json(words: Sequence[str]) -> bool:
    """Whether ``--json`` is given; known without parsing, since a wrong command line has to honour it too."""
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
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, help_line: str, description: str, *, module: str, function: str = "run") -> _Parser:
        command: _Parser = commands.add_parser(
            name, parents=[shared], allow_abbrev=False, help=help_line, description=description
        )
        command.set_defaults(run=_later(module, function))
        return command

    add(
        "demo",
        "watch a link go through every state, in under 30 s",
        "Start a backend, supervise a link to it through every state, and explain each step.",
        module="demo.story",
    )
    run = add(
        "run",
        "supervise the link in the foreground",
        "Keep the link to ENDPOINT until Ctrl-C, and print each transition and problem.",
        module="commands.run",
    )
    run.add_argument(
        "endpoint",
        metavar="ENDPOINT",
        nargs="?",
        help=f"for instance tcp://127.0.0.1:5555; {_WITHOUT_ENDPOINT}",
    )
    add(
        "status",
        "what is known about the link",
        "Print what is known about the link. Ends with 0 when it is up, 3 when it is not, 4 when a person is needed.",
        module="commands.status",
    )
    request = add(
        "request",
        "send one request to the backend",
        "Send one request to the backend that the profile was connected to last, and print its result.",
        module="commands.request",
    )
    request.add_argument("command", metavar="COMMAND", help="a STUI command, for instance ping or get_session_info")
    request.add_argument("parameters", metavar="JSON", nargs="?", default="{}", help="its parameters; - reads stdin")
    evaluate = add(
        "eval",
        "evaluate Smalltalk code in the image",
        "Evaluate code in the image that the profile was connected to last, and print its result.",
        module="commands.request",
        function="evaluate",
    )
    evaluate.add_argument("code", metavar="CODE", help="for instance '3 + 4'")
    for command in (run, request, evaluate):
        command.add_argument(
            "--without-profile", action="store_true", help="link once without what is settled for the profile"
        )
    login = add(
        "login",
        "keep a backend's token in the keyring, and let the profile use it",
        "Keep the token of ENDPOINT in the system's keyring, and let this profile use it; another profile with the "
        "same endpoint wants a login of its own. The token is asked for, or read from stdin, never an argument.",
        module="commands.login",
    )
    logout = add(
        "logout",
        "take a backend's token out of the keyring",
        "Take the token of ENDPOINT out of the system's keyring, for every profile.",
        module="commands.login",
        function="forget",
    )
    for command in (login, logout):
        command.add_argument("endpoint", metavar="ENDPOINT", nargs="?", help=_WITHOUT_ENDPOINT)
    profile_options.add_parsers(commands, shared, lambda function: _later("commands.profiles", function))
    session_options.add_parsers(commands, shared, lambda function: _later("commands.sessions", function))
    served = add(
        "backend",
        "run the reference backend",
        "Run the reference backend, which speaks STUI and knows a little Smalltalk, until Ctrl-C.",
        module="commands.backend",
    )
    backend.add_arguments(served)
    diagram.add_parser(commands, [shared])
    return parser


def _shared_options(*, as_json: bool) -> _Parser:
    """The options of every command, taken before and after its name.

    None has a default here: that of the command would hide what was given before it.
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


def _later(module: str, function: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        return int(getattr(import_module(f"stui_supervisor.cli.{module}"), function)(arguments))

    return run
