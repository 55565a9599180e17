"""``status``: what is known about the link."""

from __future__ import annotations

import argparse

from stui_supervisor.cli.console.declaration import Commands


def add_to(commands: Commands) -> None:
    """Add ``status``."""
    commands.add(
        "status",
        "what is known about the link",
        "Print what is known about the link. Ends with 0 when it is up, 3 when it is not, 4 when a person is needed.",
        _run,
    )


def _run(arguments: argparse.Namespace) -> int:
    from stui_supervisor.cli.commands import status_action  # noqa: PLC0415  only when it runs

    return status_action.run(arguments)
