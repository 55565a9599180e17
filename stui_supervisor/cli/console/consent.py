"""Asking before something is removed or written over."""

from __future__ import annotations

import argparse
import sys

from stui_supervisor.cli.console.terminal import Terminal
from stui_supervisor.errors import ConfigurationError

_YES = frozenset({"y", "yes"})


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--force`` and ``--dry-run``."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--force", action="store_true", help="do it without asking")
    how.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")


def is_agreed(what: str, arguments: argparse.Namespace, terminal: Terminal) -> bool:
    """Whether a person wants this done; ``what`` is a verb and its object.

    Raises ConfigurationError where nobody can be asked.
    """
    if arguments.force:
        return True
    if terminal.as_json or not (_is_terminal(sys.stdin) and _is_terminal(sys.stderr)):
        raise ConfigurationError(f"this would {what}", hint="if it is to be so, add --force; --dry-run shows it")
    print(f"This will {what}. Is that right? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201  # the question
    if sys.stdin.readline().strip().lower() in _YES:
        return True
    terminal.note("Nothing is changed.")
    return False


def _is_terminal(stream: object) -> bool:
    return stream is not None and bool(getattr(stream, "isatty", bool)())
