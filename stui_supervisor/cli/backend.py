"""``backend``: the reference backend, for trying things out."""

from __future__ import annotations

import argparse

from stui_supervisor import backend


def run(arguments: argparse.Namespace) -> int:
    """Serve until it is interrupted."""
    return backend.run(backend.settings_from(arguments), as_json=arguments.json)
