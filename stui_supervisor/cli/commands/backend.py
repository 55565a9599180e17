"""``backend``: the reference backend, for trying things out."""

from __future__ import annotations

import argparse

from stui_supervisor import backend
from stui_supervisor.cli.console.declaration import Commands


def add_to(commands: Commands) -> None:
    """Add ``backend``."""
    command = commands.add(
        "backend",
        "run the reference backend",
        "Run the reference backend, which speaks STUI and knows a little Smalltalk, until Ctrl-C.",
        _run,
    )
    backend.add_arguments(command)


def _run(arguments: argparse.Namespace) -> int:
    """Serve until it is interrupted, or its stdin ends where that was asked for."""
    settings = backend.settings_from(arguments)
    return backend.run(settings, as_json=arguments.json, until_eof=arguments.until_eof)
