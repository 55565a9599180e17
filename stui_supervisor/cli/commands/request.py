"""``request`` and ``eval``: one request to the backend."""

from __future__ import annotations

import argparse

from stui_supervisor.cli.console.declaration import Commands, add_without_profile


def add_to(commands: Commands) -> None:
    """Add ``request`` and ``eval``."""
    request = commands.add(
        "request",
        "send one request to the backend",
        "Send one request to the backend that the profile was connected to last, and print its result.",
        _request,
    )
    request.add_argument("command", metavar="COMMAND", help="a STUI command, for instance ping or get_session_info")
    request.add_argument("parameters", metavar="JSON", nargs="?", default="{}", help="its parameters; - reads stdin")
    add_without_profile(request)
    evaluate = commands.add(
        "eval",
        "evaluate Smalltalk code in the image",
        "Evaluate code in the image that the profile was connected to last, and print its result.",
        _evaluate,
    )
    evaluate.add_argument("code", metavar="CODE", help="for instance '3 + 4'")
    add_without_profile(evaluate)


def _request(arguments: argparse.Namespace) -> int:
    from stui_supervisor.cli.commands import request_actions  # noqa: PLC0415  only when it runs

    return request_actions.request(arguments)


def _evaluate(arguments: argparse.Namespace) -> int:
    from stui_supervisor.cli.commands import request_actions  # noqa: PLC0415  as above

    return request_actions.evaluate(arguments)
