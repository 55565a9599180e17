"""``demo``: a link through all six states, explained as it happens."""

from __future__ import annotations

import argparse

from stui_supervisor.cli.console.declaration import Commands


def add_to(commands: Commands) -> None:
    """Add ``demo``."""
    commands.add(
        "demo",
        "watch a link go through every state, in under 30 s",
        "Start a backend, supervise a link to it through every state, and explain each step.",
        _run,
    )


def _run(arguments: argparse.Namespace) -> int:
    from stui_supervisor.cli.demo import story  # noqa: PLC0415  only when it runs

    return story.run(arguments)
