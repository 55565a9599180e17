"""``run``: supervise the link in the foreground."""

from __future__ import annotations

import argparse

from stui_supervisor.cli.console.declaration import WITHOUT_ENDPOINT, Commands, add_without_profile


def add_to(commands: Commands) -> None:
    """Add ``run``."""
    run = commands.add(
        "run",
        "supervise the link in the foreground",
        "Keep the link to ENDPOINT until Ctrl-C, and print each transition and problem.",
        _run,
    )
    run.add_argument(
        "endpoint", metavar="ENDPOINT", nargs="?", help=f"for instance tcp://127.0.0.1:5555; {WITHOUT_ENDPOINT}"
    )
    add_without_profile(run)


def _run(arguments: argparse.Namespace) -> int:
    from stui_supervisor.cli.commands import run_action  # noqa: PLC0415  only when it runs

    return run_action.run(arguments)
