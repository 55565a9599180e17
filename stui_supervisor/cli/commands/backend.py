"""``backend``: the reference backend, for trying things out."""

from __future__ import annotations

import argparse

from stui_supervisor import backend


def run(arguments: argparse.Namespace) -> int:
    """Serve until it is interrupted, or its stdin ends where that was asked for."""
    settings = backend.settings_from(arguments)
    return backend.run(settings, as_json=arguments.json, until_eof=arguments.until_eof)
